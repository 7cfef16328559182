"""Rows of up to twelve tiles as bytes of 64-bit words, and what can be asked of eight cells at a time.

A board at work is uint64[2, ROWS + SPARE]: words[0, r] holds columns 0 .. 7 of row r, words[1, r] columns 8 .. 11, the
leftmost cell lowest; a tile is its kind, 1 .. 255, and 0 is no tile. Words below the last row are 0.

    row 0   1 2 2 3        words[0, 0] = 1 | 2 << 8 | 2 << 16 | 3 << 24

A "mark" is a set of cells: bit 7 of each one's byte. Nothing that is looked for is wider than four columns, so a wide
row is seen through two windows of eight, columns 0 .. 7 and 4 .. 11, and the marks are put together.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel

ROWS, SPARE = 12, 4
Words = npt.NDArray[np.uint64]
Place = int | np.int64  # a row, a column, or how many there are

_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES = np.uint64(0x0101010101010101)
_0, _7, _8, _16, _24, _32, _56 = (np.uint64(n) for n in (0, 7, 8, 16, 24, 32, 56))
_255, _1 = np.uint64(255), np.uint64(1)
_SIGNS = ~_LOW


@kernel
def blank() -> Words:
    """Words or marks of no cell."""
    return np.zeros((2, ROWS + SPARE), np.uint64)


@kernel
def differ(word: np.uint64) -> np.uint64:
    """Bit 7 of each byte: is it other than 0? The bits below are of no meaning."""
    return ((word & _LOW) + _LOW) | word


@kernel
def zeros(word: np.uint64) -> np.uint64:
    """Mark of the bytes that are 0."""
    return ~(differ(word) | _LOW)


@kernel
def whole(mark: np.uint64) -> np.uint64:
    """All eight bits of each marked byte."""
    return (mark >> _7) * _255


@kernel
def count(mark: np.uint64) -> np.int64:
    """How many cells a mark holds, 0 .. 8."""
    return np.int64(((mark >> _7) * _ONES) >> _56)


@kernel
def lowest(mark: np.uint64) -> np.uint64:
    """The leftmost cell of a mark; no cell if it has none."""
    return mark & (~mark + _1)


@kernel
def column(bit: np.uint64) -> np.int64:
    """Which column of its word the only cell of a mark is in."""
    return count((bit - _1) & _SIGNS)


@kernel
def gaps(words: Words, part: int, row: Place, cols: Place) -> np.uint64:
    """Mark of the cells of a row, as far as it lies in words[part], that have no tile."""
    width = min(cols - 8 * part, 8)
    return zeros(np.uint64(words[part, row])) & (_SIGNS >> np.uint64(64 - 8 * width))


@kernel
def num_windows(cols: Place) -> int:
    """How many windows show all columns."""
    return 2 if cols > 8 else 1


@kernel
def seen(words: Words, window: int, row: Place) -> np.uint64:
    """Eight cells of a row: columns 0 .. 7, or 4 .. 11."""
    if window == 0:
        return np.uint64(words[0, row])
    return np.uint64((words[0, row] >> _32) | (words[1, row] << _32))


@kernel
def add_marks(marks: Words, window: int, row: Place, mark: np.uint64) -> None:
    """Put what a window shows of a row into marks[2, ROWS + SPARE]; window 0 comes first and clears what was there."""
    if window == 0:
        marks[0, row], marks[1, row] = mark, _0
    else:
        marks[0, row] |= mark << _32
        marks[1, row] |= mark >> _32


@kernel
def cell(words: Words, row: Place, col: Place) -> np.uint64:
    """One cell's kind."""
    return np.uint64(words[col >> 3, row] >> np.uint64(8 * (col & 7))) & _255


@kernel
def flip(words: Words, row: Place, col: Place, bits: np.uint64) -> None:
    """Change some bits of one cell."""
    words[col >> 3, row] ^= bits << np.uint64(8 * (col & 7))


@kernel
def exchange(words: Words, row_1: Place, col_1: Place, row_2: Place, col_2: Place) -> None:
    """Two tiles change places."""
    bits = cell(words, row_1, col_1) ^ cell(words, row_2, col_2)
    flip(words, row_1, col_1, bits)
    flip(words, row_2, col_2, bits)


@kernel
def find_runs(words: Words, rows: Place, cols: Place, marks: Words) -> bool:
    """Mark every tile that is one of three or more equal ones in a row or column; is there any?"""
    found = _0
    for window in range(num_windows(cols)):
        above_2, above_1 = _0, _0  # where runs downwards begin
        tiles, below_1 = seen(words, window, 0), seen(words, window, 1)
        for row in range(rows):
            below_2 = seen(words, window, row + 2)
            empty = zeros(tiles)
            across = zeros((tiles ^ (tiles >> _8)) | (tiles ^ (tiles >> _16))) & ~empty
            down = zeros((tiles ^ below_1) | (tiles ^ below_2)) & ~empty
            mark = across | (across << _8) | (across << _16) | down | above_1 | above_2
            above_2, above_1, tiles, below_1 = above_1, down, below_1, below_2
            add_marks(marks, window, row, mark)
            found |= mark
    return bool(found != _0)


