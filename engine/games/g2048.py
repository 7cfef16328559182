"""2048: rules in words, answers, truth text, sprites. The arithmetic is in native/g2048.py.

Source: paper, table of games. GR is +1 if the move merges a tile, else -1; score is the sum of merged tiles.
"""

from functools import cache, cached_property
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from engine.game import (
    UNREADABLE,
    Game,
    Integers,
    Step,
    check_actions,
    check_seeds,
    near_best,
    resolve,
)
from engine.games.grid import GridGame
from engine.levels import PERCEPTION, Levels
from engine.render import frame
from engine.render.atlas import Atlas
from engine.render.perception import Perception
from native import g2048 as kernels
from native import g2048_search as search
from native.state import Records

# The largest board fits into one word, and random play ends on a smaller one long before the paper's 100 moves: so
# there is nothing to make reasoning easier or harder.
LEVELS: Levels = {"perception": PERCEPTION}

ACTIONS = ("up", "right", "down", "left")
NUMBERS = ("0", *(str(1 << exponent) for exponent in range(1, 16)))
CELLS = ("-", *NUMBERS[1:])
EXPONENTS = {cell: exponent for exponent, cell in enumerate(CELLS)}
ANSWERS = {name: action for action, name in enumerate(ACTIONS)} | {str(action): action for action in range(4)}

FULL_PROMPT = """\
You are playing 2048 on a board of {rows} rows and {cols} columns. The picture shows the board as it is now.
A move slides every tile as far as it can go in one direction. Two tiles with the same number that are pushed \
together become one tile with their sum, and each tile merges at most once in a move. After a move that changed the \
board, a new tile (2, sometimes 4) appears in an empty cell. A move that changes nothing is not allowed. The game \
ends when no move is left.
You are rewarded for a move that merges at least one pair of tiles; make it, and keep the board open for later ones.
The actions are 0 for up, 1 for right, 2 for down and 3 for left.
First write down the board as you see it, one line for each row from top to bottom, cells separated by spaces, each \
cell its number or - if it is empty. Then reason about the move. Then answer with one action. Use this format:
<perception>
board
</perception>
<think>
reasoning
</think>
<answer>
action
</answer>"""
SHORT_PROMPT = "2048"


class Settings(Perception, frozen=True, kw_only=True):
    """Difficulty, and looks beside those that all games share."""

    rows: int = 4
    """Rows of the board, 2 to 4."""
    cols: int = 4
    """Columns of the board, 2 to 4."""
    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name, for models too small to read."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if not (2 <= self.rows <= 4 and 2 <= self.cols <= 4):
            raise ValueError(f"rows={self.rows}, cols={self.cols}: each is 2 to 4")


@cache
def _tables() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """What each row slides to, and its largest merge; a quarter of a megabyte, computed in milliseconds."""
    return kernels.slide_tables()


@cache
def _values() -> npt.NDArray[np.int32]:
    """What each row is worth to the oracle; another quarter of a megabyte, needed only by it."""
    return search.value_table()


