"""2048 on records: slide, spawn, play at random, see what is legal.

    record   header (native/state.py), then
    board    uint64   4 x 4 nibbles (native/nibbles.py), each its tile's exponent: 0 empty, 1 is 2, ... 15 is 32768

        -  2  4  -          0 1 2 0
        -  -  -  2    is    0 0 0 1     equal tiles that a slide pushes together become one of twice
        8  -  -  -          3 0 0 0     the number, each at most once a move; 32768 and 32768 stay apart
        -  - 16  -          0 0 4 0

Every move is turned into a slide to the left: transposed if vertical, mirrored if to the right or down. One look-up
in a table slides one row. Actions: 0 up, 1 right, 2 down, 3 left.
"""

import numpy as np
import numpy.typing as npt

from native import nibbles
from native.jit import kernel
from native.rng import below, seed
from native.state import HEADER, Records

DTYPE = np.dtype([*HEADER, ("board", "<u8")])
NUM_ACTIONS = 4
LARGEST = 15

_ROW = np.uint64(0xFFFF)
_0, _1, _4, _10 = (np.uint64(n) for n in (0, 1, 4, 10))
_16, _32, _48 = (np.uint64(n) for n in (16, 32, 48))


def slide_tables() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """For each of the 65,536 rows, slid to the left: what it becomes, and the exponent of its largest merge (0: none).

    The first table holds the new row in bits 0 .. 15 and a quarter of the merged tiles' sum in bits 16 .. 31.
    """
    rows = np.arange(1 << 16, dtype=np.int64)
    cells = rows[:, None] >> np.arange(0, 16, 4) & 15
    cells = _pushed(cells)
    gained = np.zeros(1 << 16, np.int64)
    largest = np.zeros(1 << 16, np.int64)
    for place in range(3):
        here = cells[:, place]
        merges = (here == cells[:, place + 1]) & (here > 0) & (here < LARGEST)
        here[merges] += 1
        cells[merges, place + 1 : 3] = cells[merges, place + 2 :]
        cells[merges, 3] = 0
        gained[merges] += 1 << here[merges]
        largest[merges] = np.maximum(largest[merges], here[merges])
    slid = (cells << np.arange(0, 16, 4)).sum(axis=1)
    return (slid | gained >> 2 << 16).astype(np.uint32), largest.astype(np.uint8)


