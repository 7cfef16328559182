"""The slow, obvious twin of every kernel: lists, loops and Python's own integers, written from the rules alone."""

import numpy as np
import numpy.typing as npt

MASK = (1 << 64) - 1
Board = list[list[int]]
Pixels = npt.NDArray[np.uint8]


def mix(word: int) -> int:
    """SplitMix64's output function."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & MASK
    return word ^ (word >> 31)


class Rng:
    """A random stream."""

    def __init__(self, state: int) -> None:
        self.state = state

    @staticmethod
    def seeded(number: int) -> "Rng":
        """From a seed number."""
        return Rng(mix((mix((number + 0x9E3779B97F4A7C15) & MASK) + 0xD1342543DE82EF95) & MASK))

    def below(self, bound: int) -> int:
        """A number in 0 .. bound - 1."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (mix(self.state) >> 32) * bound >> 32

    def split(self, index: int) -> "Rng":
        """Child stream `index`."""
        child = mix((index + 1) * 0xD1342543DE82EF95 & MASK)
        return Rng(mix(((self.state ^ 0xD1342543DE82EF95) + child) & MASK))

    def shuffled(self, values: list[int]) -> list[int]:
        """The values in random order."""
        values = list(values)
        for last in reversed(range(1, len(values))):
            other = self.below(last + 1)
            values[last], values[other] = values[other], values[last]
        return values


def state_hash(board_bytes: bytes) -> int:
    """The 64-bit hash of some bytes, zero-padded to whole words."""
    data = board_bytes + bytes(-len(board_bytes) % 8)
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    value = Rng.seeded(len(words)).state
    for word in words:
        value = Rng.seeded(value ^ word).state
    return value


def slide_line(line: list[int]) -> tuple[list[int], list[int]]:
    """2048: one line of exponents pushed to its front, and the exponents of its merges."""
    tiles = [cell for cell in line if cell]
    out: list[int] = []
    merged: list[int] = []
    while tiles:
        tile = tiles.pop(0)
        if tiles and tiles[0] == tile and tile < 15:
            tiles.pop(0)
            tile += 1
            merged.append(tile)
        out.append(tile)
    return out + [0] * (len(line) - len(out)), merged


def turned(board: Board) -> Board:
    """Rows become columns."""
    return [list(line) for line in zip(*board, strict=True)]


def slide(board: Board, action: int) -> tuple[Board, list[int]]:
    """2048: the board after a slide up, right, down or left, and the exponents of all merges."""
    lines = turned(board) if action in (0, 2) else board
    merged: list[int] = []
    out = []
    for line in lines:
        new, gains = slide_line(line[::-1] if action in (1, 2) else line)
        out.append(new[::-1] if action in (1, 2) else new)
        merged += gains
    return (turned(out) if action in (0, 2) else out), merged


class Game2048:
    """2048 by the rules, with the same random numbers as the kernels."""

    def __init__(self, number: int, rows: int, cols: int) -> None:
        self.rng = Rng.seeded(number)
        self.board = [[0] * cols for _ in range(rows)]
        self.score = 0
        self.spawn()
        self.spawn()

    def spawn(self) -> None:
        """A new tile in a random empty cell."""
        empty = [(row, col) for row, line in enumerate(self.board) for col, cell in enumerate(line) if not cell]
        row, col = empty[self.rng.below(len(empty))]
        self.board[row][col] = 2 if self.rng.below(10) == 0 else 1

    def legal(self) -> list[bool]:
        """Which moves change the board."""
        return [slide(self.board, action)[0] != self.board for action in range(4)]

    def step(self, action: int) -> tuple[float, int, bool, bool]:
        """Reward, points, legal, over."""
        if not any(self.legal()):
            return 0.0, 0, False, True
        if action == -1 or not self.legal()[action]:
            return -1.0, 0, False, False
        self.board, merged = slide(self.board, action)
        self.spawn()
        gained = sum(2**exponent for exponent in merged)
        self.score += gained
        return (1.0 if merged else -1.0), gained, True, not any(self.legal())


def paste(numbers: npt.NDArray[np.uint16], sprites: Pixels, top: int, left: int, frames: Pixels) -> None:
    """Put each sprite into its place."""
    height, width = sprites.shape[1:]
    for (frame, row, col), sprite in np.ndenumerate(numbers):
        y, x = top + row * height, left + col * width
        frames[frame, y : y + height, x : x + width] = sprites[sprite]


