"""Shisen-Sho's deals: every one can be cleared, because it is made by clearing it.

    a full board of blank tiles ─▶ take away any two that connect, until none is left ─▶ each two taken together
    become a pair ─▶ pairs get kinds, cells get pictures ─▶ the full board again

It cannot get stuck with one turn or more: two tiles next to each other in a row or column connect straight; and if no
row or column holds two, any two tiles connect by the corner between them. Without turns it could, so then all pairs
come from rows, or all from columns, whose tiles are even in number and so always leave a neighbour.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import below, seed, shuffle
from native.shisen import MAX_CELLS, settle
from native.shisen_paths import NUM_ACROSS, NUM_DOWN, Int, Lines, clear_lines, joined, toggle
from native.state import Records

Numbers = npt.NDArray[np.uint8]
TRIES = 32  # random pairs of tiles tried before looking through them in order
ANYWHERE, IN_ROWS, IN_COLS = 0, 1, 2


@kernel
def fits(across: Lines, down: Lines, cols: Int, first: Int, second: Int, max_turns: Int, where: Int) -> bool:
    """True if two cells are different, lie as `where` asks and connect."""
    if first == second or (where == IN_ROWS and first // cols != second // cols):
        return False
    if where == IN_COLS and first % cols != second % cols:
        return False
    return joined(across, down, cols, first, second, max_turns)


@kernel
def draw_pair(
    rng: np.uint64, left: Int, tiles: Numbers, across: Lines, down: Lines, cols: Int, max_turns: Int, where: Int
) -> tuple[np.uint64, Int, Int]:
    """Places in tiles[:left] of two cells that connect, smaller first; there always are (see above)."""
    num = np.uint64(left)
    for _ in range(TRIES):
        rng, one = below(rng, num)
        rng, other = below(rng, num)
        if fits(across, down, cols, np.int64(tiles[one]), np.int64(tiles[other]), max_turns, where):
            return rng, np.int64(min(one, other)), np.int64(max(one, other))
    rng, start = below(rng, num)
    for turn in range(left):
        place = (np.int64(start) + turn) % left
        for other_place in range(left):
            if fits(across, down, cols, np.int64(tiles[place]), np.int64(tiles[other_place]), max_turns, where):
                return rng, min(place, np.int64(other_place)), max(place, np.int64(other_place))
    raise AssertionError("no two tiles connect")


@kernel
def draw_order(
    rng: np.uint64, tiles: Numbers, taken: Numbers, across: Lines, down: Lines, rows: Int, cols: Int, max_turns: Int,
    where: Int,
) -> np.uint64:  # fmt: skip
    """taken[:cells] = the cells of a full board in an order in which, two by two, they can be taken away."""
    cells = rows * cols
    clear_lines(across, down, rows, cols)
    for cell in range(cells):
        tiles[cell] = cell
        toggle(across, down, cell // cols, cell % cols)
    for left in range(cells, 0, -2):
        rng, place, later = draw_pair(rng, left, tiles, across, down, cols, max_turns, where)
        first, second = np.int64(tiles[place]), np.int64(tiles[later])
        taken[cells - left], taken[cells - left + 1] = first, second
        toggle(across, down, first // cols, first % cols)
        toggle(across, down, second // cols, second % cols)
        tiles[later] = tiles[left - 1]  # the later place first: what moves there may be what moves next
        tiles[place] = tiles[left - 2]
    return rng


@kernel
def reset(
    state: Records, seeds: npt.NDArray[np.uint64], rows: Int, cols: Int, num_kinds: Int, num_choices: Int,
    num_pictures: Int, kind_mask: Int, max_turns: Int,
) -> None:  # fmt: skip
    """Fresh games in state[N] from seeds[N]: `num_kinds` of `num_choices` kinds, with pairs as even as can be.

    The records are zero beforehand; rows * cols is even.
    """
    cells = rows * cols
    tiles, taken = np.empty(MAX_CELLS, np.uint8), np.empty(MAX_CELLS, np.uint8)
    labels, kinds = np.empty(cells // 2, np.uint8), np.empty(num_choices, np.uint8)
    across, down = np.empty(NUM_ACROSS, np.uint32), np.empty(NUM_DOWN, np.uint32)
    for index in range(len(state)):
        rng = seed(seeds[index])
        where = ANYWHERE
        if max_turns == 0:
            rng, coin = below(rng, np.uint64(2))
            where = IN_ROWS if cols % 2 == 0 and (rows % 2 == 1 or coin == np.uint64(0)) else IN_COLS
        rng = draw_order(rng, tiles, taken, across, down, rows, cols, max_turns, where)
        for kind in range(num_choices):
            kinds[kind] = kind + 1
        rng = shuffle(rng, kinds)
        for pair in range(cells // 2):
            labels[pair] = pair % num_kinds
        rng = shuffle(rng, labels)
        board = state[index]["board"]
        for place in range(cells):
            board[taken[place]] = kinds[labels[place // 2]]
        state[index]["rng"] = add_pictures(rng, board, cells, num_pictures, kind_mask)
        settle(state, index, rows, cols, kind_mask, max_turns)


@kernel
def add_pictures(
    rng: np.uint64, board: npt.NDArray[np.uint16], cells: Int, num_pictures: Int, kind_mask: Int
) -> np.uint64:
    """Give each tile of a board of bare kinds one of its kind's pictures; nothing to draw where there is only one."""
    if num_pictures > 1:
        for cell in range(cells):
            if board[cell] != 0:
                rng, picture = below(rng, np.uint64(num_pictures))
                board[cell] += np.int64(picture) * (kind_mask + 1)
    return rng


@kernel
def pack(
    cells: npt.NDArray[np.uint8], seeds: npt.NDArray[np.uint64], num_pictures: Int, kind_mask: Int, max_turns: Int,
    state: Records,
) -> None:  # fmt: skip
    """Games in state[N] that stand at kinds cells[N, rows, cols], pictures by seed; the records are zero beforehand."""
    rows, cols = cells.shape[1], cells.shape[2]
    for index in range(len(cells)):
        board = state[index]["board"]
        for row in range(rows):
            for col in range(cols):
                board[row * cols + col] = cells[index, row, col]
        rng = add_pictures(seed(seeds[index]), board, rows * cols, num_pictures, kind_mask)
        state[index]["rng"] = rng
        settle(state, index, rows, cols, kind_mask, max_turns)
