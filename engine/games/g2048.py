"""2048: rules in words, answers, truth text, sprites. The arithmetic is in native/g2048.py.

Source: paper, table of games. GR is +1 if the move merges a tile, else -1; score is the sum of merged tiles.
"""

from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions, check_moves
from engine.game import resolve
from engine.games.answers import NamedAnswers
from engine.games.core import Game, Step, near_best
from engine.games.grid import GridGame
from engine.levels import PERCEPTION, Levels
from engine.render.atlas import Atlas
from engine.render.perception import Perception
from native import g2048 as kernels
from native import g2048_plan as plan
from native import g2048_search as search
from native.state import Records

# The largest board fits into one word, and random play ends on a smaller one long before the paper's 100 moves: so
# there is nothing to make reasoning easier or harder.
LEVELS: Levels = {"perception": PERCEPTION}

ACTIONS = ("up", "right", "down", "left")
NUMBERS = ("0", *(str(1 << exponent) for exponent in range(1, 16)))
CELLS = ("-", *NUMBERS[1:])

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


class Settings(Perception, frozen=True, kw_only=True):
    """Difficulty, and looks beside those that all games share."""

    rows: int = 4
    """Rows of the board, 2 to 4."""
    cols: int = 4
    """Columns of the board, 2 to 4."""
    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name, for models too small to read."""
    strive: Literal["survive", "points"] = "survive"
    """What the oracle is after: a long game, or as many points as can be in a game cut after 100 moves."""

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


class G2048(NamedAnswers, GridGame):
    """The game at given settings."""

    _settings: Settings
    _words = CELLS
    name = "2048"
    num_actions = kernels.NUM_ACTIONS
    action_names = ACTIONS
    dtype = kernels.DTYPE
    short_prompt = "2048"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.rows, settings.cols, len(CELLS))
        self._slides, self._largest = _tables()
        self._for_points = settings.strive == "points"

    @property
    def full_prompt(self) -> str:
        """All the rules in words, and the format of the answer."""
        return FULL_PROMPT.format(rows=self.rows, cols=self.cols)

    def _draw_atlas(self) -> Atlas:
        """Tiles by exponent and the strip's glyphs."""
        from engine.render.g2048 import draw_atlas  # pygame: only for games that are looked at

        return draw_atlas(self._layout, self._settings.nearness, self._settings.grid_lines)

    def _first_unfit(self, state: Records) -> int:
        return kernels.first_unfit(state, self.rows, self.cols)

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N] with two tiles each."""
        numbers, state = self._fresh(seeds)
        kernels.reset(state, numbers, self.rows, self.cols)
        return state

    def step(self, state: Records, actions: Integers) -> Step:
        """Play actions [N] (-1 for an unreadable answer) in place."""
        moves, out = self._moves(state, actions), Step.empty(len(state))
        kernels.step(state, moves, self._slides, out.reward, out.score, out.legal, out.terminated)
        return out

    def play_random(self, state: Records, num_moves: int) -> None:
        """Up to `num_moves` moves in place, uniform over all four actions, legal or not."""
        self.check(state, writable=True)
        kernels.play_random(state, check_moves(num_moves), self._slides)

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, 4] of the moves that change the board."""
        mask = self._per_action(state)
        kernels.legal(state, self._slides, mask)
        return mask

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """Exponents [N, rows, cols]."""
        cells = self._cells(state)
        kernels.unpack(state, cells)
        return cells

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at exponents [N, rows, cols] (0 .. 15), score 0."""
        cells, numbers, state = self._set_up(board, seeds, kernels.LARGEST)
        kernels.pack(cells, numbers, state)
        return state

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """The legal action of the highest value for each of state[N]; -1 for a game that has ended."""
        worths = self.values(state)
        return np.where(worths.max(axis=1) >= 0, worths.argmax(axis=1), -1)

    def values(self, state: Records) -> npt.NDArray[np.int64]:
        """What the oracle weighs, [N, 4]: -1 for what is not legal, the first of the largest is the oracle's.

        Striving for points it is hundredths of the points that a move and the two after it make.
        """
        self.check(state)
        worths = np.empty((len(state), self.num_actions), np.int64)
        if self._for_points:
            plan.values(state, self._slides, worths)
        else:
            search.values(state, self._slides, _values(), worths)
        return worths

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, 4] of the moves whose value is at most that of one empty cell, or one point, below the best."""
        return near_best(self.values(state), plan.NEAR if self._for_points else search.NEAR)

    def explain(self, state: Records, action: Integers) -> list[str]:
        """What there is to merge, and the action.

        survive    rows 0 4 0 8 columns 16 0 0 0 sideways 8 upright 16 so up
                   the largest merge of each row and column, and the larger of both ways
        points     up 8 then 16 right 0 then 4 so up
                   of each legal move the points now, then the most points of a next move, new tiles left out
        """
        self.check(state)
        moves = check_actions(action, len(state), self.num_actions)
        reasons = self._points_ahead(state) if self._for_points else self._largest_merges(state)
        return [
            f"{reason}so {ACTIONS[move] if move >= 0 else 'nothing'}"
            for reason, move in zip(reasons, moves.tolist(), strict=True)
        ]

    def _largest_merges(self, state: Records) -> list[str]:
        across, down = np.empty((len(state), self.rows), np.uint8), np.empty((len(state), self.cols), np.uint8)
        kernels.merges(state, self._largest, across, down)
        best = zip(across.max(axis=1).tolist(), down.max(axis=1).tolist(), strict=True)
        return [
            f"rows {_numbers(rows)} columns {_numbers(cols)} sideways {NUMBERS[sideways]} upright {NUMBERS[upright]} "
            for rows, cols, (sideways, upright) in zip(across.tolist(), down.tolist(), best, strict=True)
        ]

    def _points_ahead(self, state: Records) -> list[str]:
        points = np.empty((len(state), self.num_actions, 2), np.int64)
        plan.outlook(state, self._slides, points)
        return [
            "".join(f"{name} {now} then {then} " for name, (now, then) in zip(ACTIONS, one, strict=True) if now >= 0)
            for one in points.tolist()
        ]


def _numbers(exponents: list[int]) -> str:
    return " ".join([NUMBERS[exponent] for exponent in exponents])


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return G2048(resolve(Settings, settings))
