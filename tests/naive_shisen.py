"""Shisen-Sho by the rules alone: paths found by walking, boards cleared by trying everything."""

from collections import deque
from collections.abc import Iterator

from tests.naive import Board, Rng

Cell = tuple[int, int]
WAYS = ((-1, 0), (0, 1), (1, 0), (0, -1))


def fewest_turns(board: Board, start: Cell, end: Cell) -> int | None:
    """Turns of the path with fewest between two tiles, through empty cells and the ring around the board."""
    rows, cols = len(board), len(board[0])
    seen: dict[tuple[Cell, int], int] = {(start, way): 0 for way in range(4)}
    queue = deque(seen)
    while queue:
        (row, col), way = at = queue.popleft()
        for new_way, (down, right) in enumerate(WAYS):
            cell, turns = (row + down, col + right), seen[at] + (new_way != way)
            if not (-1 <= cell[0] <= rows and -1 <= cell[1] <= cols):
                continue
            inside = 0 <= cell[0] < rows and 0 <= cell[1] < cols
            if cell != end and inside and board[cell[0]][cell[1]]:
                continue
            if turns < seen.get((cell, new_way), 99):
                seen[cell, new_way] = turns
                if cell != end:
                    queue.append((cell, new_way))
    return min((turns for (cell, _), turns in seen.items() if cell == end), default=None)


def joined(board: Board, start: Cell, end: Cell, max_turns: int) -> bool:
    """Do two different cells connect?"""
    turns = fewest_turns(board, start, end)
    return turns is not None and turns <= max_turns


def legal(board: Board, start: Cell, end: Cell, max_turns: int) -> bool:
    """Can these two be taken?"""
    kind = board[start[0]][start[1]]
    return start != end and kind != 0 and kind == board[end[0]][end[1]] and joined(board, start, end, max_turns)


def cells_of(board: Board) -> list[Cell]:
    return [(row, col) for row, line in enumerate(board) for col, _ in enumerate(line)]


def pairs(board: Board, max_turns: int) -> Iterator[tuple[Cell, Cell]]:
    """All legal pairs, each once, in reading order."""
    cells = cells_of(board)
    for place, start in enumerate(cells):
        for end in cells[place + 1 :]:
            if legal(board, start, end, max_turns):
                yield start, end


def without(board: Board, start: Cell, end: Cell) -> Board:
    rows = enumerate(board)
    return [[0 if (row, col) in (start, end) else kind for col, kind in enumerate(line)] for row, line in rows]


def clearable(board: Board, max_turns: int, dead: set[str] | None = None) -> bool:
    """Is there any order of pairs that clears the board?"""
    dead = set() if dead is None else dead
    if not any(map(any, board)):
        return True
    if str(board) in dead:
        return False
    if any(clearable(without(board, *pair), max_turns, dead) for pair in pairs(board, max_turns)):
        return True
    dead.add(str(board))
    return False


def deal(rng: Rng, rows: int, cols: int, num_kinds: int, num_choices: int, max_turns: int) -> Board:
    """A board that can be cleared, made by clearing it, with the kernels' random numbers."""
    board = [[1] * cols for _ in range(rows)]
    left = cells_of(board)
    taken: list[Cell] = []
    lines: tuple[int, ...] = ()  # which coordinate the cells of a pair must share
    if max_turns == 0:
        coin = rng.below(2)
        lines = (0,) if cols % 2 == 0 and (rows % 2 == 1 or coin == 0) else (1,)

    def fits(one: int, other: int) -> bool:
        same_line = all(left[one][axis] == left[other][axis] for axis in lines)
        return one != other and same_line and joined(board, left[one], left[other], max_turns)

    while left:
        for _ in range(32):
            one, other = rng.below(len(left)), rng.below(len(left))
            if fits(one, other):
                break
        else:
            start, num = rng.below(len(left)), len(left)
            places = [(turn + start) % num for turn in range(num)]
            one, other = next((a, b) for a in places for b in range(num) if fits(a, b))
        one, other = sorted((one, other))
        taken += [left[one], left[other]]
        board = without(board, left[one], left[other])
        left[other] = left[-1]
        left.pop()
        left[one] = left[-1]
        left.pop()
    kinds = rng.shuffled(list(range(1, num_choices + 1)))
    labels = rng.shuffled([pair % num_kinds for pair in range(rows * cols // 2)])
    for place, (row, col) in enumerate(taken):
        board[row][col] = kinds[labels[place // 2]]
    return board


def step(board: Board, action: int, max_turns: int) -> tuple[Board, float, int, bool, bool]:
    """The board after it, reward, points, legal, over."""
    if not any(pairs(board, max_turns)):
        return board, 0.0, 0, False, True
    cols = len(board[0])
    cells = len(board) * cols
    start, end = divmod(action // cells, cols), divmod(action % cells, cols)
    if action < 0 or not legal(board, start, end, max_turns):
        return board, -1.0, 0, False, False
    board = without(board, start, end)
    return board, 1.0, 1, True, not any(pairs(board, max_turns))


def nearest(board: Board, kind: int, max_turns: int) -> tuple[Cell, Cell] | None:
    """The legal pair of a kind with the least distance, the first of equals."""
    found = [pair for pair in pairs(board, max_turns) if board[pair[0][0]][pair[0][1]] == kind]
    return min(found, key=lambda pair: abs(pair[0][0] - pair[1][0]) + abs(pair[0][1] - pair[1][1]), default=None)
