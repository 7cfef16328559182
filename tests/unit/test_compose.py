"""Pixels from sprite numbers: as the slow twin puts them together, and nothing outside the grid is touched."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.compose import LAYER, draw, spans_of
from native.noise import scatter, speckle, strew
from native.seams import draw_past_cache, seamless
from native.wide import WIDTH
from tests.naive import Rng, noisy, paste, paste_marks, paste_moved

Bytes = npt.NDArray[np.uint8]


def program(
    numbers: npt.NDArray[np.uint16], sprites: Bytes, top: int, left: int, offsets: npt.NDArray[np.int8] | None = None,
    marks: bool = False,
) -> tuple[Any, Bytes, Any, Bytes]:  # fmt: skip
    """Layer, pixels, spans and draws of a grid of numbers[N, rows, cols], sprites[S, height, width, 3]."""
    num, rows, cols = numbers.shape
    height, width = sprites.shape[1:3]
    fields = [numbers.astype(np.uint8 if marks else np.uint16)] + ([offsets] if offsets is not None else [])
    parts = [field.reshape(num, field[0].size if num else 0).view(np.uint8) for field in fields]
    layer = np.zeros(1, LAYER)
    layer[0] = (top, 3 * left, rows, cols, height, 3 * width, WIDTH, 0 if marks else -1, 0, -1)
    if offsets is not None:
        layer["offsets"] = parts[0].shape[1]
    room = np.full(WIDTH, 99, np.uint8)  # the kernels load whole vectors and may use only what belongs to a sprite
    return layer, np.concatenate([room, sprites.ravel(), room]), spans_of(sprites), np.concatenate(parts, axis=1)


def drawn(frames: Bytes, *grid: Any, **looks: Any) -> Bytes:
    """A copy of frames[N, lines, width, 3] with the grid drawn into it."""
    layer, pixels, spans, draws = program(*grid, **looks)
    frames = frames.copy()
    lines = frames.reshape(len(frames), frames[0].size if len(frames) else 3)
    draw(layer, pixels, spans, 0, 0, 3 * frames.shape[2], draws, lines)
    return frames


@given(st.integers(0, 2**32), st.integers(0, 3), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 28, 43]))
def test_compose_equals_twin(seed: int, num: int, rows: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    sprites = rng.integers(0, 256, (5, height, width, 3), np.uint8)
    numbers = rng.integers(0, 5, (num, rows, 2), np.uint16)
    frames = rng.integers(0, 256, (num, 2 + rows * height, 3 + 2 * width, 3), np.uint8)
    twin = frames.copy()
    paste(numbers, sprites.reshape(5, height, -1), 2, 3, twin.reshape(num, frames.shape[1], frames.shape[2] * 3))
    assert np.array_equal(drawn(frames, numbers, sprites, 2, 1), twin)


def test_compose_literal() -> None:
    sprites = np.array([[[[1, 2, 3]]], [[[4, 5, 6]]]], np.uint8)
    frames = drawn(np.zeros((1, 3, 2, 3), np.uint8), np.array([[[1, 0]]], np.uint16), sprites, 1, 0)
    assert frames[0].reshape(3, 6).tolist() == [[0] * 6, [4, 5, 6, 1, 2, 3], [0] * 6]


def test_more_than_a_byte_of_sprites() -> None:
    sprites = np.arange(300 * 3).reshape(300, 1, 1, 3).astype(np.uint8)
    frames = drawn(np.zeros((1, 1, 1, 3), np.uint8), np.array([[[299]]], np.uint16), sprites, 0, 0)
    assert frames.ravel().tolist() == [897 % 256, 898 % 256, 899 % 256]


@settings(max_examples=30)
@given(
    st.integers(0, 2**32), st.integers(0, 2), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 4, 28, 70])
)  # fmt: skip
def test_moved_and_marked_equal_twins(seed: int, num: int, rows: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    sprites = rng.integers(0, 3, (4, height, width, 3), np.uint8)
    numbers = rng.integers(0, 4, (num, rows, 2), np.uint16)
    offsets = rng.integers(-width - 2, width + 3, (num, rows, 2, 2), np.int8)
    frames = rng.integers(0, 256, (num, 1 + rows * height, 2 + 2 * width, 3), np.uint8)
    moved, marked = frames.copy(), frames.copy()
    paste_moved(numbers, offsets, sprites, 1, 1, moved)
    paste_marks(numbers, sprites, 1, 1, marked)
    assert np.array_equal(drawn(frames, numbers, sprites, 1, 1, offsets=offsets), moved)
    assert np.array_equal(drawn(frames, numbers, sprites, 1, 1, marks=True), marked)


@pytest.mark.parametrize("right", [-70, -25, -22, -21, -1, 0, 1, 20, 21, 22, 48, 49, 70])
def test_moved_by_more_and_less_than_a_vector(right: int) -> None:
    sprites = np.random.default_rng(right + 99).integers(0, 256, (2, 2, 70, 3), np.uint8)
    numbers, offsets = np.array([[[1, 0]]], np.uint16), np.array([[[[1, right], [-1, -right]]]], np.int8)
    frames = np.zeros((1, 4, 142, 3), np.uint8)
    twin = frames.copy()
    paste_moved(numbers, offsets, sprites, 1, 1, twin)
    assert np.array_equal(drawn(frames, numbers, sprites, 1, 1, offsets=offsets), twin)


@given(
    st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 5),
    st.sampled_from([22, 28, 43, 64]), st.integers(0, 63),
)  # fmt: skip
def test_past_the_cache_is_the_same(
    seed: int, num: int, rows: int, cols: int, height: int, width: int, shift: int
) -> None:
    """Wherever in memory the frames begin, and what lies before and behind them stays."""
    rng = np.random.default_rng(seed)
    sprites = rng.integers(0, 256, (5, height, width, 3), np.uint8)
    numbers = rng.integers(0, 5, (num, rows, cols), np.uint16)
    size = rows * height * cols * width * 3
    layer, pixels, _, draws = program(numbers, sprites, 0, 0)
    room = rng.integers(0, 256, 64 + shift + num * size + 64, np.uint8)
    before, out = room.copy(), room[64 + shift : -64].reshape(num, size)
    assert seamless(layer, cols * width * 3, size)
    draw_past_cache(layer, pixels, draws, out)
    blank = np.zeros((num, rows * height, cols * width, 3), np.uint8)
    assert np.array_equal(out.ravel(), drawn(blank, numbers, sprites, 0, 0).ravel())
    before[64 + shift : -64] = out.ravel()
    assert np.array_equal(room, before)


def test_what_is_not_seamless() -> None:
    layers = np.zeros(2, LAYER)
    layers[0] = (0, 0, 2, 3, 4, 84, 0, -1, 0, -1)
    layers[1] = (8, 0, 1, 3, 2, 84, 0, -1, 0, -1)
    assert seamless(layers, 252, 10 * 252)
    assert not seamless(layers, 252, 11 * 252)  # a line below
    assert not seamless(layers, 255, 10 * 255)  # a pixel beside
    assert not seamless(layers[::-1].copy(), 252, 10 * 252)  # out of order
    for field, value in (("offsets", 0), ("spans", 0), ("top", 1), ("width", 63)):
        other = layers.copy()
        other[field][0] = value
        assert not seamless(other, int(other["width"][0] * 3), 10 * 252)


@pytest.mark.parametrize("num_bytes", [1, 8, 75, 8 * 512, 8 * 512 + 19])
@pytest.mark.parametrize("most", [1, 20, 127, 128, 255])
def test_noise_equals_twin(num_bytes: int, most: int) -> None:
    rng = np.random.default_rng(num_bytes)
    for seed in (5, 2**64 - 1):
        frame = rng.integers(0, 256, num_bytes, np.uint8)
        wanted = noisy(frame.tolist(), seed, most)
        speckle(np.uint64(seed), most, frame, 0, num_bytes)
        assert frame.tolist() == wanted


@pytest.mark.parametrize("cuts", [(), (1,), (84,), (63, 64, 65), (8 * 512 + 3,)])
def test_noise_in_parts_is_the_same(cuts: tuple[int, ...]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, 9000, np.uint8)
    wanted = noisy(frame.tolist(), 7, 20)
    for first, last in zip((0, *cuts), (*cuts, 9000), strict=True):
        speckle(np.uint64(7), 20, frame, first, last - first)
    assert frame.tolist() == wanted


def test_noise_is_even() -> None:
    frame = np.full(60_000, 128, np.uint8)
    speckle(np.uint64(1), 10, frame, 0, len(frame))
    values, counts = np.unique(frame.astype(int) - 128, return_counts=True)
    assert values.tolist() == list(range(-10, 11))
    assert counts.min() > 2400


def test_offsets_and_marks_equal_twins() -> None:
    seeds = np.array([0, 77, 2**64 - 1], np.uint64)
    offsets, marks = np.empty((3, 4, 5, 2), np.int8), np.empty((3, 4, 5), np.uint8)
    scatter(seeds, 7, offsets)
    strew(seeds, 40, 12, marks)
    for index, seed in enumerate(seeds.tolist()):
        rng = Rng(seed).split(1)
        assert offsets[index].ravel().tolist() == [rng.below(15) - 7 for _ in range(40)]
        rng = Rng(seed).split(2)
        drawn = [(rng.below(100), rng.below(12)) for _ in range(20)]
        assert marks[index].ravel().tolist() == [pick + 1 if chance < 40 else 0 for chance, pick in drawn]
