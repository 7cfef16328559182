"""Mines: open every cell that hides none. A grid game with something hidden, whose actions are one cell.

board    uint8[5, 5]   what is shown: 0 covered, 1 nothing near, 2 .. 9 so many mines near (less one), 10 a mine
mines    uint8[5, 5]   1 where one lies; no frame shows it

GR is +1 for a cell without a mine, else -1; a mine ends the game, and so does the last cell without one.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.checks import Integers
from engine.game import Game, Step, resolve
from engine.games.answers import CellAnswers
from engine.games.grid import GridGame
from engine.levels import PERCEPTION, Levels
from engine.render.atlas import Atlas
from engine.render.perception import Perception
from native.state import HEADER, Records

SIDE, NUM_MINES, MINE = 5, 4, 10
LEVELS: Levels = {"perception": PERCEPTION}


class Settings(Perception, frozen=True, kw_only=True):
    """Looks."""

    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name."""


class Mines(CellAnswers, GridGame):
    """The game at given settings."""

    _words = ("#", ".", *"12345678", "*")
    name = "mines"
    dtype = np.dtype([*HEADER, ("board", "u1", (SIDE, SIDE)), ("mines", "u1", (SIDE, SIDE))])
    num_actions = SIDE * SIDE
    cells_per_action = 1
    hidden = ("mines",)
    short_prompt = "Mines"
    full_prompt = """Open a cell that hides no mine. A cell is written (row, column). Answer in this format:
<perception>
board
</perception>
<think>
reasoning
</think>
<answer>
cell
</answer>"""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, SIDE, SIDE, len(self._words))

    def _draw_atlas(self) -> Atlas:
        from engine.render import tiles

        shades = np.arange(len(self._words), dtype=np.uint8)[:, None, None, None] * np.uint8(20)
        size = self.layout.grids[0].height
        return tiles.atlas_of(self.layout, np.broadcast_to(shades, (len(self._words), size, size, 3)))

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N], every cell covered."""
        numbers, state = self._fresh(seeds)
        state["rng"], state["rows"], state["cols"] = numbers, SIDE, SIDE
        for index, number in enumerate(numbers.tolist()):
            places = np.random.default_rng(number).permutation(SIDE * SIDE)[:NUM_MINES]
            state["mines"][index].reshape(-1)[places] = 1
        return state

    def step(self, state: Records, actions: Integers) -> Step:
        """Open a cell in each of state[N], in place."""
        moves, out = self._moves(state, actions), Step.empty(len(state))
        games, (row, col) = np.arange(len(state)), np.divmod(np.maximum(moves, 0), SIDE)
        live, faces = state["ended"] == 0, opened(state["mines"])[games, row, col]
        out.legal[:] = live & (moves >= 0) & (state["board"][games, row, col] == 0)
        safe = out.legal & (faces != MINE)
        state["board"][games[out.legal], row[out.legal], col[out.legal]] = faces[out.legal]
        state["ended"] |= over(state)
        state["score"] += safe
        out.reward[:], out.score[:], out.terminated[:] = np.where(safe, 1, np.where(live, -1, 0)), safe, state["ended"]
        return out

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """What is shown, [N, rows, cols]."""
        self.check(state)
        if (state["board"] > MINE).any():
            raise ValueError(f"a record shows what is not 0 .. {MINE}")
        return state["board"].copy()

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position."""
        self.check(state)
        mines, board = state["mines"], state["board"]
        fair = (mines <= 1).all() and (mines.sum(axis=(1, 2)) == NUM_MINES).all() and not state["pad"].any()
        if not (fair and ((board == 0) | (board == opened(mines))).all() and (state["ended"] == over(state)).all()):
            raise ValueError("a record of mines does not fit together")


def opened(mines: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What each cell of mines[N, rows, cols] shows when it is opened."""
    around = np.pad(mines, ((0, 0), (1, 1), (1, 1)))
    near = sum(around[:, 1 + down : 6 + down, 1 + right : 6 + right] for down in (-1, 0, 1) for right in (-1, 0, 1))
    faces: npt.NDArray[np.uint8] = np.where(mines, MINE, 1 + near).astype(np.uint8)
    return faces


def over(state: Records) -> npt.NDArray[np.bool_]:
    """Is a mine open, or every other cell [N]."""
    board, mines = state["board"], state["mines"]
    ended: npt.NDArray[np.bool_] = (board == MINE).any(axis=(1, 2)) | ((board > 0) | (mines > 0)).all(axis=(1, 2))
    return ended


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return Mines(resolve(Settings, settings))
