"""What games drawn as a grid of sprites have in common: a layout, draw records, and the check of a state.

state ──_faces (each game's own)──▶ sprite numbers ──▶ draw records: board, score strip, and what the level adds
"""

from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from engine.game import Game, check_state, state_hash
from engine.render import frame
from engine.render.atlas import Layout
from engine.render.perception import Perception
from native.state import Records


class GridGame(Game):
    """A game sets `_settings` and `_layout` when it is made, and says in `_faces` which sprite each cell shows."""

    _settings: Perception
    _layout: Layout
    _free: ClassVar[tuple[str, ...]] = ("rng", "score")
    """Fields of a record that do not follow from its board."""

    @property
    def layout(self) -> Layout:
        """Where things lie on a frame: the board, and the strip if there is one."""
        return self._layout

    @cached_property
    def draw_dtype(self) -> np.dtype[np.void]:
        """One frame: `board` uint16[rows, cols], `strip` uint16[1, cells] if there is one, and what the level adds."""
        return self._layout.draw_dtype

    def sprites(self, state: Records) -> Records:
        """The frames as sprite numbers, [N] of draw_dtype."""
        self._check(state)
        draws = np.empty(len(state), self.draw_dtype)
        draws["board"] = self._faces(state)
        if self._settings.strip:
            draws["strip"] = frame.strip_glyphs(state["score"], self._layout.grids[1].cols)
        if self._settings.dressed:
            frame.dress(draws, self._layout, self._settings, state_hash(state))
        return draws

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position of this game, in all its fields."""
        self._check(state)
        if (state["rows"] != self.rows).any() or (state["cols"] != self.cols).any():
            raise ValueError(f"a record is of another board size than {self.name} {self.rows}x{self.cols}")
        rebuilt = self.from_board(self.board(state), np.zeros(len(state), np.uint64))
        for name in set(self.dtype.fields or ()).difference(self._free):
            if not np.array_equal(state[name], rebuilt[name]):
                raise ValueError(f"a record's field {name!r} does not fit its board in {self.name}")

    def _faces(self, state: Records) -> npt.NDArray[np.unsignedinteger]:
        """The sprite number of each cell, [N, rows, cols]; where sprites are numbered as the board is, the board."""
        return self.board(state)

    def _check(self, state: Records) -> None:
        check_state(state, self.dtype)
