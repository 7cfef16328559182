"""Shisen-Sho on records: take pairs away, play at random, see what is legal. Paths are in native/shisen_paths.py.

    record   header (native/state.py), then
    left     uint32       tiles on the board
    pair     uint32       an action that is legal now, the proof that the game is not over; 0 when it is
    across   uint32[14]   occupancy by rows and by columns, with the ring (native/shisen_paths.py)
    down     uint32[18]
    board    uint16[192]  cell (r, c) at r * cols + c, what it shows: 0 nothing, else its kind and its picture

        1 2 -      1 2 0            kinds count from 1. Kinds with many pictures (photographs) keep the kind in the
        - 2 1  is  0 2 1  then 0s   low bits and the picture above them: kind = cell & kind_mask. Equal kinds match.

Taking tiles away only ever opens paths. So a pair that connects goes on connecting as long as both tiles lie there,
and only when one of them is taken must another pair be looked for. Actions: first cell * number of cells + second.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import below
from native.shisen_paths import MAX_COLS, MAX_ROWS, NUM_ACROSS, NUM_DOWN, Int, Lines, clear_lines, joined, toggle
from native.state import HEADER, Records

MAX_CELLS = MAX_ROWS * MAX_COLS
DTYPE = np.dtype([
    *HEADER, ("left", "<u4"), ("pair", "<u4"), ("across", "<u4", (NUM_ACROSS,)), ("down", "<u4", (NUM_DOWN,)),
    ("board", "<u2", (MAX_CELLS,)),
])  # fmt: skip
Cells = npt.NDArray[np.uint16]


@kernel
def buried(across: Lines, row: Int, col: Int) -> bool:
    """True if all four neighbours of a cell are tiles: only those can be reached from it."""
    place = np.uint64(col + 2)
    sides = (np.uint64(across[row + 1]) >> (place - np.uint64(1))) & np.uint64(5)
    ends = (np.uint64(across[row]) & np.uint64(across[row + 2])) >> place
    return bool(sides == np.uint64(5) and ends & np.uint64(1) != np.uint64(0))


@kernel
def find_pair(board: Cells, across: Lines, down: Lines, rows: Int, cols: Int, kind_mask: Int, max_turns: Int) -> Int:
    """The first legal action in reading order whose first cell comes before its second, or -1 if there is none."""
    cells = rows * cols
    for first in range(cells):
        if board[first] == 0:
            continue
        row = first // cols
        inner = buried(across, row, first - row * cols)
        last = min(first + cols + 1, cells) if inner else cells
        for second in range(first + 1, last):
            alike = board[second] != 0 and (board[first] ^ board[second]) & kind_mask == 0
            if alike and joined(across, down, cols, first, second, max_turns):
                return first * cells + second
    return -1


@kernel
def is_legal(
    board: Cells, across: Lines, down: Lines, cols: Int, first: Int, second: Int, kind_mask: Int, max_turns: Int
) -> bool:
    """True if two cells are different, hold tiles of one kind and connect."""
    if first == second or board[first] == 0 or (board[first] ^ board[second]) & kind_mask != 0:
        return False
    return joined(across, down, cols, first, second, max_turns)


@kernel
def take(state: Records, index: Int, first: Int, second: Int, kind_mask: Int, max_turns: Int) -> bool:
    """Take a legal pair off game `index` and see whether it is over."""
    record = state[index]
    board, across, down = record["board"], record["across"], record["down"]
    rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
    board[first], board[second] = 0, 0
    toggle(across, down, first // cols, first % cols)
    toggle(across, down, second // cols, second % cols)
    record["left"] -= np.uint32(2)
    record["score"] += 1
    proof, other = np.int64(record["pair"]) // (rows * cols), np.int64(record["pair"]) % (rows * cols)
    if proof >= rows * cols or board[proof] == 0 or board[other] == 0:  # any number may stand there
        prove(state, index, kind_mask, max_turns)
    return bool(record["ended"] != 0)


@kernel
def prove(state: Records, index: Int, kind_mask: Int, max_turns: Int) -> None:
    """Set `pair` and `ended` of game `index` by looking for a legal pair."""
    record = state[index]
    rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
    pair = find_pair(record["board"], record["across"], record["down"], rows, cols, kind_mask, max_turns)
    record["ended"] = pair < 0
    record["pair"] = max(pair, 0)


@kernel
def step(
    state: Records, actions: npt.NDArray[np.int64], kind_mask: Int, max_turns: Int, reward: npt.NDArray[np.float32],
    gained: npt.NDArray[np.int64], legal: npt.NDArray[np.bool_], terminated: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """One pair in each of state[N], in place; actions[N] are -1 or two cells. Writes the four outputs [N]."""
    for index in range(len(state)):
        record = state[index]
        cols = np.int64(record["cols"])
        cells = np.int64(record["rows"]) * cols
        over, good = record["ended"] != 0, False
        if not over and actions[index] >= 0:
            first = actions[index] // cells
            second = actions[index] - first * cells
            lines_across, lines_down = record["across"], record["down"]
            good = is_legal(record["board"], lines_across, lines_down, cols, first, second, kind_mask, max_turns)
            if good:
                reward[index] = 1.0
                over = take(state, index, first, second, kind_mask, max_turns)
        if not good:
            reward[index] = 0.0 if over else -1.0
        gained[index], legal[index], terminated[index] = np.int64(good), good, over


@kernel
def play_random(state: Records, num_moves: Int, kind_mask: Int, max_turns: Int) -> None:
    """Up to num_moves moves in each of state[N], uniform over all pairs of cells, legal or not, while it lasts."""
    for index in range(len(state)):
        record = state[index]
        board, across, down = record["board"], record["across"], record["down"]
        cols = np.int64(record["cols"])
        cells = np.int64(record["rows"]) * cols
        rng, over = np.uint64(record["rng"]), record["ended"] != 0
        for _ in range(num_moves):
            if over:
                break
            rng, action = below(rng, np.uint64(cells * cells))
            first = np.int64(action) // cells
            second = np.int64(action) - first * cells
            if is_legal(board, across, down, cols, first, second, kind_mask, max_turns):
                over = take(state, index, first, second, kind_mask, max_turns)
        record["rng"] = rng


@kernel
def legal(state: Records, kind_mask: Int, max_turns: Int, mask: npt.NDArray[np.bool_]) -> None:
    """mask[N, cells * cells]: which pairs of state[N] can be taken; both orders of a pair."""
    for index in range(len(state)):
        record = state[index]
        board, across, down = record["board"], record["across"], record["down"]
        cols = np.int64(record["cols"])
        cells = np.int64(record["rows"]) * cols
        mask[index] = False
        if record["ended"] != 0:
            continue
        for first in range(cells):
            for second in range(first + 1, cells):
                if is_legal(board, across, down, cols, first, second, kind_mask, max_turns):
                    mask[index, first * cells + second] = True
                    mask[index, second * cells + first] = True


@kernel
def unpack(state: Records, kind_mask: Int, num_kinds: Int, cells: npt.NDArray[np.uint8]) -> Int:
    """cells[N, rows, cols] = the kinds of state[N], 0 empty; index of the first with a tile of no kind, or -1."""
    for index in range(len(state)):
        board = state[index]["board"]
        for row in range(cells.shape[1]):
            for col in range(cells.shape[2]):
                cell = np.int64(board[row * cells.shape[2] + col])
                kind = cell & kind_mask
                if kind > num_kinds or (kind == 0 and cell != 0):
                    return index
                cells[index, row, col] = kind
    return -1


@kernel
def first_strange(state: Records, num_pictures: Int, kind_mask: Int, max_turns: Int) -> Int:
    """Index of the first record with a cell that shows nothing or a picture that is not there, or whose `pair` proves
    nothing; -1 if there is none. Kinds and occupancy are right already."""
    for index in range(len(state)):
        record = state[index]
        board, cells = record["board"], np.int64(record["rows"]) * np.int64(record["cols"])
        for place in range(MAX_CELLS):
            cell = np.int64(board[place])
            if cell != 0 and (place >= cells or cell & kind_mask == 0 or cell // (kind_mask + 1) >= num_pictures):
                return index
        pair = np.int64(record["pair"])
        if record["ended"] != 0:
            if pair != 0:
                return index
            continue
        first, second = pair // cells, pair % cells
        cols, across, down = np.int64(record["cols"]), record["across"], record["down"]
        if first >= cells or not is_legal(board, across, down, cols, first, second, kind_mask, max_turns):
            return index
    return -1


@kernel
def faces(state: Records, kind_mask: Int, num_pictures: Int, numbers: npt.NDArray[np.uint16]) -> None:
    """numbers[N, rows, cols] = the sprites of state[N]: 0 empty, 1 + (kind - 1) * num_pictures + picture."""
    for index in range(len(state)):
        board = state[index]["board"]
        for row in range(numbers.shape[1]):
            for col in range(numbers.shape[2]):
                cell = np.int64(board[row * numbers.shape[2] + col])
                kind = cell & kind_mask
                picture = cell // (kind_mask + 1)
                numbers[index, row, col] = 1 + (kind - 1) * num_pictures + picture if cell else 0


@kernel
def settle(state: Records, index: Int, rows: Int, cols: Int, kind_mask: Int, max_turns: Int) -> None:
    """Everything of game `index` that follows from its board."""
    record = state[index]
    board, across, down = record["board"], record["across"], record["down"]
    record["rows"], record["cols"], record["score"], record["left"] = rows, cols, 0, 0
    clear_lines(across, down, rows, cols)
    for cell in range(rows * cols):
        if board[cell] != 0:
            toggle(across, down, cell // cols, cell % cols)
            record["left"] += np.uint32(1)
    prove(state, index, kind_mask, max_turns)
