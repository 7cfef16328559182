"""Swap (match-3): rules in words, answers, truth text, sprites. The arithmetic is in native/swap*.py.

Source: paper, table of games. GR is +1 if the swap makes a run of three or more, else -1; score is 1 a valid swap. What
falls and comes in afterwards may make more runs; they go into `SwapStep.cascade` and nowhere else, so luck is not paid.
No game ends by itself: where no swap is left the board is shuffled, and who plays keeps the limit of turns.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions, check_moves
from engine.game import resolve
from engine.games.answers import CellAnswers
from engine.games.core import Game, Step, near_best
from engine.games.grid import GridGame
from engine.games.shape_words import perceived_board, tile_words
from engine.games.swap_settings import LEVELS as LEVELS
from engine.games.swap_settings import Settings, tiles_in_play
from engine.render.atlas import Atlas
from native import swap as kernels
from native import swap_door as door
from native import swap_search as search
from native.state import Records

TROUBLES = {1: "has a run of three equal tiles", 2: "has no swap that makes a run"}

FULL_PROMPT = """\
You are playing a match-3 game on a board of {rows} rows and {cols} columns. The picture shows the board as it is now. \
Every cell holds a tile: a shape in a colour. Two tiles are equal if both shape and colour are the same.
A swap exchanges two tiles that are next to each other in a row or a column. It is valid only if afterwards at least \
one of the two is part of a run: three or more equal tiles side by side in a row or a column. Runs vanish, the tiles \
above fall down, and new tiles come in from the top{cascades}. A swap that makes no run is not carried out.
You are rewarded for a valid swap.
A cell is written (row, column). Rows are counted from 0 at the top, columns from 0 at the left. The answer is the two \
cells to swap, such as (0, 1) (0, 2).
First write down the board as you see it, one line for each row from top to bottom, cells separated by spaces, each \
cell its colour and its shape, such as {example}. Then reason about the swap. Then answer with one swap. Use this \
format:
<perception>
board
</perception>
<think>
reasoning
</think>
<answer>
swap
</answer>"""
WITH_CASCADES = " and may make further runs, which vanish too"


@dataclass(slots=True)
class SwapStep(Step):
    """What one swap did to each of N games."""

    cascade: npt.NDArray[np.int64]
    """Tiles [N] that vanished after the swap's own runs had, none of which is paid."""


