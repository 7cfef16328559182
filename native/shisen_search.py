"""Clearing a board of Shisen-Sho: which tiles to pair, given that taking a pair away only ever opens paths.

So the order hardly matters, only who is paired with whom. A kind that can be taken away as a whole by its own pairs,
now, may as well be: what is left can do no worse. Only a kind that cannot asks for a choice, and of a choice that
failed we know more: no way to clear the board from there contains that pair, so it is forbidden below that point.

    sweep    take away all kinds that can go as a whole, again and again
    search   sweep; nothing left: done. Else try each pair in turn: take it, search, put it back, forbid it.

A bad first choice may be regretted late, so patience is short, and the search starts again with kinds and tiles in
another order. It is exact if it ends by itself, and bounded: at most PATIENCE * NUM_STARTS choices a board in all.
Without turns two starts look at pairs within rows only and within columns only: what was dealt so can be taken in any
order, as equal neighbours vanish from a word. Everything is integers and starts from the board alone, so every machine
finds the same.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import seed, shuffle
from native.shisen import MAX_CELLS
from native.shisen_deal import ANYWHERE, IN_COLS, IN_ROWS
from native.shisen_paths import NUM_ACROSS, NUM_DOWN, Int, joined, toggle
from native.state import Records

MAX_PAIRS = MAX_CELLS // 2
PATIENCE, NUM_STARTS = 100, 100
CLEARED, IMPOSSIBLE, UNKNOWN = 1, 0, -1
# What the search has on its desk: the board as it takes it apart, and what it knows.
DESK = np.dtype([
    ("cols", "<i8"), ("turns", "<i8"), ("num_kinds", "<i8"),
    ("where", "<i8"),                          # ANYWHERE, IN_ROWS, IN_COLS: which pairs this start looks at
    ("patience", "<i8"),                       # choices that this start may still make
    ("across", "<u4", (NUM_ACROSS,)), ("down", "<u4", (NUM_DOWN,)),
    ("kinds", "u1", (MAX_CELLS,)),             # of the tile on each cell, from 1; 0 where it was taken
    ("cells", "u1", (MAX_CELLS,)),             # cells by kind: those of the n-th kind are
    ("spans", "<i8", (MAX_CELLS + 1,)),        # cells[spans[n] : spans[n + 1]]
    ("order", "u1", (MAX_CELLS,)),             # in which the kinds are looked at
    ("bans", "u1", (MAX_CELLS, MAX_CELLS)),    # 1 where a pair is forbidden
    ("length", "<i8"), ("trail", "u1", (MAX_PAIRS, 3)),      # pairs taken: two cells, kind
    ("best_length", "<i8"), ("best", "u1", (MAX_PAIRS, 3)),  # the longest trail of all starts
])  # fmt: skip
Desk = np.void


@kernel
def may(desk: Desk, one: Int, other: Int) -> bool:
    """True if two cells of one kind still have their tiles, connect, and are not forbidden as a pair."""
    kinds = desk["kinds"]
    if kinds[one] == 0 or kinds[other] == 0 or desk["bans"][one, other] != 0:
        return False
    if desk["where"] == IN_ROWS and one // desk["cols"] != other // desk["cols"]:
        return False
    if desk["where"] == IN_COLS and one % desk["cols"] != other % desk["cols"]:
        return False
    return joined(desk["across"], desk["down"], desk["cols"], np.int64(one), np.int64(other), desk["turns"])


@kernel
def flip(desk: Desk, one: Int, other: Int, kind: Int) -> None:
    """Take a pair off the desk's board (kind 0) or put it back."""
    kinds, cols = desk["kinds"], desk["cols"]
    kinds[one], kinds[other] = kind, kind
    toggle(desk["across"], desk["down"], one // cols, one % cols)
    toggle(desk["across"], desk["down"], other // cols, other % cols)


@kernel
def take(desk: Desk, one: Int, other: Int) -> None:
    """Take a pair and note it on the trail."""
    trail, length = desk["trail"], desk["length"]
    trail[length, 0], trail[length, 1], trail[length, 2] = one, other, desk["kinds"][one]
    desk["length"] = length + 1
    flip(desk, one, other, 0)


@kernel
def rewind(desk: Desk, length: Int) -> None:
    """Put back all pairs after the first `length`."""
    trail = desk["trail"]
    for place in range(desk["length"] - 1, length - 1, -1):
        flip(desk, np.int64(trail[place, 0]), np.int64(trail[place, 1]), np.int64(trail[place, 2]))
    desk["length"] = length


@kernel
def tiles_left(desk: Desk, number: Int) -> Int:
    """How many tiles of the kind of this number are on the board."""
    left = 0
    for place in range(desk["spans"][number], desk["spans"][number + 1]):
        left += desk["kinds"][desk["cells"][place]] != 0
    return left


@kernel
def hopeless(desk: Desk, number: Int) -> bool:
    """True if the two or four tiles left of a kind cannot be paired without a forbidden pair."""
    bans, found = desk["bans"], 0
    a = b = c = d = np.int64(0)
    for place in range(desk["spans"][number], desk["spans"][number + 1]):
        cell = np.int64(desk["cells"][place])
        if desk["kinds"][cell] != 0:
            a, b, c, d = b, c, d, cell
            found += 1
    if found == 2:
        return bool(bans[c, d] != 0)
    if found != 4:
        return False
    return bool((bans[a, b] | bans[c, d]) & (bans[a, c] | bans[b, d]) & (bans[a, d] | bans[b, c]) != 0)


@kernel
def drop(desk: Desk, number: Int, skip: Int) -> None:
    """Take pairs of a kind while any connects, the first of them the one after `skip` others."""
    cells, end = desk["cells"], desk["spans"][number + 1]
    again = True
    while again:
        again = False
        for place in range(desk["spans"][number], end):
            for later in range(place + 1, end):
                if may(desk, cells[place], cells[later]):
                    if skip == 0:
                        take(desk, np.int64(cells[place]), np.int64(cells[later]))
                        again = True
                    else:
                        skip -= 1


@kernel
def sweep(desk: Desk) -> bool:
    """Take every kind that can go as a whole, until none can; False if one can never go."""
    again = True
    while again:
        again = False
        for place in range(desk["num_kinds"]):
            number = np.int64(desk["order"][place])
            left, start = tiles_left(desk, number), desk["length"]
            if left > 0 and hopeless(desk, number):
                return False
            for skip in range(min(left * (left - 1) // 2, 6) if left % 2 == 0 else 0):
                drop(desk, number, skip)
                taken = desk["length"] - start
                if 2 * taken == left:
                    again = True
                    break
                rewind(desk, start)
                if taken == 0:
                    break
    return True


@kernel
def first_choice(desk: Desk) -> tuple[Int, Int, Int]:
    """The first pair that may be taken, and its kind's number; (-1, -1, -1) if there is none."""
    cells, spans = desk["cells"], desk["spans"]
    for place in range(desk["num_kinds"]):
        number = np.int64(desk["order"][place])
        for one in range(spans[number], spans[number + 1]):
            for other in range(one + 1, spans[number + 1]):
                if may(desk, cells[one], cells[other]):
                    return np.int64(cells[one]), np.int64(cells[other]), number
    return np.int64(-1), np.int64(-1), np.int64(-1)


@kernel
def unban(desk: Desk, mark: Int) -> None:
    """Lift all bans of this mark."""
    bans, cells, spans = desk["bans"], desk["cells"], desk["spans"]
    for number in range(desk["num_kinds"]):
        for one in range(spans[number], spans[number + 1]):
            for other in range(one + 1, spans[number + 1]):
                if bans[cells[one], cells[other]] == mark:
                    bans[cells[one], cells[other]] = 0


@kernel
def search(desk: Desk, tiles: Int) -> Int:
    """CLEARED with all `tiles` on the trail; IMPOSSIBLE or UNKNOWN (out of patience) with the board as it was."""
    outcome: Int = IMPOSSIBLE
    start = desk["length"]
    if sweep(desk):
        length = desk["length"]
        if length > desk["best_length"]:
            desk["best_length"] = length
            desk["best"][:length] = desk["trail"][:length]
        if 2 * length == tiles:
            return CLEARED
        one, other, number = first_choice(desk)
        while one >= 0 and outcome == IMPOSSIBLE:
            outcome = UNKNOWN
            if desk["patience"] > 0:
                desk["patience"] -= 1
                take(desk, one, other)
                outcome = search(desk, tiles)
            if outcome == CLEARED:
                return CLEARED
            rewind(desk, length)
            desk["bans"][one, other] = length + 1
            if hopeless(desk, number):
                break
            one, other, number = first_choice(desk)
        unban(desk, length + 1)
    rewind(desk, start)
    return outcome


@kernel
def lay_out(desk: Desk, record: np.void, kind_mask: Int, max_turns: Int) -> Int:
    """Put a game's board on the desk, kinds in order of their numbers; how many tiles there are."""
    board, cells, spans = record["board"], desk["cells"], desk["spans"]
    desk["cols"], desk["turns"] = record["cols"], max_turns
    desk["across"][:], desk["down"][:] = record["across"], record["down"]
    desk["bans"][:], desk["length"], desk["best_length"] = 0, 0, 0
    num_cells = np.int64(record["rows"]) * np.int64(record["cols"])
    counts = np.zeros(256, np.int64)
    for cell in range(num_cells):
        desk["kinds"][cell] = board[cell] & kind_mask
        counts[desk["kinds"][cell]] += 1
    number, tiles = 0, 0
    for kind in range(1, 256):
        if counts[kind] > 0:
            spans[number] = tiles
            for cell in range(num_cells):
                if desk["kinds"][cell] == kind:
                    cells[tiles] = cell
                    tiles += 1
            number += 1
    spans[number], desk["num_kinds"] = tiles, number
    return tiles


@kernel
def solve(desk: Desk, record: np.void, kind_mask: Int, max_turns: Int) -> Int:
    """Look for a way to clear a game's board; desk["best"] holds the longest way found. What `search` gives."""
    tiles = lay_out(desk, record, kind_mask, max_turns)
    order, spans = desk["order"], desk["spans"]
    outcome: Int = UNKNOWN
    for number in range(desk["num_kinds"]):
        order[number] = number
    rng = seed(np.uint64(tiles))
    for start in range(NUM_STARTS):
        if outcome == UNKNOWN:
            desk["patience"] = PATIENCE
            desk["where"] = start if max_turns == 0 and start <= IN_COLS else ANYWHERE
            outcome = search(desk, tiles)
            if outcome == IMPOSSIBLE and desk["where"] != ANYWHERE:
                outcome = UNKNOWN
            rng = shuffle(rng, order[: desk["num_kinds"]])
            for number in range(desk["num_kinds"]):
                rng = shuffle(rng, desk["cells"][spans[number] : spans[number + 1]])
    return outcome


@kernel
def nearest_first(desk: Desk, record: np.void, max_turns: Int) -> Int:
    """The action on the best trail that can be played now and whose cells are nearest; the first of equals."""
    cols = np.int64(record["cols"])
    num_cells = np.int64(record["rows"]) * cols
    nearest, action = np.int64(1 << 20), np.int64(-1)
    for place in range(desk["best_length"]):
        one = np.int64(min(desk["best"][place, 0], desk["best"][place, 1]))
        other = np.int64(max(desk["best"][place, 0], desk["best"][place, 1]))
        away = abs(one // cols - other // cols) + abs(one % cols - other % cols)
        rank = away * num_cells + one
        if rank < nearest and joined(record["across"], record["down"], cols, one, other, max_turns):
            nearest, action = rank, one * num_cells + other
    return action


@kernel
def oracle(
    state: Records, desks: Records, kind_mask: Int, max_turns: Int, actions: npt.NDArray[np.int64],
    outcomes: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """actions[N] = the next pair of a way to clear each of state[N], or of the longest way found; -1 where it ended.

    outcomes[N] says which: CLEARED, or IMPOSSIBLE or UNKNOWN. desks[1] is room to work in.
    """
    for index in range(len(state)):
        record, desk = state[index], desks[0]
        actions[index], outcomes[index] = -1, CLEARED if record["left"] == 0 else IMPOSSIBLE
        if record["ended"] == 0:
            outcomes[index] = solve(desk, record, kind_mask, max_turns)
            actions[index] = nearest_first(desk, record, max_turns)
