"""The atlas over the wire: the same pixels on the other side, and bytes from anywhere end in ValueError at worst."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.render import frame
from engine.render.atlas import Atlas, Grid, Layout

SETTINGS: list[dict[str, Any]] = [
    {"tile_px": 28, "strip": False},
    {"tile_px": 28, "strip": True},
    {"rows": 3, "cols": 2, "tile_px": 84},
    {"rows": 2, "cols": 4, "tile_px": 140},
    {"tile_px": 56, "level": "extreme"},
    {"tile_px": 28, "strip": False, "distractors": 100},
]
SMALL = engine.make("2048", rows=2, cols=2, tile_px=28, strip=False).atlas.to_bytes()


@pytest.mark.parametrize("settings", SETTINGS)
def test_receiver_draws_the_same_pixels(settings: dict[str, Any]) -> None:
    game = engine.make("2048", **settings)
    state = game.reset(range(3))
    game.play_random(state, 20)
    draws = np.frombuffer(game.sprites(state).tobytes(), game.draw_dtype)
    received = Atlas.from_bytes(game.atlas.to_bytes())
    assert received.digest == game.atlas.digest
    assert len(received.digest) == 16
    assert received.draw_dtype == game.draw_dtype
    assert np.array_equal(received.compose(draws), game.render(state))
    assert game.draw_dtype.itemsize < 1024


def test_default_frame_is_the_papers() -> None:
    game = engine.make("2048")
    assert (game.atlas.width, game.atlas.height) == (672, 840)
    assert game.settings["tile_px"] == 168


@pytest.mark.parametrize("rows", [2, 3, 4])
@pytest.mark.parametrize("cols", [2, 3, 4])
@pytest.mark.parametrize("strip", [True, False])
def test_everything_lies_on_the_grid(rows: int, cols: int, strip: bool) -> None:
    for tile_px in (28, 56, frame.default_tile_px(rows, cols)):
        layout = frame.layout(rows, cols, tile_px, 16, strip)
        board = layout.grids[0]
        assert all(px % 28 == 0 for px in (layout.height, layout.width, board.left, board.top, board.width))


def test_strip_shows_the_score() -> None:
    glyphs = frame.strip_glyphs(np.array([0, 1204, 9_876_543], np.int64), 24)[:, 0]
    blank, label = frame.BLANK, [11, 12, 13, 14, 15]
    assert glyphs[0].tolist() == [blank, *label, *[blank] * 16, 0, blank]
    assert glyphs[1].tolist() == [blank, *label, *[blank] * 13, 1, 2, 0, 4, blank]
    assert glyphs[2].tolist() == [blank, *label, *[blank] * 10, 9, 8, 7, 6, 5, 4, 3, blank]


def test_tiles_differ_from_each_other() -> None:
    game = engine.make("2048", tile_px=28, strip=False)
    tiles = game.render(game.from_board([np.arange(16).reshape(4, 4)], [0]))[0].reshape(4, 28, 4, 28, 3).swapaxes(1, 2)
    flat = tiles.reshape(16, -1).astype(int)
    distances = np.abs(flat[:, None] - flat[None]).sum(axis=2) + 10**9 * np.eye(16, dtype=int)
    assert distances.min() > 10_000


def test_compose_into_out_and_its_errors() -> None:
    game = engine.make("2048", tile_px=28, strip=False)
    state = game.reset([1, 2])
    out = np.zeros((2, 112, 112, 3), np.uint8)
    assert game.render(state, out=out) is out
    assert np.array_equal(out, game.render(state))
    for bad in (out[:1], out[:, ::-1], out[..., :2]):
        with pytest.raises(ValueError, match="out is"):
            game.render(state, out=bad)
    draws = game.sprites(state)
    draws["board"][0, 0, 0] = 16
    with pytest.raises(ValueError, match="sprite 16"):
        game.atlas.compose(draws)
    with pytest.raises(ValueError, match="draws are"):
        game.atlas.compose(state)


@given(st.binary(max_size=200))
def test_from_bytes_takes_any_bytes(data: bytes) -> None:
    for bad in (data, b"G1A1" + data):
        with pytest.raises(ValueError, match="atlas"):
            Atlas.from_bytes(bad)


@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_from_bytes_takes_a_damaged_atlas(place: int, change: int) -> None:
    data = bytearray(SMALL)
    data[place] ^= change
    try:
        received = Atlas.from_bytes(bytes(data))
    except ValueError:
        return
    assert received.to_bytes() != SMALL


def test_boxes_of_cells() -> None:
    boxes = frame.layout(2, 3, 56, 4, True).boxes()  # 15 cells of the strip are wider than the board, which is centred
    assert boxes.shape == (2, 3, 4)
    assert boxes[0, 0].tolist() == [0, 112, 56, 168]
    assert boxes[1, 2].tolist() == [56, 224, 112, 280]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(height=4, width=4, grids=(), noise=256), "noise=256"),
        (Layout(height=4, width=4, grids=(Grid("a", 0, 0, 1, 1, 2, 2, 1, jitter=128),)), "jitter=128"),
        (Layout(height=4, width=4, grids=(Grid("noise", 0, 0, 1, 1, 2, 2, 1),), noise=1), "names of their own"),
    ],
)
def test_layouts_that_cannot_be(layout: Layout, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Atlas(layout, np.zeros((4, 4, 3), np.uint8), {})


def test_from_bytes_names_what_is_wrong() -> None:
    layout = Layout(height=4, width=4, grids=(Grid("board", 0, 0, 2, 2, 2, 4, 1),))
    header = msgspec.json.encode(layout)
    with pytest.raises(ValueError, match="does not lie within 4 x 4"):
        Atlas.from_bytes(b"G1A1" + len(header).to_bytes(4, "little") + header)
    with pytest.raises(ValueError, match="needs"):
        Atlas.from_bytes(SMALL[:-1])


def test_an_atlas_gives_back_what_it_was_made_of() -> None:
    made = engine.make("2048", level="extreme", tile_px=28).atlas
    again = Atlas(made.layout, made.background, made.sprites)
    assert again.to_bytes() == made.to_bytes()
    assert list(made.sprites) == ["board", "strip", "marks"]
    made.sprites["board"][:] = 0  # a copy: nothing is lost
    assert made.to_bytes() == again.to_bytes()
