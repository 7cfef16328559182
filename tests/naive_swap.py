"""The slow, obvious twin of Swap's kernels: lists, sets and loops, written from the rules alone."""

from tests.naive import Board, Rng

Cell = tuple[int, int]
PATIENCE, TRIES, DEALS, FOLLOW = 100, 32, 10_000, 4


def runs(board: Board) -> set[Cell]:
    """Every tile that is one of three or more equal ones in a row or column; 0 is no tile."""
    found: set[Cell] = set()
    for row in range(len(board)):
        for col in range(len(board[0])):
            for line in ([(row, col + n) for n in range(3)], [(row + n, col) for n in range(3)]):
                if line[-1][0] < len(board) and line[-1][1] < len(board[0]):
                    kinds = {board[r][c] for r, c in line}
                    if len(kinds) == 1 and kinds != {0}:
                        found |= set(line)
    return found


def in_run(board: Board, cell: Cell) -> bool:
    """Is this tile one of three equal ones side by side?"""
    row, col = cell
    across = board[row][max(0, col - 2) : col + 3]
    down = [line[col] for line in board[max(0, row - 2) : row + 3]]
    return any(0 != a == b == c for line in (across, down) for a, b, c in zip(line, line[1:], line[2:], strict=False))


def swapped(board: Board, one: Cell, other: Cell) -> Board:
    """The board with two tiles exchanged."""
    board = [list(line) for line in board]
    (r1, c1), (r2, c2) = one, other
    board[r1][c1], board[r2][c2] = board[r2][c2], board[r1][c1]
    return board


def swaps(board: Board) -> list[tuple[Cell, Cell]]:
    """Each pair of neighbouring tiles that make a run when exchanged, to the right before downwards."""
    found = []
    for row in range(len(board)):
        for col in range(len(board[0])):
            for other in ((row, col + 1), (row + 1, col)):
                inside = other[0] < len(board) and other[1] < len(board[0])
                if inside and board[row][col] and board[other[0]][other[1]]:
                    after = swapped(board, (row, col), other)
                    if in_run(after, (row, col)) or in_run(after, other):
                        found.append(((row, col), other))
    return found


def fallen(board: Board, gone: set[Cell]) -> Board:
    """Take out some cells; what is above comes down."""
    columns = []
    for col in range(len(board[0])):
        kept = [line[col] for row, line in enumerate(board) if (row, col) not in gone and line[col]]
        columns.append([0] * (len(board) - len(kept)) + kept)
    return [list(line) for line in zip(*columns, strict=True)]


def action_of(one: Cell, other: Cell, board: Board) -> int:
    """The index of a swap."""
    rows, cols = len(board), len(board[0])
    return ((one[0] * cols + one[1]) * rows + other[0]) * cols + other[1]


def cells_of(action: int, board: Board) -> tuple[Cell, Cell]:
    """And back."""
    rows, cols = len(board), len(board[0])
    return (action // cols // rows // cols, action // cols // rows % cols), (action // cols % rows, action % cols)


class Swap:
    """Swap by the rules, with the same random numbers as the kernels."""

    def __init__(self, number: int, rows: int, cols: int, kinds: int, chance: bool = True) -> None:
        self.rng = Rng.seeded(number)
        self.rows, self.cols, self.kinds, self.chance = rows, cols, kinds, chance
        self.score = 0
        self.board: Board = []
        self.deal()

    def deal(self) -> None:
        """Rows of tiles that make no run, until there is a swap."""
        for _ in range(DEALS):
            self.board = []
            while len(self.board) < self.rows:
                self.deal_row()
            if swaps(self.board):
                return
        line = [2 if col % 3 == 2 else 1 for col in range(self.cols)]
        self.board = [line if row % 2 == 0 else [3 - kind for kind in line] for row in range(self.rows)]

    def deal_row(self) -> None:
        """One more row; begun again when a tile cannot be had, at last copied from above with every kind another."""
        self.board.append([0] * self.cols)
        row = len(self.board) - 1
        for _ in range(TRIES):
            self.board[row] = [0] * self.cols
            if all(self.draw(row, col) for col in range(self.cols)):
                return
        self.board[row] = [kind % self.kinds + 1 for kind in self.board[row - 1]]

    def draw(self, row: int, col: int) -> bool:
        """A tile that makes no run, or False."""
        for _ in range(TRIES):
            self.board[row][col] = 1 + self.rng.below(self.kinds)
            if not in_run(self.board, (row, col)):
                return True
        return False

    def refill(self) -> None:
        """New tiles into all gaps."""
        for row in range(self.rows):
            for col in range(self.cols):
                if self.board[row][col] == 0:
                    if self.chance:
                        self.board[row][col] = 1 + self.rng.below(self.kinds)
                    else:
                        self.draw(row, col)

    def settle(self) -> int:
        """Until no run is left and there is a swap; how many tiles went after the first round."""
        gone: list[int] = []
        while found := runs(self.board):
            if len(gone) == PATIENCE:
                self.deal()
                break
            gone.append(len(found))
            self.board = fallen(self.board, found)
            self.refill()
        if not swaps(self.board):
            self.renew()
        return sum(gone[1:])

    def renew(self) -> None:
        """Shuffle, at last deal."""
        for _ in range(PATIENCE):
            tiles = self.rng.shuffled([kind for line in self.board for kind in line])
            self.board = [tiles[row * self.cols : (row + 1) * self.cols] for row in range(self.rows)]
            if not runs(self.board) and swaps(self.board):
                return
        self.deal()

    def legal(self) -> set[int]:
        """Every legal action."""
        pairs = swaps(self.board)
        return {action_of(one, other, self.board) for pair in pairs for one, other in (pair, pair[::-1])}

    def step(self, action: int) -> tuple[float, int, bool, bool, int]:
        """Reward, points, legal, over, cascade."""
        if action not in self.legal():
            return -1.0, 0, False, False, 0
        self.board = swapped(self.board, *cells_of(action, self.board))
        self.score += 1
        return 1.0, 1, True, False, self.settle()


def arrives(board: Board, one: Cell, other: Cell) -> bool:
    """Does the tile of `one` make a run at `other`?"""
    return in_run(swapped(board, one, other), other)


def worth(board: Board, one: Cell, other: Cell) -> int:
    """Tiles that a swap clears, and swaps that it leaves, before new tiles come."""
    rest = swapped(board, one, other)
    gone = 0
    while found := runs(rest):
        gone += len(found)
        rest = fallen(rest, found)
    return gone + FOLLOW * len(swaps(rest))


def oracle(board: Board) -> int:
    """The swap of most worth, the first of equals."""
    best, action = -1, -1
    for one, other in swaps(board):
        if (value := worth(board, one, other)) > best:
            first, second = (one, other) if arrives(board, one, other) else (other, one)
            best, action = value, action_of(first, second, board)
    return action


def by_kind(board: Board, action: int) -> dict[int, int]:
    """For each kind on the board the first swap that makes a run of it, or -1; `action` where it is one."""
    found = {kind: -1 for line in board for kind in line}
    for one, other in swaps(board):
        for first, second in ((one, other), (other, one)):
            kind = board[first[0]][first[1]]
            given = action in (action_of(one, other, board), action_of(other, one, board))
            if arrives(board, first, second) and (given or found[kind] == -1):
                found[kind] = action if given else action_of(first, second, board)
    return found