class G2048(GridGame):
    """The game at given settings."""

    _settings: Settings
    name = "2048"
    num_actions = kernels.NUM_ACTIONS
    cells_per_action = 0
    dtype = kernels.DTYPE

    def __init__(self, settings: Settings) -> None:
        tile_px = settings.tile_px or frame.default_tile_px(settings.rows, settings.cols)
        self._settings = msgspec.structs.replace(settings, tile_px=tile_px)
        self.settings: dict[str, Any] = msgspec.structs.asdict(self._settings)
        self.rows, self.cols = settings.rows, settings.cols
        self._slides, self._largest = _tables()
        self._layout = frame.layout(self.rows, self.cols, tile_px, len(CELLS), settings.strip, settings)

    @property
    def prompt(self) -> str:
        """What the model is told beside the frame."""
        if self._settings.prompt == "short":
            return SHORT_PROMPT
        return FULL_PROMPT.format(rows=self.rows, cols=self.cols)

    @cached_property
    def atlas(self) -> Atlas:
        """Tiles by exponent and the strip's glyphs, drawn on first use."""
        from engine.render.g2048 import draw_atlas  # pygame: only for games that are looked at

        return draw_atlas(self._layout, self._settings.nearness, self._settings.grid_lines)

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N] with two tiles each."""
        numbers = check_seeds(seeds)
        state = np.zeros(len(numbers), self.dtype)
        kernels.reset(state, numbers, self.rows, self.cols)
        return state

    def step(self, state: Records, actions: Integers) -> Step:
        """Play actions [N] (-1 for an unreadable answer) in place."""
        self._check(state)
        num = len(state)
        moves = check_actions(actions, num, self.num_actions)
        reward, score = np.empty(num, np.float32), np.empty(num, np.int64)
        legal, terminated = np.empty(num, np.bool_), np.empty(num, np.bool_)
        kernels.step(state, moves, self._slides, reward, score, legal, terminated)
        return Step(reward, score, legal, terminated)

    def play_random(self, state: Records, num_moves: int) -> None:
        """Up to `num_moves` moves in place, uniform over all four actions, legal or not."""
        self._check(state)
        kernels.play_random(state, num_moves, self._slides)

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, 4] of the moves that change the board."""
        self._check(state)
        mask = np.empty((len(state), self.num_actions), np.bool_)
        kernels.legal(state, self._slides, mask)
        return mask

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """Exponents [N, rows, cols]."""
        self._check(state)
        cells = np.empty((len(state), self.rows, self.cols), np.uint8)
        kernels.unpack(state, cells)
        return cells

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at exponents [N, rows, cols] (0 .. 15), score 0."""
        cells, numbers = np.asarray(board), check_seeds(seeds)
        shape = (len(numbers), self.rows, self.cols)
        if cells.shape != shape or cells.dtype.kind not in "iu":
            raise ValueError(f"board is {cells.dtype} of shape {cells.shape}; expected integers of shape {shape}")
        if cells.size and not (cells.min() >= 0 and cells.max() <= kernels.LARGEST):
            raise ValueError(f"board has exponents {cells.min()} .. {cells.max()}; expected 0 .. {kernels.LARGEST}")
        state = np.zeros(len(numbers), self.dtype)
        kernels.pack(cells.astype(np.uint8), numbers, state)
        return state

    def describe(self, state: Records) -> list[str]:
        """Rows of cells on lines of their own, such as "- 2 4 -"; a cell is its number or a dash."""
        boards = self.board(state).tolist()
        return ["\n".join([" ".join([CELLS[cell] for cell in row]) for row in cells]) for cells in boards]

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back as exponents [rows, cols]; blanks around and between cells are free."""
        lines = [line.split() for line in text.strip().split("\n")]
        if len(lines) != self.rows or any(len(line) != self.cols for line in lines):
            return np.full((self.rows, self.cols), UNREADABLE, np.uint8)
        return np.array([[EXPONENTS.get(cell, UNREADABLE) for cell in line] for line in lines], np.uint8)

    def parse(self, text: str) -> int | None:
        """One digit 0 to 3 or the name of a direction; blanks around it and capitals do not matter."""
        return ANSWERS.get(text.strip().lower())

    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""
        if self.parse(text) is not None:
            return None
        if not text.strip():
            return "the answer is empty"
        return f"{text.strip()[:40]!r} is not one of 0, 1, 2, 3, up, right, down, left"

    def action_text(self, action: int) -> str:
        """The name of a direction."""
        if not 0 <= action < self.num_actions:
            raise ValueError(f"action {action} is not 0 .. {self.num_actions - 1}")
        return ACTIONS[action]

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """A strong legal action for each of state[N]; -1 for a game that has ended."""
        self._check(state)
        actions = np.empty(len(state), np.int64)
        search.oracle(state, self._slides, _values(), actions)
        return actions

    def values(self, state: Records) -> npt.NDArray[np.int64]:
        """What the oracle weighs, [N, 4]: -1 for what is not legal, the first of the largest is the oracle's."""
        self._check(state)
        worths = np.empty((len(state), self.num_actions), np.int64)
        search.values(state, self._slides, _values(), worths)
        return worths

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, 4] of the moves whose value is at most that of one empty cell below the best."""
        return near_best(self.values(state), search.NEAR)

    def explain(self, state: Records, action: Integers) -> list[str]:
        """The largest merge of each row and column, the larger of both ways, and the action.

        rows 0 4 0 8 columns 16 0 0 0 sideways 8 upright 16 so up
        """
        self._check(state)
        moves = check_actions(action, len(state), self.num_actions)
        across, down = np.empty((len(state), self.rows), np.uint8), np.empty((len(state), self.cols), np.uint8)
        kernels.merges(state, self._largest, across, down)
        best = zip(across.max(axis=1).tolist(), down.max(axis=1).tolist(), moves.tolist(), strict=True)
        return [
            f"rows {_numbers(rows)} columns {_numbers(cols)} sideways {NUMBERS[sideways]} upright {NUMBERS[upright]}"
            f" so {ACTIONS[move] if move >= 0 else 'nothing'}"
            for rows, cols, (sideways, upright, move) in zip(across.tolist(), down.tolist(), best, strict=True)
        ]


def _numbers(exponents: list[int]) -> str:
    return " ".join([NUMBERS[exponent] for exponent in exponents])


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return G2048(resolve(Settings, settings))
