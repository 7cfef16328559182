"""Start states after legal play: every depth of a game is met, and each seed's state is its own."""

import numpy as np
import pytest

import engine
from engine.game import start_states
from engine.legal_play import choices
from native.state import Records


def removed(state: Records) -> list[int]:
    """Pairs that are gone from Shisen-Sho boards."""
    pairs: list[int] = state["score"].tolist()
    return pairs


def test_legal_play_meets_every_depth_evenly() -> None:
    game = engine.make("shisen")
    state = start_states(game, np.arange(1800, dtype=np.uint64), 250, play="legal")
    counts = np.bincount(removed(state), minlength=18)
    assert len(counts) == 18  # 0 .. 17 of 18 pairs
    assert counts.min() > 50  # 100 each, less where a game was stuck early
    assert not state["ended"].any()
    assert game.legal(state).any(axis=1).all()


@pytest.mark.parametrize("name", ["2048", "shisen", "swap"])
def test_a_seeds_state_does_not_depend_on_its_company(name: str) -> None:
    game = engine.make(name)
    together = start_states(game, np.arange(20, dtype=np.uint64), 60, "eval", "legal")
    alone = [start_states(game, [seed], 60, "eval", "legal") for seed in range(20)]
    assert together.tobytes() == b"".join(one.tobytes() for one in alone)


def test_the_limit_bounds_the_depth() -> None:
    state = start_states(engine.make("swap"), np.arange(300, dtype=np.uint64), 10, play="legal")
    assert set(removed(state)) == set(range(10))


def test_choices_are_even_and_legal() -> None:
    mask = np.array([[False, True, True, False, True]] * 3000 + [[False] * 5])
    chosen = choices(mask, np.random.default_rng(0).integers(2**63, size=3001).astype(np.uint64))
    assert chosen[-1] == -1
    counts = np.bincount(chosen[:-1], minlength=5)
    assert counts[[0, 3]].tolist() == [0, 0]
    assert counts[[1, 2, 4]].min() > 900


def test_other_play_is_refused() -> None:
    with pytest.raises(ValueError, match="play 'greedy'"):
        start_states(engine.make("2048"), [1], 5, play="greedy")  # type: ignore[arg-type]
