"""Swap (match-3) on records: swap two neighbours, clear runs, let tiles fall, refill; see what is legal.

    record   header (native/state.py), then
    board    uint64[2, 12]   a byte a cell, its tile's kind from 1: [0, r] columns 0 .. 7 of row r, [1, r] 8 .. 11

        1 2 3 1        1 2 3 1        . . . 1        3 1 2 1     The swap (1, 2) (2, 2) made a run of 2s, which went;
        2 2 1 3   ->   2 2 2 3   ->   1 2 3 3   ->   1 2 3 3     what lay above fell, new tiles (here 3 1 2) came in
        3 1 2 3        3 1 1 3        3 1 1 3        3 1 1 3     from the record's random numbers.
        1 3 2 2        1 3 2 2        1 3 2 2        1 3 2 2

No position has a gap, a run of three or is without a swap that makes one, and no game ends: `ended` stays 0.
Actions: ((r1 * cols + c1) * rows + r2) * cols + c2; two cells that are not neighbours are never legal.
"""

import numpy as np
import numpy.typing as npt

from native import rng as random
from native import swap_deal as dealer
from native import swap_words as board_of
from native.jit import kernel
from native.state import HEADER, Records
from native.swap_words import ROWS, Place, Words

DTYPE = np.dtype([*HEADER, ("board", "<u8", (2, ROWS))])

_0 = np.uint64(0)


@kernel
def load(board: Words, words: Words) -> None:
    """words[2, ROWS + SPARE] = a record's board; what is below its last row is 0 and stays so."""
    for part in range(2):
        for row in range(ROWS):
            words[part, row] = board[part, row]


@kernel
def store(words: Words, board: Words) -> None:
    """And back."""
    for part in range(2):
        for row in range(ROWS):
            board[part, row] = words[part, row]


@kernel
def swap_makes_run(words: Words, marks: Words, action: np.int64, rows: Place, cols: Place) -> bool:
    """Swap the two cells of an action if they are neighbours and it makes a run, and mark that; else leave them.

    Was it done? Before, no tile is in a run.
    """
    cells = rows * cols
    first = action // cells
    second = action - first * cells
    row_1, row_2 = first // cols, second // cols
    col_1, col_2 = first - row_1 * cols, second - row_2 * cols
    if abs(row_1 - row_2) + abs(col_1 - col_2) != 1:
        return False
    board_of.exchange(words, row_1, col_1, row_2, col_2)
    if board_of.find_runs(words, rows, cols, marks):
        return True
    board_of.exchange(words, row_1, col_1, row_2, col_2)
    return False


@kernel
def settle(
    words: Words, marks: Words, rows: Place, cols: Place, kinds: np.uint64, chance: bool, rng: np.uint64
) -> tuple[np.uint64, np.int64]:
    """Clear what is marked, let fall and refill until no run is left and there is a swap.

    Gives the next random state, and how many tiles went.
    Only those count that went after the first round, whose runs are the swap's own. A cascade of more than PATIENCE
    rounds, which two kinds can keep up for ever, ends in a new deal.
    """
    cascade, turn = np.int64(0), 0
    found = True
    while found:
        if turn == dealer.PATIENCE:
            return dealer.deal(words, rows, cols, kinds, rng), cascade
        gone = board_of.clear(words, rows, marks)
        cascade += gone if turn > 0 else 0
        rng = dealer.fill(words, rows, cols, kinds, chance, rng)
        turn += 1
        found = board_of.find_runs(words, rows, cols, marks)
    if not board_of.has_swap(words, rows, cols):
        rng = dealer.renew(words, marks, rows, cols, kinds, rng)
    return rng, cascade


@kernel
def reset(state: Records, seeds: npt.NDArray[np.uint64], rows: Place, cols: Place, kinds: int) -> None:
    """Fresh games in state[N], from seeds[N]."""
    words = board_of.blank()
    for index in range(len(state)):
        record = state[index]
        record["rng"] = dealer.deal(words, rows, cols, np.uint64(kinds), random.seed(seeds[index]))
        record["score"], record["rows"], record["cols"], record["ended"] = 0, rows, cols, 0
        store(words, record["board"])