@kernel
def clear(words: Words, rows: Place, marks: Words) -> np.int64:
    """Take out the marked tiles and let those above fall; how many went. Earlier gaps lie on top of their columns."""
    gone = np.int64(0)
    for part in range(2):
        for row in range(rows):  # from the top, so that what falls is not marked any more
            mark = np.uint64(marks[part, row])
            if mark != _0:
                gone += count(mark)
                falls = whole(mark)
                for here in range(row, 0, -1):
                    words[part, here] = (words[part, here] & ~falls) | (words[part, here - 1] & falls)
                words[part, 0] &= ~falls
    return gone


@kernel
def swaps_across(
    above_2: np.uint64, above_1: np.uint64, tiles: np.uint64, below_1: np.uint64, below_2: np.uint64
) -> np.uint64:
    """Mark of the cells of a row that make a run when they change places with the one to their right."""
    right = tiles >> _8  # comes here; the rest of its run is to the left, above, below or on both sides
    up, down = right ^ above_1, right ^ below_1
    miss = differ((right ^ (tiles << _8)) | (right ^ (tiles << _16)))
    miss &= differ(up | (right ^ above_2)) & differ(up | down) & differ(down | (right ^ below_2))
    up, down = tiles ^ (above_1 >> _8), tiles ^ (below_1 >> _8)  # and this one goes there
    miss &= differ((tiles ^ (tiles >> _16)) | (tiles ^ (tiles >> _24)))
    miss &= differ(up | (tiles ^ (above_2 >> _8))) & differ(up | down) & differ(down | (tiles ^ (below_2 >> _8)))
    return ~(miss | _LOW) & differ(tiles) & differ(right)


@kernel
def swaps_down(
    above_2: np.uint64, above_1: np.uint64, tiles: np.uint64, under: np.uint64, below_1: np.uint64, below_2: np.uint64
) -> np.uint64:
    """Mark of the cells of a row that make a run when they change places with the one below (`under`)."""
    left, right = under ^ (tiles << _8), under ^ (tiles >> _8)
    miss = differ((under ^ above_1) | (under ^ above_2)) & differ(left | right)
    miss &= differ(left | (under ^ (tiles << _16))) & differ(right | (under ^ (tiles >> _16)))
    left, right = tiles ^ (under << _8), tiles ^ (under >> _8)
    miss &= differ((tiles ^ below_1) | (tiles ^ below_2)) & differ(left | right)
    miss &= differ(left | (tiles ^ (under << _16))) & differ(right | (tiles ^ (under >> _16)))
    return ~(miss | _LOW) & differ(tiles) & differ(under)


@kernel
def has_swap(words: Words, rows: Place, cols: Place) -> bool:
    """Is there a swap that makes a run?"""
    for window in range(num_windows(cols)):
        above_2, above_1, tiles = _0, _0, seen(words, window, 0)
        below_1, below_2 = seen(words, window, 1), seen(words, window, 2)
        for row in range(rows):
            below_3 = seen(words, window, row + 3)
            mark = swaps_across(above_2, above_1, tiles, below_1, below_2)
            mark |= swaps_down(above_2, above_1, tiles, below_1, below_2, below_3)
            if mark != _0:
                return True
            above_2, above_1, tiles, below_1, below_2 = above_1, tiles, below_1, below_2, below_3
    return False


@kernel
def find_swaps(words: Words, rows: Place, cols: Place, across: Words, down: Words) -> np.int64:
    """Mark the cells that make a run when swapped with their right (`across`) or lower neighbour (`down`); how many."""
    for window in range(num_windows(cols)):
        above_2, above_1, tiles = _0, _0, seen(words, window, 0)
        below_1, below_2 = seen(words, window, 1), seen(words, window, 2)
        for row in range(rows):
            below_3 = seen(words, window, row + 3)
            add_marks(across, window, row, swaps_across(above_2, above_1, tiles, below_1, below_2))
            add_marks(down, window, row, swaps_down(above_2, above_1, tiles, below_1, below_2, below_3))
            above_2, above_1, tiles, below_1, below_2 = above_1, tiles, below_1, below_2, below_3
    total = np.int64(0)
    for row in range(rows):
        total += count(across[0, row]) + count(across[1, row]) + count(down[0, row]) + count(down[1, row])
    return total


@kernel
def marked(marks: Words, row: Place, col: Place) -> bool:
    """Is this cell marked?"""
    return bool((marks[col >> 3, row] >> np.uint64(8 * (col & 7) + 7)) & np.uint64(1))