class Swap(CellAnswers, GridGame):
    """The game at given settings."""

    _settings: Settings
    name = "swap"
    dtype = kernels.DTYPE
    short_prompt = "Swap"

    def __init__(self, settings: Settings) -> None:
        self.num_kinds, num_tiles = settings.kinds, settings.num_colours * settings.num_shapes
        decided = msgspec.structs.replace(settings, num_kinds=self.num_kinds)
        super().__init__(decided, settings.rows, settings.cols, 1 + num_tiles)
        self.num_actions = (self.rows * self.cols) ** 2
        self._words = tile_words(settings.num_shapes)
        self._tiles = tiles_in_play(self.num_kinds, settings.num_colours, settings.num_shapes)
        self._order = sorted((tile, kind) for kind, tile in enumerate(self._tiles.tolist()) if tile)
        self._kinds = np.zeros(256, np.uint8)
        self._kinds[self._tiles] = np.arange(1 + self.num_kinds)

    @property
    def full_prompt(self) -> str:
        """All the rules in words, and the format of the answer."""
        cascades = WITH_CASCADES if self._settings.cascades else ""
        example = self._words[self._tiles[1]]
        return FULL_PROMPT.format(rows=self.rows, cols=self.cols, cascades=cascades, example=example)

    def _draw_atlas(self) -> Atlas:
        """Tiles and the strip's glyphs."""
        from engine.render.swap import draw_atlas  # pygame: only for games that are looked at

        look = self._settings
        return draw_atlas(self._layout, look.num_colours, look.num_shapes, look.nearness, look.grid_lines)

    def _first_unfit(self, state: Records) -> int:
        return door.first_unfit(state, self.rows, self.cols)

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N]: no run on the board, and at least one swap that makes one."""
        numbers, state = self._fresh(seeds)
        kernels.reset(state, numbers, self.rows, self.cols, self.num_kinds)
        return state

    def step(self, state: Records, actions: Integers) -> SwapStep:
        """Play actions [N] (-1 for an unreadable answer) in place."""
        moves, out = self._moves(state, actions), SwapStep.empty(len(state), np.empty(len(state), np.int64))
        outputs = (out.reward, out.score, out.legal, out.terminated, out.cascade)
        kernels.step(state, moves, self.num_kinds, self._settings.cascades, *outputs)
        return out

    def play_random(self, state: Records, num_moves: int) -> None:
        """`num_moves` moves in place, uniform over all pairs of cells, legal or not; few pairs are."""
        self.check(state, writable=True)
        kernels.play_random(state, check_moves(num_moves), self.num_kinds, self._settings.cascades)

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, (rows * cols)**2] of the swaps that make a run, in both orders of their cells."""
        mask = self._per_action(state)
        kernels.legal(state, mask)
        return mask

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """Tiles [N, rows, cols], each 1 + colour * num_shapes + shape."""
        cells = self._cells(state)
        kernels.unpack(state, cells)
        if cells.size and cells.max() > self.num_kinds:
            raise ValueError(f"a record holds kind {cells.max()}; this game has {self.num_kinds}")
        return np.take(self._tiles, cells)

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at tiles [N, rows, cols], score 0.

        Only what can stand is taken: ValueError for a gap, a tile not in play, a run, or no swap that makes one.
        """
        cells, numbers, state = self._set_up(board, seeds, 255)
        strange = cells[~np.isin(cells, self._tiles[1:])]
        if strange.size:
            raise ValueError(f"board holds {strange[0]}; the tiles in play are {self._tiles[1:].tolist()}")
        bad, trouble = kernels.pack(self._kinds[cells], numbers, state)
        if trouble:
            raise ValueError(f"board {bad} {TROUBLES[trouble]}; such a board never stands, set up one that does")
        return state

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back as tiles [rows, cols]; words for no tile of these settings are unreadable."""
        look = self._settings
        return perceived_board(text, self.rows, self.cols, look.num_shapes, look.num_colours * look.num_shapes)

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """The swap that clears most and leaves most swaps, for each of state[N]; -1 for a game that has ended."""
        actions = self._per_game(state)
        search.oracle(state, actions)
        return actions

    def values(self, state: Records) -> npt.NDArray[np.int64]:
        """What the oracle weighs, [N, (rows * cols)**2]: -1 for what is not legal, the largest is the oracle's."""
        self.check(state)
        worths = np.empty((len(state), self.num_actions), np.int64)
        search.values(state, worths)
        return worths

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, (rows * cols)**2] of the swaps whose value is at most that of one swap afterwards below the best.

        Both orders of the cells. GR pays every legal swap alike; these also keep the board open.
        """
        return near_best(self.values(state), search.NEAR)

    def explain(self, state: Records, action: Integers) -> list[str]:
        """For each kind on the board a swap that makes a run of it, the tile that joins the run first; then the action.

        Red circle (0, 3) (1, 3) Red square none Blue circle (2, 2) (2, 1) so (0, 3) (1, 3)
        """
        self.board(state)  # ValueError for a kind that has no place below
        moves = check_actions(action, len(state), self.num_actions)
        swaps = np.empty((len(state), 1 + self.num_kinds), np.int64)
        search.by_kind(state, moves, swaps)
        return [self._reason(row, move) for row, move in zip(swaps.tolist(), moves.tolist(), strict=True)]

    def _reason(self, swaps: list[int], move: int) -> str:
        in_order = [(tile, swaps[kind]) for tile, kind in self._order if swaps[kind] >= -1]
        reasons = [f"{self._words[tile]} {self._named(action, 'none')}" for tile, action in in_order]
        return f"{' '.join(reasons)} so {self._named(move, 'nothing')}"

    def _named(self, action: int, otherwise: str) -> str:
        return self.action_text(action) if action >= 0 else otherwise


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return Swap(resolve(Settings, settings))