@kernel
def step(
    state: Records, actions: npt.NDArray[np.int64], kinds: int, chance: bool, reward: npt.NDArray[np.float32],
    gained: npt.NDArray[np.int64], legal: npt.NDArray[np.bool_], terminated: npt.NDArray[np.bool_],
    cascade: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """One swap in each of state[N], in place; actions[N] are -1 or more. Writes the five outputs [N]."""
    words, marks = board_of.blank(), board_of.blank()
    for index in range(len(state)):
        record = state[index]
        rows, cols, over = np.int64(record["rows"]), np.int64(record["cols"]), record["ended"] != 0
        is_legal, extra = False, np.int64(0)
        if not over and actions[index] >= 0:
            load(record["board"], words)
            is_legal = swap_makes_run(words, marks, actions[index], rows, cols)
        if is_legal:
            rng, extra = settle(words, marks, rows, cols, np.uint64(kinds), chance, np.uint64(record["rng"]))
            record["rng"] = rng
            record["score"] += 1
            store(words, record["board"])
        reward[index] = 0.0 if over else 1.0 if is_legal else -1.0
        gained[index], legal[index], terminated[index], cascade[index] = is_legal, is_legal, over, extra


@kernel
def play_random(state: Records, num_moves: int, kinds: int, chance: bool) -> None:
    """num_moves moves in each of state[N], uniform over all actions, legal or not."""
    words, marks = board_of.blank(), board_of.blank()
    for index in range(len(state)):
        record = state[index]
        if record["ended"] == 0:
            rows, cols, rng = np.int64(record["rows"]), np.int64(record["cols"]), np.uint64(record["rng"])
            num_actions = np.uint64(rows * cols * rows * cols)
            load(record["board"], words)
            for _ in range(num_moves):
                rng, action = random.below(rng, num_actions)
                if swap_makes_run(words, marks, np.int64(action), rows, cols):
                    rng, _extra = settle(words, marks, rows, cols, np.uint64(kinds), chance, rng)
                    record["score"] += 1
            store(words, record["board"])
            record["rng"] = rng


@kernel
def legal(state: Records, mask: npt.NDArray[np.bool_]) -> None:
    """mask[N, (rows * cols)**2] = is this action legal; both orders of two cells are."""
    words, across, down = board_of.blank(), board_of.blank(), board_of.blank()
    mask[:] = False
    for index in range(len(state)):
        record = state[index]
        if record["ended"] == 0:
            rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
            load(record["board"], words)
            board_of.find_swaps(words, rows, cols, across, down)
            for row in range(rows):
                for col in range(cols):
                    here = row * cols + col
                    if board_of.marked(across, row, col):
                        mask[index, here * rows * cols + here + 1] = True
                        mask[index, (here + 1) * rows * cols + here] = True
                    if board_of.marked(down, row, col):
                        mask[index, here * rows * cols + here + cols] = True
                        mask[index, (here + cols) * rows * cols + here] = True


@kernel
def unpack(state: Records, cells: npt.NDArray[np.uint8]) -> None:
    """cells[N, rows, cols] = the kinds of state[N]."""
    for index in range(len(state)):
        board = state[index]["board"]
        for row in range(cells.shape[1]):
            for col in range(cells.shape[2]):
                cells[index, row, col] = board_of.cell(board, row, col)


@kernel
def pack(cells: npt.NDArray[np.uint8], seeds: npt.NDArray[np.uint64], state: Records) -> tuple[int, int]:
    """Games in state[N] that stand at cells[N, rows, cols]; the rest of each record is zero beforehand.

    Gives the first board that cannot stand and why, 1 for a run and 2 for no swap; -1 and 0 if all can.
    """
    words, marks = board_of.blank(), board_of.blank()
    rows, cols = cells.shape[1], cells.shape[2]
    for index in range(len(cells)):
        record = state[index]
        for row in range(rows):
            words[0, row] = words[1, row] = _0
            for col in range(cols):
                board_of.flip(words, row, col, np.uint64(cells[index, row, col]))
        if board_of.find_runs(words, rows, cols, marks):
            return index, 1
        if not board_of.has_swap(words, rows, cols):
            return index, 2
        store(words, record["board"])
        record["rng"], record["rows"], record["cols"] = random.seed(seeds[index]), rows, cols
    return -1, 0
