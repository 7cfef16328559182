"""What Swap's kernels trust of a record: its size, and that nothing lies beside its board.

Kinds may be any. A tile outside would be swapped with one inside, and the index of such a swap is none of the game's.
"""

import numpy as np

from native.jit import kernel
from native.state import Records
from native.swap_words import ROWS

_0, _ALL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def first_unfit(state: Records, rows: int, cols: int) -> int:
    """Index of the first of state[N] whose board is not rows x cols or has a tile outside, or -1 if there is none."""
    left = _ALL << np.uint64(8 * cols) if cols < 8 else _0  # columns outside, of 0 .. 7 and of 8 .. 11
    right = _ALL << np.uint64(8 * (cols - 8)) if cols > 8 else _ALL
    for index in range(len(state)):
        record = state[index]
        board, outside = record["board"], _0
        for row in range(ROWS):
            outside |= board[0, row] & (left if row < rows else _ALL)
            outside |= board[1, row] & (right if row < rows else _ALL)
        if record["rows"] != rows or record["cols"] != cols or outside != _0:
            return index
    return -1