def paste_moved(
    numbers: npt.NDArray[np.uint16], offsets: npt.NDArray[np.int8], sprites: Pixels, top: int, left: int, frames: Pixels
) -> None:
    """Put each sprite [height, width, 3] into its place, moved within it; beyond its edge its edge goes on."""
    height, width = sprites.shape[1:3]
    for (frame, row, col), sprite in np.ndenumerate(numbers):
        down, right = offsets[frame, row, col].tolist()
        for y in range(height):
            for x in range(width):
                from_y, from_x = min(max(y - down, 0), height - 1), min(max(x - right, 0), width - 1)
                frames[frame, top + row * height + y, left + col * width + x] = sprites[sprite, from_y, from_x]


def paste_marks(numbers: npt.NDArray[np.uint16], sprites: Pixels, top: int, left: int, frames: Pixels) -> None:
    """Put each sprite [height, width, 3] but number 0 into its place, where its pixels are not black."""
    height, width = sprites.shape[1:3]
    for (frame, row, col), sprite in np.ndenumerate(numbers):
        for y in range(height):
            for x in range(width):
                if sprite and sprites[sprite, y, x].any():
                    frames[frame, top + row * height + y, left + col * width + x] = sprites[sprite, y, x]


def noisy(pixels: list[int], seed: int, most: int) -> list[int]:
    """Bytes with noise: byte b of word w of the seed's stream is for byte 8 * w + b."""
    out = []
    for place, pixel in enumerate(pixels):
        word = mix((seed + (place // 8 + 1) * 0x9E3779B97F4A7C15) & MASK)
        noise = ((word >> 8 * (place % 8) & 255) * (2 * most + 1) >> 8) - most
        out.append(min(max(pixel + noise, 0), 255))
    return out


def largest_merge(line: list[int]) -> int:
    """2048: the largest tile that sliding one line makes, 0 if none."""
    return max((2**exponent for exponent in slide_line(line)[1]), default=0)


def value_2048(board: Board, values: list[int]) -> int:
    """2048: the sum of the values of all four rows and columns, a smaller board padded with empty cells."""
    padded = [line + [0] * (4 - len(line)) for line in board] + [[0] * 4] * (4 - len(board))
    lines = padded + turned(padded)
    return sum(values[sum(cell << 4 * place for place, cell in enumerate(line))] for line in lines)


def moves_2048(board: Board) -> list[tuple[int, Board]]:
    """2048: each legal move and the board it leaves."""
    return [(action, slide(board, action)[0]) for action in range(4) if slide(board, action)[0] != board]


def with_tile(board: Board, tile: int) -> list[Board]:
    """2048: the board with a tile in each of its empty cells in turn."""
    places = [(row, col) for row, line in enumerate(board) for col, cell in enumerate(line) if not cell]
    boards = []
    for row, col in places:
        boards.append([list(line) for line in board])
        boards[-1][row][col] = tile
    return boards


def best_2048(board: Board, values: list[int], further: bool) -> int:
    """2048: the value of the best move, looking one move further or not."""
    totals = []
    for _, moved in moves_2048(board):
        if further:
            futures = [best_2048(future, values, False) for future in with_tile(moved, 1)]
            totals.append(sum(futures) // len(futures))
        else:
            totals.append(value_2048(moved, values))
    return max(totals, default=0)


def promises_2048(board: Board, values: list[int]) -> dict[int, int]:
    """2048: for each legal move the value that its new tiles, 2 nine times in ten, leave on average."""
    promises = {}
    for action, moved in moves_2048(board):
        twos, fours = with_tile(moved, 1), with_tile(moved, 2)
        further = len(twos) <= 5
        total = sum(9 * best_2048(future, values, further) for future in twos)
        total += sum(best_2048(future, values, further) for future in fours)
        promises[action] = total // (10 * len(twos))
    return promises


def points_2048(board: Board, moves: int) -> int:
    """2048: the most points that so many moves make if no new tile comes."""
    totals = [0]
    for _, moved, gained in paid_moves_2048(board):
        totals.append(gained + (points_2048(moved, moves - 1) if moves > 1 else 0))
    return max(totals)


def paid_moves_2048(board: Board) -> list[tuple[int, Board, int]]:
    """2048: each legal move, the board it leaves and its points."""
    return [
        (action, moved, sum(2**exponent for exponent in slide(board, action)[1])) for action, moved in moves_2048(board)
    ]


def plans_2048(board: Board) -> dict[int, int]:
    """2048: for each legal move the points now and, on average over new tiles, of two moves more, in hundredths."""
    plans = {}
    for action, moved, gained in paid_moves_2048(board):
        twos, fours = with_tile(moved, 1), with_tile(moved, 2)
        total = sum(90 * points_2048(future, 2) for future in twos)
        total += sum(10 * points_2048(future, 2) for future in fours)
        plans[action] = 100 * gained + total // len(twos)
    return plans
