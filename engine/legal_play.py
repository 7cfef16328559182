"""Legal play to any depth of a game: which moves, and how many, follows from the seed of each game alone.

seeds ─▶ fresh games ─▶ played out once to see how long each lasts ─▶ played again to a depth below that
"""

import numpy as np
import numpy.typing as npt

from engine.games.core import Game
from native import state as records
from native.state import Records

DEPTH = np.uint64(1 << 32)  # the sub-seed that says how deep; those after it draw the moves


def choices(mask: npt.NDArray[np.bool_], numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """For each row of mask[N, num_actions] the legal action that its number picks, evenly; -1 where there is none."""
    counts = mask.sum(axis=1)
    actions = np.full(len(mask), -1, np.int64)
    some = counts > 0
    firsts = (np.cumsum(counts) - counts)[some]
    picked = numbers[some] % counts[some].astype(np.uint64)
    actions[some] = np.nonzero(mask)[1][firsts + picked.astype(np.int64)]
    return actions


def play_to_some_depth(game: Game, fresh: Records, seeds: npt.NDArray[np.uint64], num_moves: int) -> None:
    """Play each of fresh[N] legally, in place, to a depth drawn evenly from those of its first `num_moves` moves."""
    lengths = _play(game, fresh.copy(), seeds, np.full(len(fresh), num_moves))
    depths = np.empty(len(fresh), np.uint64)
    records.sub_seeds(seeds, DEPTH, depths)
    _play(game, fresh, seeds, (depths % np.maximum(lengths, 1).astype(np.uint64)).astype(np.int64))


def _play(
    game: Game, state: Records, seeds: npt.NDArray[np.uint64], limits: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Play up to limits[N] legal moves in place; returns how many [N]."""
    played = np.zeros(len(state), np.int64)
    numbers = np.empty(len(state), np.uint64)
    for move in range(int(limits.max(initial=0))):
        going = np.flatnonzero((state["ended"] == 0) & (move < limits))
        if not len(going):
            break
        some = state[going]
        records.sub_seeds(seeds, DEPTH + np.uint64(1 + move), numbers)
        game.step(some, choices(game.legal(some), numbers[going]))
        state[going] = some
        played[going] += 1
    return played
