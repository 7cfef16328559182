"""Which way frames are stored: what is small or cannot go past the cache is not measured, what is large is, once."""

import time

import numpy as np
import numpy.typing as npt
import pytest

import engine
from engine.render.stores import SMALL, VARIABLE, Stores

Bytes = npt.NDArray[np.uint8]


class Way:
    """Draws by waiting, and counts."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s, self.calls = wait_s, 0

    def __call__(self, draws: Bytes, frames: Bytes) -> None:
        self.calls += 1
        frames[:] = draws
        time.sleep(self.wait_s)


def batch(num_bytes: int) -> tuple[Bytes, Bytes]:
    draws = np.arange(num_bytes >> 20, dtype=np.uint8)[:, None]
    return draws, np.zeros((len(draws), 1 << 20), np.uint8)


@pytest.fixture(autouse=True)
def _nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize(("usual_s", "past_s", "is_past"), [(0.01, 0.001, True), (0.001, 0.01, False)])
def test_the_faster_way_is_found_once_for_a_size(usual_s: float, past_s: float, is_past: bool) -> None:
    usual, past = Way(usual_s), Way(past_s)
    stores = Stores(usual, past)
    draws, frames = batch(2 * SMALL)
    assert stores.way(draws, frames) is (past if is_past else usual)
    assert np.array_equal(frames, np.broadcast_to(draws, frames.shape))
    calls = usual.calls, past.calls
    assert calls == (12, 12)
    stores.way(draws, frames)
    assert (usual.calls, past.calls) == calls
    stores.way(*batch(4 * SMALL))
    assert usual.calls > 12


def test_small_frames_and_those_with_one_way_are_not_measured() -> None:
    usual, past = Way(0.0), Way(0.0)
    assert Stores(usual, past).way(*batch(SMALL // 2)) is usual
    assert Stores(usual, None).way(*batch(4 * SMALL)) is usual
    assert usual.calls == past.calls == 0


def test_one_frame_that_is_all_there_is() -> None:
    usual, past = Way(0.0), Way(0.0)
    assert Stores(usual, past).way(np.zeros((1, 1), np.uint8), np.zeros((1, 2 * SMALL), np.uint8)) is usual


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, past = Way(0.0), Way(0.0)
    stores = Stores(usual, past)
    for said, way in (("always", past), ("never", usual)):
        monkeypatch.setenv(VARIABLE, said)
        assert stores.way(*batch(SMALL)) is way
    assert usual.calls == past.calls == 0
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(ValueError, match="G1_PAST_CACHE='yes' is not always or never"):
        stores.way(*batch(SMALL))


@pytest.mark.parametrize("name", ["2048", "shisen", "swap"])
@pytest.mark.parametrize("level", ["easy", "normal", "extreme"])
def test_games_look_the_same_in_both_ways(name: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = engine.make(name, level=f"perception:{level}")
    state = engine.start_states(game, range(4), 5)
    pixels = {}
    for said in ("always", "never"):
        monkeypatch.setenv(VARIABLE, said)
        room = np.zeros(4 * game.atlas.height * game.atlas.width * 3 + 17, np.uint8)
        out = room[17:].reshape(4, game.atlas.height, game.atlas.width, 3)  # begins anywhere but at a cache line
        pixels[said] = game.render(state, out=out)
    assert np.array_equal(pixels["always"], pixels["never"])
    assert np.array_equal(pixels["never"][1:3], game.render(state[1:3]))