def _pushed(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The tiles of each row moved to the left in order, without merging."""
    return np.take_along_axis(cells, np.argsort(cells == 0, axis=1, kind="stable"), axis=1)


@kernel
def slide(
    board: np.uint64, rows: np.uint64, cols: np.uint64, action: int | np.int64, table: npt.NDArray[np.uint32]
) -> tuple[np.uint64, np.uint64]:
    """The board after a move, before any new tile, and the sum of the tiles merged."""
    vertical = action & 1 == 0
    far = action == 1 or action == 2
    spare = _4 * (_4 - (rows if vertical else cols))
    turned = nibbles.transpose(board) if vertical else board
    turned = nibbles.mirror(turned << spare) if far else turned
    row_0 = np.uint64(table[turned & _ROW])
    row_1 = np.uint64(table[(turned >> _16) & _ROW])
    row_2 = np.uint64(table[(turned >> _32) & _ROW])
    row_3 = np.uint64(table[turned >> _48])
    gained = _4 * ((row_0 >> _16) + (row_1 >> _16) + (row_2 >> _16) + (row_3 >> _16))
    turned = (row_0 & _ROW) | ((row_1 & _ROW) << _16) | ((row_2 & _ROW) << _32) | (row_3 << _48)
    turned = nibbles.mirror(turned) >> spare if far else turned
    return (nibbles.transpose(turned) if vertical else turned), gained


@kernel
def spawn(board: np.uint64, rng: np.uint64, rows: np.uint64, cols: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The board with a new tile in a random empty cell, 2 nine times in ten, else 4; and the next random state."""
    empty = nibbles.inside(rows, cols) & ~nibbles.occupied(board)
    rng, place = below(rng, nibbles.count(empty))
    rng, luck = below(rng, _10)
    tile = nibbles.nth(empty, place)
    return board | (tile << _1 if luck == _0 else tile), rng


@kernel
def stuck(board: np.uint64, rows: np.uint64, cols: np.uint64) -> bool:
    """True if no move changes the board: it is full (or blank) and no two neighbours are equal and below 32768."""
    cells = nibbles.inside(rows, cols)
    filled = nibbles.occupied(board)
    if filled != cells:
        return bool(filled == _0)
    small = nibbles.occupied(~board)
    across = nibbles.inside(rows, cols - _1) & ~nibbles.occupied(board ^ (board >> _4))
    down = nibbles.inside(rows - _1, cols) & ~nibbles.occupied(board ^ (board >> _16))
    return bool(((across | down) & small) == _0)


@kernel
def first_unfit(state: Records, rows: int, cols: int) -> int:
    """Index of the first of state[N] whose board is not rows x cols or has a tile outside, or -1 if there is none."""
    outside = ~(nibbles.inside(np.uint64(rows), np.uint64(cols)) * np.uint64(15))
    wrong = _0
    for index in range(len(state)):  # without a way out, which takes less time while nothing is wrong
        record = state[index]
        size = np.uint64(record["rows"] ^ np.uint8(rows)) | np.uint64(record["cols"] ^ np.uint8(cols))
        wrong |= size | (np.uint64(record["board"]) & outside)
    for index in range(len(state) if wrong != _0 else 0):
        record = state[index]
        if record["rows"] != rows or record["cols"] != cols or np.uint64(record["board"]) & outside != _0:
            return index
    return -1


@kernel
def reset(state: Records, seeds: npt.NDArray[np.uint64], rows: int, cols: int) -> None:
    """Fresh games in state[N]: two tiles each, from seeds[N]."""
    for index in range(len(state)):
        record = state[index]
        rng = seed(seeds[index])
        board, rng = spawn(_0, rng, np.uint64(rows), np.uint64(cols))
        board, rng = spawn(board, rng, np.uint64(rows), np.uint64(cols))
        record["rng"], record["score"], record["board"] = rng, 0, board
        record["rows"], record["cols"], record["ended"] = rows, cols, 0


@kernel
def step(
    state: Records, actions: npt.NDArray[np.int64], table: npt.NDArray[np.uint32], reward: npt.NDArray[np.float32],
    gained: npt.NDArray[np.int64], legal: npt.NDArray[np.bool_], terminated: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """One move in each of state[N], in place; actions[N] are -1 .. 3. Writes the four outputs [N]."""
    for index in range(len(state)):
        record = state[index]
        gain, is_legal, over = _0, False, record["ended"] != 0
        reward[index] = 0.0 if over else -1.0
        if not over and actions[index] >= 0:
            rows, cols = np.uint64(record["rows"]), np.uint64(record["cols"])
            board = np.uint64(record["board"])
            moved, gain = slide(board, rows, cols, actions[index], table)
            is_legal = moved != board
            if is_legal:
                board, rng = spawn(moved, np.uint64(record["rng"]), rows, cols)
                over = stuck(board, rows, cols)
                record["board"], record["rng"], record["ended"] = board, rng, over
                record["score"] += np.int64(gain)
            if gain != _0:
                reward[index] = 1.0
        gained[index], legal[index], terminated[index] = np.int64(gain), is_legal, over


@kernel
def play_random(state: Records, num_moves: int, table: npt.NDArray[np.uint32]) -> None:
    """Up to num_moves moves in each of state[N], uniform over the four actions, legal or not, while the game lasts."""
    for index in range(len(state)):
        record = state[index]
        rows, cols = np.uint64(record["rows"]), np.uint64(record["cols"])
        board, rng, score = np.uint64(record["board"]), np.uint64(record["rng"]), np.uint64(0)
        over = record["ended"] != 0
        for _ in range(num_moves):
            if over:
                break
            rng, action = below(rng, _4)
            moved, gain = slide(board, rows, cols, np.int64(action), table)
            if moved != board:
                board, rng = spawn(moved, rng, rows, cols)
                score += gain
                over = stuck(board, rows, cols)
        record["board"], record["rng"], record["ended"] = board, rng, over
        record["score"] += np.int64(score)


@kernel
def legal(state: Records, table: npt.NDArray[np.uint32], mask: npt.NDArray[np.bool_]) -> None:
    """mask[N, 4]: which moves change the board of state[N]."""
    for index in range(len(state)):
        record = state[index]
        rows, cols, board = np.uint64(record["rows"]), np.uint64(record["cols"]), np.uint64(record["board"])
        for action in range(NUM_ACTIONS):
            moved, _ = slide(board, rows, cols, action, table)
            mask[index, action] = record["ended"] == 0 and moved != board


@kernel
def unpack(state: Records, cells: npt.NDArray[np.uint8]) -> None:
    """cells[N, rows, cols] = the exponents of state[N]."""
    for index in range(len(state)):
        board = np.uint64(state[index]["board"])
        for row in range(cells.shape[1]):
            for col in range(cells.shape[2]):
                cells[index, row, col] = (board >> np.uint64(16 * row + 4 * col)) & np.uint64(15)


@kernel
def pack(cells: npt.NDArray[np.uint8], seeds: npt.NDArray[np.uint64], state: Records) -> None:
    """Games in state[N] that stand at cells[N, rows, cols]; the rest of each record is zero beforehand."""
    for index in range(len(cells)):
        board = _0
        for row in range(cells.shape[1]):
            for col in range(cells.shape[2]):
                board |= np.uint64(cells[index, row, col]) << np.uint64(16 * row + 4 * col)
        record = state[index]
        record["board"], record["rng"] = board, seed(seeds[index])
        record["rows"], record["cols"] = cells.shape[1], cells.shape[2]
        record["ended"] = stuck(board, np.uint64(cells.shape[1]), np.uint64(cells.shape[2]))


@kernel
def merges(
    state: Records, largest: npt.NDArray[np.uint8], across: npt.NDArray[np.uint8], down: npt.NDArray[np.uint8]
) -> None:
    """Exponent of the largest merge in each row, across[N, rows], and each column, down[N, cols]; 0 where none is."""
    for index in range(len(state)):
        board = np.uint64(state[index]["board"])
        turned = nibbles.transpose(board)
        for row in range(across.shape[1]):
            across[index, row] = largest[(board >> np.uint64(16 * row)) & _ROW]
        for col in range(down.shape[1]):
            down[index, col] = largest[(turned >> np.uint64(16 * col)) & _ROW]
