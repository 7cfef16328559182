"""Making games: names, levels and settings that do not exist are named, with the nearest that do."""

from typing import Any

import numpy as np
import pytest

import engine
from tests import naive


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "2084"}, "unknown setting 'name'"),
        ({"level": "norml"}, "unknown level 'norml'; did you mean 'normal'"),
        ({"row": 3}, "unknown setting 'row'; did you mean 'rows'"),
        ({"rows": 5}, "rows=5"),
        ({"rows": "4"}, "Expected `int`"),
        ({"tile_px": 30}, "tile_px=30"),
        ({"tile_px": 0}, "tile_px=0"),
        ({"prompt": "long"}, "long"),
    ],
)
def test_bad_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engine.make("2048", **arguments)


def test_an_unknown_game() -> None:
    with pytest.raises(ValueError, match="unknown game '2084'; did you mean '2048'"):
        engine.make("2084")


def test_hash_equals_twin() -> None:
    game = engine.make("2048", rows=3, cols=2)
    state = game.reset(range(20))
    hashes = engine.state_hash(state).tolist()
    whole = engine.state_hash(state, rng=True).tolist()
    for record, value, all_of_it in zip(state, hashes, whole, strict=True):
        assert value == naive.state_hash(record["board"].tobytes() + bytes([3, 2]))
        assert all_of_it == naive.state_hash(record.tobytes())


def test_hash_is_the_same_on_every_machine() -> None:
    state = engine.make("2048").from_board([[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]], [7])
    assert [hex(value) for value in engine.state_hash(state).tolist()] == ["0x9c99265bd75d5266"]


def test_split_equals_twin() -> None:
    state = engine.make("2048").reset([5, 6])
    siblings = engine.branch(state, 3, rng="split")
    wanted = [naive.Rng(int(rng)).split(index).state for rng in state["rng"] for index in range(3)]
    assert siblings["rng"].tolist() == wanted


def test_start_states_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="ask for fewer moves"):
        engine.start_states(engine.make("2048", rows=2, cols=2), np.arange(2), 100_000)
