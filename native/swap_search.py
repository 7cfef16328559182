"""A player for Swap that looks ahead, and the swap that serves each kind.

Every swap that makes a run is worth the same at once, so what counts is what it leaves: the oracle plays each, clears
and lets fall without refilling until nothing is left to clear (the future that is certain), and values

    tiles gone + FOLLOW * swaps that make a run afterwards

All integers, so that every machine picks the same swap; the first of equals, cells counted row by row and the swap with
the right neighbour before that with the lower one.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.state import Records
from native.swap import load
from native.swap_deal import tile_runs
from native.swap_words import ROWS, Place, Words, blank, cell, clear, exchange, find_runs, find_swaps, marked

FOLLOW = 4
NEAR = FOLLOW  # a swap that leaves at most one swap less is nearly as good as the best


@kernel
def worth(
    words: Words, row_1: Place, col_1: Place, row_2: Place, col_2: Place, rows: Place, cols: Place,
    future: Words, marks: Words, across: Words, down: Words,
) -> np.int64:  # fmt: skip
    """What a swap that makes a run is worth; the last four are room to work in."""
    future[:, :ROWS] = words[:, :ROWS]
    exchange(future, row_1, col_1, row_2, col_2)
    gone = np.int64(0)
    while find_runs(future, rows, cols, marks):
        gone += clear(future, rows, marks)
    return gone + FOLLOW * find_swaps(future, rows, cols, across, down)


@kernel
def arrives(words: Words, row_1: Place, col_1: Place, row_2: Place, col_2: Place, rows: Place, cols: Place) -> bool:
    """Does the first cell's tile make a run when it changes places with the second's? Both are neighbours."""
    kind = cell(words, row_1, col_1)
    exchange(words, row_1, col_1, row_2, col_2)
    runs = tile_runs(words, row_2, col_2, kind, rows, cols)
    exchange(words, row_1, col_1, row_2, col_2)
    return runs


@kernel
def oracle(state: Records, actions: npt.NDArray[np.int64]) -> None:
    """actions[N] = the best swap in each of state[N], the tile that makes the run first; -1 if the game has ended."""
    words, future, marks = blank(), blank(), blank()
    across, down, across_2, down_2 = blank(), blank(), blank(), blank()
    for index in range(len(state)):
        record = state[index]
        rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
        best, actions[index] = np.int64(-1), -1
        load(record["board"], words)
        if record["ended"] == 0:
            find_swaps(words, rows, cols, across, down)
            for place in range(2 * rows * cols):
                row, col = place // 2 // cols, place // 2 % cols
                row_2, col_2 = row + place % 2, col + 1 - place % 2
                if marked(down if place % 2 else across, row, col):
                    value = worth(words, row, col, row_2, col_2, rows, cols, future, marks, across_2, down_2)
                    if value > best:
                        first, second = row * cols + col, row_2 * cols + col_2
                        if not arrives(words, row, col, row_2, col_2, rows, cols):
                            first, second = second, first
                        best, actions[index] = value, first * rows * cols + second


@kernel
def values(state: Records, worths: npt.NDArray[np.int64]) -> None:
    """worths[N, (rows * cols)**2] = what the oracle weighs; -1 for what is not legal. Both orders weigh the same."""
    words, future, marks = blank(), blank(), blank()
    across, down, across_2, down_2 = blank(), blank(), blank(), blank()
    worths[:] = -1
    for index in range(len(state)):
        record = state[index]
        rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
        load(record["board"], words)
        if record["ended"] == 0:
            find_swaps(words, rows, cols, across, down)
            for place in range(2 * rows * cols):
                row, col = place // 2 // cols, place // 2 % cols
                row_2, col_2 = row + place % 2, col + 1 - place % 2
                if marked(down if place % 2 else across, row, col):
                    value = worth(words, row, col, row_2, col_2, rows, cols, future, marks, across_2, down_2)
                    first, second = row * cols + col, row_2 * cols + col_2
                    worths[index, first * rows * cols + second] = value
                    worths[index, second * rows * cols + first] = value


@kernel
def by_kind(state: Records, actions: npt.NDArray[np.int64], swaps: npt.NDArray[np.int64]) -> None:
    """swaps[N, 1 + kinds] = for each kind an action that makes a run of it, its tile named first; -1 if there is none.

    The first in the oracle's order, but actions[N] where that is one; -2 for a kind that is not on the board.
    """
    words, across, down = blank(), blank(), blank()
    swaps[:] = -2
    for index in range(len(state)):
        record = state[index]
        rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
        cells = rows * cols
        load(record["board"], words)
        find_swaps(words, rows, cols, across, down)
        for here in range(cells):
            swaps[index, cell(words, here // cols, here % cols)] = -1
        for place in range(2 * cells):
            row, col = place // 2 // cols, place // 2 % cols
            if marked(down if place % 2 else across, row, col):
                ends = (place // 2, place // 2 + (cols if place % 2 else 1))
                for turn in range(2):
                    first, second = ends[turn], ends[1 - turn]
                    kind = cell(words, first // cols, first % cols)
                    given = actions[index] == first * cells + second or actions[index] == second * cells + first
                    if (given or swaps[index, kind] == -1) and arrives(
                        words, first // cols, first % cols, second // cols, second % cols, rows, cols
                    ):
                        swaps[index, kind] = actions[index] if given else first * cells + second
