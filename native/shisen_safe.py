"""Which pairs of Shisen-Sho may be taken without spoiling the board: it can be cleared afterwards.

Every pair would ask for a search of its own (native/shisen_search.py), but one search speaks for many. Taking tiles
away only opens paths, so of a way to clear the board every pair that connects already may as well come first:

    a way    A D B C    A, B and C connect now, D only after A: B and C are as safe as A
    then     E?         for each pair left: take it, look for a way, and again learn from all of it

So most searches are spared, and those that remain are for pairs that spoil the board or pair its tiles otherwise.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.shisen import is_legal, take
from native.shisen_paths import Int, joined
from native.shisen_search import CLEARED, Desk, nearest_first, solve
from native.state import Records


@kernel
def mark(mask: npt.NDArray[np.bool_], one: Int, other: Int, cells: Int) -> None:
    """Both orders of a pair in mask[cells * cells]."""
    mask[one * cells + other] = True
    mask[other * cells + one] = True


@kernel
def mark_way(desk: Desk, record: np.void, max_turns: Int, mask: npt.NDArray[np.bool_]) -> None:
    """Mark the pairs of the way on the desk that connect on this record's board."""
    cols = np.int64(record["cols"])
    cells = np.int64(record["rows"]) * cols
    for place in range(desk["best_length"]):
        one, other = np.int64(desk["best"][place, 0]), np.int64(desk["best"][place, 1])
        if joined(record["across"], record["down"], cols, one, other, max_turns):
            mark(mask, one, other, cells)


@kernel
def safe(
    state: Records, trials: Records, desks: Records, kind_mask: Int, max_turns: Int, mask: npt.NDArray[np.bool_]
) -> None:
    """mask[N, cells * cells] = the pairs of state[N] after which a way to clear the board was found; both orders.

    The oracle's pair is always among them, and alone where no way is known even before. trials[1], records of the
    game, and desks[1] are room to work in.
    """
    for index in range(len(state)):
        record, desk = state[index], desks[0]
        cols = np.int64(record["cols"])
        cells = np.int64(record["rows"]) * cols
        mask[index] = False
        if record["ended"] != 0:
            continue
        outcome = solve(desk, record, kind_mask, max_turns)
        own = nearest_first(desk, record, max_turns)
        mark(mask[index], own // cells, own % cells, cells)
        if outcome != CLEARED:
            continue
        mark_way(desk, record, max_turns, mask[index])
        board, across, down = record["board"], record["across"], record["down"]
        for one in range(cells):
            for other in range(one + 1, cells):
                known = mask[index, one * cells + other]
                if not known and is_legal(board, across, down, cols, one, other, kind_mask, max_turns):
                    trials[0] = record
                    take(trials, 0, one, other, kind_mask, max_turns)
                    if solve(desk, trials[0], kind_mask, max_turns) == CLEARED:
                        mark(mask[index], one, other, cells)
                        mark_way(desk, record, max_turns, mask[index])
