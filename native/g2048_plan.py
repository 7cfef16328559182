"""A player for 2048 that is after points alone: what a move brings now and what can follow it.

    worths(board)     move ─▶ every new tile ─▶ move ─▶ move      points of all three moves, the mean over new tiles
    outlook(board)    move ─▶ move                                points of both, apart: what can be seen on the board

Between the last two moves no new tile is thought of. Nothing is drawn at random, and nothing but the board is asked of
a position. 100 moves from a fresh board make 1,094 points; a player that wants to survive makes 1,019, because what it
keeps for later is worth nothing when the game is cut (benchmarks/planner.py).
"""

import numpy as np
import numpy.typing as npt

from native import nibbles
from native.g2048 import NUM_ACTIONS, slide
from native.jit import kernel
from native.state import Records

POINT = 100  # worths count hundredths, so that means are whole numbers
NEAR = POINT  # a move that promises at most one point less is as good; games played so end 2 or 3 points lower

_0, _1 = np.uint64(0), np.uint64(1)


@kernel
def best_next(board: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32]) -> np.int64:
    """The most points that one move makes; 0 if none merges."""
    best = _0
    for action in range(NUM_ACTIONS):
        best = max(best, slide(board, rows, cols, action, table)[1])
    return np.int64(best)


@kernel
def best_two(board: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32]) -> np.int64:
    """The most points that two moves make, no tile between them; 0 if there is no move."""
    best = np.int64(0)
    for action in range(NUM_ACTIONS):
        moved, gained = slide(board, rows, cols, action, table)
        if moved != board:
            best = max(best, np.int64(gained) + best_next(moved, rows, cols, table))
    return best


@kernel
def promise(moved: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32]) -> np.int64:
    """Hundredths of points to come on a board before its new tile: over every cell, 2 (nine in ten) and 4."""
    empty = nibbles.inside(rows, cols) & ~nibbles.occupied(moved)
    total, cells = np.int64(0), np.int64(0)
    while empty != _0:
        tile = empty & (~empty + _1)
        empty ^= tile
        total += 9 * best_two(moved | tile, rows, cols, table)
        total += best_two(moved | (tile << _1), rows, cols, table)
        cells += 1
    return POINT // 10 * total // cells


@kernel
def values(state: Records, table: npt.NDArray[np.uint32], worths: npt.NDArray[np.int64]) -> None:
    """worths[N, 4] = hundredths of points that each move of state[N] promises; -1 for a move that is not legal."""
    for index in range(len(state)):
        record = state[index]
        rows, cols, board = np.uint64(record["rows"]), np.uint64(record["cols"]), np.uint64(record["board"])
        for action in range(NUM_ACTIONS):
            moved, gained = slide(board, rows, cols, action, table)
            worths[index, action] = -1
            if record["ended"] == 0 and moved != board:
                worths[index, action] = POINT * np.int64(gained) + promise(moved, rows, cols, table)


@kernel
def outlook(state: Records, table: npt.NDArray[np.uint32], points: npt.NDArray[np.int64]) -> None:
    """points[N, 4, 2] = what each move of state[N] makes, and the most that a move right after it makes, new tiles left
    out; -1 for a move that changes nothing."""
    for index in range(len(state)):
        record = state[index]
        rows, cols, board = np.uint64(record["rows"]), np.uint64(record["cols"]), np.uint64(record["board"])
        for action in range(NUM_ACTIONS):
            moved, gained = slide(board, rows, cols, action, table)
            points[index, action] = -1
            if moved != board:
                points[index, action, 0] = np.int64(gained)
                points[index, action, 1] = best_next(moved, rows, cols, table)
