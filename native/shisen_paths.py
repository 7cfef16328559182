"""Shisen-Sho's paths: do two cells connect by straight lines through empty cells with so many turns?

Occupancy is kept twice, as a word a row (`across`) and a word a column (`down`), with the empty ring and a wall around:

    across[r + 1]   bit  0     1     2 .. cols+1     cols+2   cols+3        across[0] and across[rows + 1] are the
                        wall  ring   cells of row r   ring     wall         ring above and below: only their walls

and down[c + 1] likewise, cell r at bit r + 2. Cells are (row, col) from 0; the ring is row -1 and so on. The free run
around a cell is what it can reach along a line without a turn: an addition carries through the free bits above it,
the highest occupied bit below it ends them there.

          c1    c2                 Two turns: the runs of both cells in their own rows share a column in which
    . . . . . . . .                nothing lies between the two rows; or the same with rows and columns swapped.
    # A───┐ # . . #
    # # # │ # . . #                One turn: the corner lies in one's row run and the other's column run.
    # # . └─B . # #                Three turns: some cell that A reaches straight has a path of two turns to B.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel

MAX_ROWS, MAX_COLS = 12, 16
NUM_ACROSS, NUM_DOWN = MAX_ROWS + 2, MAX_COLS + 2
Lines = npt.NDArray[np.uint32]
Int = int | np.int64

_0, _1, _2, _4, _8, _16 = (np.uint64(n) for n in (0, 1, 2, 4, 8, 16))


@kernel
def run(occupied: np.uint64, place: np.uint64) -> np.uint64:
    """The free bits around bit `place` of a line, itself among them; the line has walls on both sides."""
    bit = _1 << place
    free = ~occupied
    below = bit - _1
    end = occupied & below  # its highest bit ends the run: smear it down over everything that is out of reach
    end |= end >> _1
    end |= end >> _2
    end |= end >> _4
    end |= end >> _8
    end |= end >> _16
    return (((free + bit) ^ free) & free) | (below & ~end)


@kernel
def clear_lines(across: Lines, down: Lines, rows: Int, cols: Int) -> None:
    """An empty board: nothing but the walls."""
    for line in range(NUM_ACROSS):
        across[line] = np.uint32(1) | (np.uint32(1) << np.uint32(cols + 3)) if line < rows + 2 else np.uint32(0)
    for line in range(NUM_DOWN):
        down[line] = np.uint32(1) | (np.uint32(1) << np.uint32(rows + 3)) if line < cols + 2 else np.uint32(0)


@kernel
def toggle(across: Lines, down: Lines, row: Int, col: Int) -> None:
    """Put a tile on an empty cell, or take it away."""
    across[row + 1] ^= np.uint32(1) << np.uint32(col + 2)
    down[col + 1] ^= np.uint32(1) << np.uint32(row + 2)


@kernel
def between(lines: Lines, shared: np.uint64, one: Int, other: Int) -> np.uint64:
    """Those bits of `shared` that no line strictly between two lines has occupied."""
    for line in range(min(one, other) + 2, max(one, other) + 1):
        shared &= ~np.uint64(lines[line])
    return shared


@kernel
def connects(across: Lines, down: Lines, r1: Int, c1: Int, r2: Int, c2: Int, turns: Int) -> bool:
    """True if a path of at most `turns` (0 to 2) turns joins two different cells, which may be tiles or empty."""
    col_1, col_2, row_1, row_2 = np.uint64(c1 + 2), np.uint64(c2 + 2), np.uint64(r1 + 2), np.uint64(r2 + 2)
    both_cols, both_rows = (_1 << col_1) | (_1 << col_2), (_1 << row_1) | (_1 << row_2)
    same_row, same_col = r1 == r2, c1 == c2
    line_1 = np.uint64(across[r1 + 1]) & ~(both_cols if same_row else _1 << col_1)
    line_2 = np.uint64(across[r2 + 1]) & ~(both_cols if same_row else _1 << col_2)
    across_1, across_2 = run(line_1, col_1), run(line_2, col_2)
    if turns == 2 and between(across, across_1 & across_2, r1, r2) != _0:
        return True
    line_1 = np.uint64(down[c1 + 1]) & ~(both_rows if same_col else _1 << row_1)
    line_2 = np.uint64(down[c2 + 1]) & ~(both_rows if same_col else _1 << row_2)
    down_1, down_2 = run(line_1, row_1), run(line_2, row_2)
    if turns == 2:
        return bool(between(down, down_1 & down_2, c1, c2) != _0)
    if turns == 1:
        at_1 = (across_1 >> col_2) & (down_2 >> row_1) & _1
        return bool(at_1 | ((down_1 >> row_2) & (across_2 >> col_1) & _1) != _0)
    return bool((same_row and (across_1 >> col_2) & _1 != _0) or (same_col and (down_1 >> row_2) & _1 != _0))


@kernel
def detours(across: Lines, down: Lines, r1: Int, c1: Int, r2: Int, c2: Int) -> bool:
    """True if a path of at most three turns joins two different cells."""
    if connects(across, down, r1, c1, r2, c2, 2):
        return True
    col_1, row_1 = np.uint64(c1 + 2), np.uint64(r1 + 2)
    straight = run(np.uint64(across[r1 + 1]) & ~(_1 << col_1), col_1) ^ (_1 << col_1)
    for col in range(-1, MAX_COLS + 1):
        if (straight >> np.uint64(col + 2)) & _1 != _0 and connects(across, down, r1, col, r2, c2, 2):
            return True
    straight = run(np.uint64(down[c1 + 1]) & ~(_1 << row_1), row_1) ^ (_1 << row_1)
    for row in range(-1, MAX_ROWS + 1):
        if (straight >> np.uint64(row + 2)) & _1 != _0 and connects(across, down, row, c1, r2, c2, 2):
            return True
    return False


@kernel
def joined(across: Lines, down: Lines, cols: Int, first: Int, second: Int, max_turns: Int) -> bool:
    """True if a path of at most `max_turns` (0 to 3) turns joins two different cells, each row * cols + col."""
    r1, r2 = first // cols, second // cols
    if max_turns == 3:
        return detours(across, down, r1, first - r1 * cols, r2, second - r2 * cols)
    return connects(across, down, r1, first - r1 * cols, r2, second - r2 * cols, max_turns)
