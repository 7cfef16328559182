"""A strong player for 2048: expectimax over what a move and the tile after it can lead to.

    look(board, 2)    best move ─▶ every new tile ─▶ best move ─▶ every new 2 ─▶ best move ─▶ evaluate
    look(board, 1)    best move ─▶ every new tile ─▶ best move ─▶ evaluate

Positions are valued by a sum over rows and columns, from one table. All values are integers, so that every machine
picks the same move. The features and their weights are the well-known ones of Robert Xiao's 2048 player (2014).
"""

import math

import numpy as np
import numpy.typing as npt

from native import nibbles
from native.g2048 import NUM_ACTIONS, slide
from native.jit import kernel
from native.state import Records

ALIVE = 200_000  # per row and column: to be stuck is worse than anything on the board
EMPTY, MERGE, ORDER, WEIGHT = 270, 700, 47, 11
CROWDED = 5  # with at most so many empty cells, look a move further
NEAR = 2 * EMPTY  # a move that promises at most one empty cell less is as good; whole games played so end alike

_ROW = np.uint64(0xFFFF)
_0, _1, _16, _32, _48 = (np.uint64(n) for n in (0, 1, 16, 32, 48))


def value_table() -> npt.NDArray[np.int32]:
    """The value of each of the 65,536 rows: room and merges are good, disorder and many tiles are not."""
    cells = np.arange(1 << 16, dtype=np.int64)[:, None] >> np.arange(0, 16, 4) & 15
    weight = np.array([math.isqrt(exponent**7) for exponent in range(16)])[cells].sum(axis=1)
    falls = np.diff(cells**4, axis=1)
    disorder = np.minimum(np.maximum(falls, 0).sum(axis=1), np.maximum(-falls, 0).sum(axis=1))
    empty = (cells == 0).sum(axis=1)
    values = ALIVE + EMPTY * empty + MERGE * _mergeable(cells) - ORDER * disorder - WEIGHT * weight
    return np.asarray(values, np.int32)


def _mergeable(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each row, how many tiles stand next to an equal one, gaps left out."""
    total = np.zeros(len(cells), np.int64)
    last, run = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int64)
    for cell in cells.T:
        same = (cell == last) & (cell > 0)
        total += np.where(same, 1 + (run == 0), 0)
        run = np.where(same, run + 1, np.where(cell > 0, 0, run))
        last = np.where(cell > 0, cell, last)
    return total


@kernel
def evaluate(board: np.uint64, values: npt.NDArray[np.int32]) -> np.int64:
    """The value of a position, higher is better."""
    turned = nibbles.transpose(board)
    total = np.int64(values[board & _ROW]) + np.int64(values[turned & _ROW])
    total += np.int64(values[(board >> _16) & _ROW]) + np.int64(values[(turned >> _16) & _ROW])
    total += np.int64(values[(board >> _32) & _ROW]) + np.int64(values[(turned >> _32) & _ROW])
    return total + np.int64(values[board >> _48]) + np.int64(values[turned >> _48])


@kernel
def best_now(
    board: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32], values: npt.NDArray[np.int32]
) -> np.int64:
    """The value of the best move, looking no further; 0 if there is none."""
    best = np.int64(0)
    for action in range(NUM_ACTIONS):
        moved, _ = slide(board, rows, cols, action, table)
        if moved != board:
            best = max(best, evaluate(moved, values))
    return best


@kernel
def best_soon(
    board: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32], values: npt.NDArray[np.int32]
) -> np.int64:
    """The value of the best move, looking one move further: the mean over every cell where a 2 can appear."""
    best = np.int64(0)
    for action in range(NUM_ACTIONS):
        moved, _ = slide(board, rows, cols, action, table)
        if moved != board:
            empty = nibbles.inside(rows, cols) & ~nibbles.occupied(moved)
            total, cells = np.int64(0), np.int64(0)
            while empty != _0:
                tile = empty & (~empty + _1)
                empty ^= tile
                total += best_now(moved | tile, rows, cols, table, values)
                cells += 1
            best = max(best, total // cells)
    return best


@kernel
def promise(
    moved: np.uint64, rows: np.uint64, cols: np.uint64, table: npt.NDArray[np.uint32], values: npt.NDArray[np.int32]
) -> np.int64:
    """The value of a position before its new tile: the mean over every cell and over 2 (nine in ten) and 4."""
    empty = nibbles.inside(rows, cols) & ~nibbles.occupied(moved)
    crowded = nibbles.count(empty) <= np.uint64(CROWDED)
    total, cells = np.int64(0), np.int64(0)
    while empty != _0:
        tile = empty & (~empty + _1)
        empty ^= tile
        if crowded:
            total += 9 * best_soon(moved | tile, rows, cols, table, values)
            total += best_soon(moved | (tile << _1), rows, cols, table, values)
        else:
            total += 9 * best_now(moved | tile, rows, cols, table, values)
            total += best_now(moved | (tile << _1), rows, cols, table, values)
        cells += 10
    return total // cells


@kernel
def values(
    state: Records, table: npt.NDArray[np.uint32], row_values: npt.NDArray[np.int32], worths: npt.NDArray[np.int64]
) -> None:
    """worths[N, 4] = what each move of state[N] promises, at least 0; -1 for a move that is not legal."""
    for index in range(len(state)):
        record = state[index]
        rows, cols, board = np.uint64(record["rows"]), np.uint64(record["cols"]), np.uint64(record["board"])
        for action in range(NUM_ACTIONS):
            moved, _ = slide(board, rows, cols, action, table)
            worths[index, action] = -1
            if record["ended"] == 0 and moved != board:
                worths[index, action] = promise(moved, rows, cols, table, row_values)
