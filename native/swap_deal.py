"""Tiles for Swap: drawing a board, filling gaps, shuffling. Words and marks as in swap_words.py.

    deal      a board without a run and with a swap; drawn row by row
    fill      new tiles into the gaps, any kind, or kinds that make no run
    renew     what is done to a board on which no swap makes a run: shuffled, at last dealt anew

Every loop is bounded, with two kinds on a full board as well as with 192.
"""

import numpy as np

from native import rng as random
from native.jit import kernel
from native.swap_words import ROWS, Place, Words, cell, column, find_runs, flip, gaps, has_swap, lowest, num_windows

PATIENCE = 100  # shuffles of one board, and rounds of one cascade, before the tiles are drawn anew
TRIES = 32  # at drawing a tile or a row that makes no run
DEALS = 10_000  # boards drawn in search of one with a swap

_0, _1, _7 = np.uint64(0), np.uint64(1), np.uint64(7)


@kernel
def tile_runs(words: Words, row: Place, col: Place, kind: np.uint64, rows: Place, cols: Place) -> bool:
    """Would a tile of this kind in this cell be one of three equal ones side by side?"""
    left, right, up, down = col, col, row, row
    while left > 0 and col - left < 2 and cell(words, row, left - 1) == kind:
        left -= 1
    while right < cols - 1 and right - col < 2 and cell(words, row, right + 1) == kind:
        right += 1
    while up > 0 and row - up < 2 and cell(words, up - 1, col) == kind:
        up -= 1
    while down < rows - 1 and down - row < 2 and cell(words, down + 1, col) == kind:
        down += 1
    return bool(right - left >= 2 or down - up >= 2)


@kernel
def fill(words: Words, rows: Place, cols: Place, kinds: np.uint64, chance: bool, rng: np.uint64) -> np.uint64:
    """New tiles into all gaps, which lie on top of their columns, row by row from the left; the next random state.

    With `chance` each is of any kind. Without, it is drawn until it makes no run, TRIES times at most.
    """
    for row in range(rows):
        full = True
        for part in range(num_windows(cols)):
            empty = gaps(words, part, row, cols)
            full &= empty == _0
            while empty != _0:
                bit = lowest(empty)
                rng, pick = random.below(rng, kinds)
                for _ in range(0 if chance else TRIES - 1):
                    if not tile_runs(words, row, 8 * part + column(bit), pick + _1, rows, cols):
                        break
                    rng, pick = random.below(rng, kinds)
                words[part, row] |= (bit >> _7) * (pick + _1)
                empty ^= bit
        if full:
            break
    return rng


@kernel
def follow_row(words: Words, row: Place, cols: Place, kinds: np.uint64) -> None:
    """The row above with each kind moved on by one: no run across if there is none above, and none downwards."""
    words[0, row] = words[1, row] = _0
    for col in range(cols):
        flip(words, row, col, cell(words, row - 1, col) % kinds + _1)


@kernel
def draw_row(words: Words, row: Place, cols: Place, kinds: np.uint64, rng: np.uint64) -> np.uint64:
    """New tiles for a row under rows without a run, so that there is none; the next random state.

    A tile is drawn until it makes no run, and the row is begun again if that fails. If the row fails too, it follows
    the one above. (The first row, with nothing above it, fails less often than once in 2**1000.)
    """
    for _ in range(TRIES):
        words[0, row] = words[1, row] = _0
        col = 0
        while col < cols:
            tries, runs = 0, True
            while runs and tries < TRIES:
                rng, pick = random.below(rng, kinds)
                runs = tile_runs(words, row, col, pick + _1, row + 1, col + 1)
                tries += 1
            if runs:
                break
            flip(words, row, col, pick + _1)
            col += 1
        if col == cols:
            return rng
    follow_row(words, row, cols, kinds)
    return rng


@kernel
def lay(words: Words, rows: Place, cols: Place) -> None:
    """Rows 1 1 2 1 1 2 .. and 2 2 1 2 2 1 .. in turn: no run at any size, and a swap."""
    words[:, :ROWS] = _0
    for row in range(rows):
        for col in range(cols):
            odd = (row + (1 if col % 3 == 2 else 0)) % 2
            flip(words, row, col, np.uint64(1 + odd))


@kernel
def deal(words: Words, rows: Place, cols: Place, kinds: np.uint64, rng: np.uint64) -> np.uint64:
    """A new board without a run and with a swap, laid if DEALS of them have none; the next random state."""
    for _ in range(DEALS):
        words[:, :ROWS] = _0
        for row in range(rows):
            rng = draw_row(words, row, cols, kinds, rng)
        if has_swap(words, rows, cols):
            return rng
    lay(words, rows, cols)
    return rng


@kernel
def shuffle(words: Words, room: Words, rows: Place, cols: Place, rng: np.uint64) -> np.uint64:
    """All tiles into random order, cells counted row by row; the next random state. `room` is to work in."""
    tiles = room.reshape(-1).view(np.uint8)[: rows * cols]
    for row in range(rows):
        for col in range(cols):
            tiles[row * cols + col] = cell(words, row, col)
    rng = random.shuffle(rng, tiles)
    for row in range(rows):
        words[0, row] = words[1, row] = _0
        for col in range(cols):
            flip(words, row, col, np.uint64(tiles[row * cols + col]))
    return rng


@kernel
def renew(words: Words, marks: Words, rows: Place, cols: Place, kinds: np.uint64, rng: np.uint64) -> np.uint64:
    """Shuffle until there is a swap and no run; after PATIENCE shuffles deal anew. The next random state."""
    for _ in range(PATIENCE):
        rng = shuffle(words, marks, rows, cols, rng)
        if not find_runs(words, rows, cols, marks) and has_swap(words, rows, cols):
            return rng
    return deal(words, rows, cols, kinds, rng)
