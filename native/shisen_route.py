"""What can be said about a position of Shisen-Sho in words: the nearest pair of each kind, and the path between two.

Near is |r1 - r2| + |c1 - c2|, first in reading order among equals. A path is told by its corners, at most three:

    . . . . . .        A (1, 0), B (1, 2): two turns, at (0, 0) and (0, 2)
    A # B # # .        with the fewest turns there are, and of those the shortest
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.shisen import is_legal
from native.shisen_paths import Int, Lines, connects
from native.state import Records

FAR = 1 << 20
Corners = npt.NDArray[np.int8]


@kernel
def nearest_pairs(state: Records, kind_mask: Int, max_turns: Int, pairs: npt.NDArray[np.int64]) -> None:
    """pairs[N, kinds] = the nearest legal pair of each kind in state[N]; -1 where none connects, -2 where none is."""
    for index in range(len(state)):
        record = state[index]
        board, across, down = record["board"], record["across"], record["down"]
        cols = np.int64(record["cols"])
        cells = np.int64(record["rows"]) * cols
        nearest = np.full(pairs.shape[1], FAR, np.int64)
        pairs[index] = -2
        for one in range(cells):
            if board[one] == 0:
                continue
            kind = (np.int64(board[one]) & kind_mask) - 1
            pairs[index, kind] = max(pairs[index, kind], -1)
            for other in range(one + 1, cells):
                away = abs(one // cols - other // cols) + abs(one % cols - other % cols)
                if away < nearest[kind] and is_legal(board, across, down, cols, one, other, kind_mask, max_turns):
                    nearest[kind], pairs[index, kind] = away, one * cells + other


@kernel
def leads(across: Lines, down: Lines, points: Corners, corners: Corners, num: Int, best: Int) -> Int:
    """Length of the path points[0] .. points[num + 1] if it is open and shorter than `best`: then its corners are kept.

    Else `best`. The ends are tiles, the points between are corners, on or around the board.
    """
    length: Int = 0
    for place in range(num + 1):
        r1, c1 = np.int64(points[place, 0]), np.int64(points[place, 1])
        r2, c2 = np.int64(points[place + 1, 0]), np.int64(points[place + 1, 1])
        length += abs(r1 - r2) + abs(c1 - c2)
        taken = place < num and (across[r2 + 1] >> np.uint32(c2 + 2)) & np.uint32(1) != 0
        if taken or (r1 == r2) == (c1 == c2) or not connects(across, down, r1, c1, r2, c2, 0):
            return best
    if length < best:
        corners[:num] = points[1 : num + 1]
    return min(length, best)


@kernel
def route(state: Records, index: Int, action: Int, max_turns: Int, corners: Corners) -> Int:
    """Turns of the path for an action in game `index`, whose cells differ; corners[3, 2]; -1 if there is none."""
    record = state[index]
    rows, cols = np.int64(record["rows"]), np.int64(record["cols"])
    first, second = action // (rows * cols), action % (rows * cols)
    points = np.empty((5, 2), np.int8)
    for turns in range(max_turns + 1):
        best: Int = FAR
        points[0, 0], points[0, 1] = first // cols, first % cols
        points[turns + 1, 0], points[turns + 1, 1] = second // cols, second % cols
        for way in range(2):  # the first straight part lies in a column, or in a row
            best = bend(record["across"], record["down"], rows, cols, points, turns, way, corners, best)
        if best < FAR:
            return turns
    return -1


@kernel
def bend(
    across: Lines, down: Lines, rows: Int, cols: Int, points: Corners, turns: Int, way: Int, corners: Corners,
    best: Int,
) -> Int:  # fmt: skip
    """The shortest path with so many turns that starts along a column (way 0) or a row (way 1), as in `leads`.

    Every second coordinate of a corner is that of the point before it, the last corner shares one with the end; what
    that leaves free is tried out: nothing for one turn, a line for two, a line each way for three.
    """
    along = range(-1, (rows if way == 0 else cols) + 1) if turns >= 2 else range(1)
    aside = range(-1, (cols if way == 0 else rows) + 1) if turns == 3 else range(1)
    other = 1 - way
    for near in along:
        for far in aside:
            if turns >= 1:
                points[1, way] = near if turns >= 2 else points[2, way]
                points[1, other] = points[0, other]
            if turns >= 2:
                points[2, way] = near
                points[2, other] = far if turns == 3 else points[3, other]
            if turns == 3:
                points[3, way], points[3, other] = points[4, way], far
            best = leads(across, down, points, corners, turns, best)
    return best
