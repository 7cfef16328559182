"""A board of up to 4 x 4 small numbers in one uint64, and the bit tricks on it.

Cell (r, c) is the nibble at bit 16 r + 4 c, so a row is 16 bits, its leftmost cell lowest:

    row 0  c0 c1 c2 c3      board = c0 | c1 << 4 | c2 << 8 | c3 << 12
    row 1  c4 c5 c6 c7              | c4 << 16 | ...

Cells outside a smaller board stay 0. A "mark" is a set of cells as a word with bit 0 of each of their nibbles set.
"""

import numpy as np

from native.jit import kernel

ONES = np.uint64(0x1111111111111111)
_ROW_ONES, _EACH_ROW, _ALL = np.uint64(0x1111), np.uint64(0x0001000100010001), np.uint64(0xFFFFFFFFFFFFFFFF)
_BYTES_LOW, _NIBBLES_LOW = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0F0F0F0F0F0F0F0F)
_T1, _T2, _T3 = np.uint64(0xF0F00F0FF0F00F0F), np.uint64(0x0000F0F00000F0F0), np.uint64(0x0F0F00000F0F0000)
_T4, _T5, _T6 = np.uint64(0xFF00FF0000FF00FF), np.uint64(0x00FF00FF00000000), np.uint64(0x00000000FF00FF00)
_1, _2, _4, _8, _12, _15, _16, _24 = (np.uint64(n) for n in (1, 2, 4, 8, 12, 15, 16, 24))
_60, _64 = np.uint64(60), np.uint64(64)


@kernel
def transpose(board: np.uint64) -> np.uint64:
    """Rows become columns: first within 2 x 2 blocks, then the blocks themselves."""
    board = (board & _T1) | ((board & _T2) << _12) | ((board & _T3) >> _12)
    return (board & _T4) | ((board & _T5) >> _24) | ((board & _T6) << _24)


@kernel
def mirror(board: np.uint64) -> np.uint64:
    """Each row of four back to front."""
    board = ((board & _BYTES_LOW) << _8) | ((board >> _8) & _BYTES_LOW)
    return ((board & _NIBBLES_LOW) << _4) | ((board >> _4) & _NIBBLES_LOW)


@kernel
def inside(rows: np.uint64, cols: np.uint64) -> np.uint64:
    """Mark of the cells of a board of 1 .. 4 rows and 0 .. 4 columns."""
    row = _ROW_ONES & ((_1 << (_4 * cols)) - _1)
    return (row * _EACH_ROW) & (_ALL >> (_64 - _16 * rows))


@kernel
def occupied(board: np.uint64) -> np.uint64:
    """Mark of the cells that are not 0."""
    board = board | (board >> _2)
    return (board | (board >> _1)) & ONES


@kernel
def count(mark: np.uint64) -> np.uint64:
    """How many cells a mark holds, 0 .. 16."""
    return ((mark * ONES) >> _60) if mark != ONES else _16


@kernel
def nth(mark: np.uint64, place: np.uint64) -> np.uint64:
    """Mark of the cell number `place` (from 0) among those of `mark`.

    Multiplying by ones gives every nibble the number of marked cells up to and including it, modulo 16.
    """
    wanted = ((place + _1) & _15) * ONES
    return mark & ~occupied((mark * ONES) ^ wanted)
