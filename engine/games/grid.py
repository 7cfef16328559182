"""A game whose frame is a grid of sprites: what it has beside the core, and what all such games share.

state ──board──▶ cells ──words──▶ truth text
  └──────_faces──▶ sprite numbers ──▶ draw records: board, score strip, and what the level adds ──atlas──▶ frame
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_seeds
from engine.games.core import UNREADABLE, Game
from engine.render import frame
from engine.render.atlas import Atlas, Layout
from engine.render.perception import Perception
from engine.states import state_hash
from native.state import Records


class GridGame(Game):
    """Beside the core a game gives `board`, and `from_board` where nothing is hidden (else it writes `verify`); the
    word of each cell number, or `describe` and `perceived`; and its sprites, numbered as the board is, or `_faces`."""

    _settings: Perception
    _words: Sequence[str]
    """How each cell number is written, from 0; one word each, or the game reads them back itself."""
    _free: ClassVar[tuple[str, ...]] = ("rng", "score")
    """Fields of a record that do not follow from its board."""

    def __init__(self, settings: Perception, rows: int, cols: int, num_sprites: int) -> None:
        tile_px = settings.tile_px or frame.default_tile_px(rows, cols)
        self._settings = msgspec.structs.replace(settings, tile_px=tile_px)
        self.settings = msgspec.structs.asdict(self._settings)
        self.rows, self.cols = rows, cols
        self._layout = frame.layout(rows, cols, tile_px, num_sprites, settings.strip, settings)

    @property
    def layout(self) -> Layout:
        """Where things lie on a frame, the board and the strip if there is one: `atlas.layout`, without drawing."""
        return self._layout

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of every frame."""
        return self._layout.height, self._layout.width

    @cached_property
    def draw_dtype(self) -> np.dtype[np.void]:
        """One frame: `board` uint16[rows, cols], `strip` uint16[1, cells] if there is one, and what the level adds."""
        return self._layout.draw_dtype

    @cached_property
    def atlas(self) -> Atlas:
        """The sprites, drawn on first use; ValueError if photographs cannot be read."""
        return self._draw_atlas()

    @abstractmethod
    def _draw_atlas(self) -> Atlas:
        """The sprites of this layout; pygame is imported here, for games that are looked at."""

    @abstractmethod
    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """The cells as the frame shows them, [N, rows, cols]; 0 is empty."""

    @property
    def cell_words(self) -> Sequence[str]:
        """What `describe` says for each number that `board` can hold."""
        return self._words

    def describe(self, state: Records) -> list[str]:
        """Rows of cells on lines of their own, such as "- 2 4 -"."""
        words, boards = self._words, self.board(state).tolist()
        return ["\n".join([" ".join([words[cell] for cell in row]) for row in cells]) for cells in boards]

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back as cells [rows, cols]; blanks around and between them are free."""
        lines = [line.split() for line in text.strip().split("\n")]
        if len(lines) != self.rows or any(len(line) != self.cols for line in lines):
            return np.full((self.rows, self.cols), UNREADABLE, np.uint8)
        numbers = self._numbers
        return np.array([[numbers.get(word, UNREADABLE) for word in line] for line in lines], np.uint8)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self._words)}

    def sprites(self, state: Records) -> Records:
        """The frames as sprite numbers, [N] of draw_dtype: what goes over the wire."""
        self.check(state)
        draws = np.empty(len(state), self.draw_dtype)
        draws["board"] = self._faces(state)
        if self._settings.strip:
            draws["strip"] = frame.strip_glyphs(state["score"], self._layout.grids[1].cols)
        if self._settings.dressed:
            frame.dress(draws, self._layout, self._settings, state_hash(state))
        return draws

    def render(self, state: Records, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The frames, [N, height, width, 3]."""
        return self.atlas.compose(self.sprites(state), out)

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position of this game, in all its fields."""
        rebuilt = self.from_board(self.board(state), np.zeros(len(state), np.uint64))
        for name in set(self.dtype.fields or ()).difference(self._free):
            if not np.array_equal(state[name], rebuilt[name]):
                raise ValueError(f"a record's field {name!r} does not fit its board in {self.name}")

    def _faces(self, state: Records) -> npt.NDArray[np.unsignedinteger]:
        """The sprite number of each cell, [N, rows, cols]; where sprites are numbered as the board is, the board."""
        return self.board(state)

    def _cells(self, state: Records) -> npt.NDArray[np.uint8]:
        """Room for the cells [N, rows, cols] of a state that was checked."""
        self.check(state)
        return np.empty((len(state), self.rows, self.cols), np.uint8)

    def _set_up(
        self, board: npt.ArrayLike, seeds: Integers, highest: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64], Records]:
        """Boards [N, rows, cols] of cells 0 .. highest and seeds [N] as kernels take them, and zeroed records [N]."""
        cells, numbers = np.asarray(board), check_seeds(seeds)
        shape = (len(numbers), self.rows, self.cols)
        if cells.shape != shape or cells.dtype.kind not in "iu":
            raise ValueError(f"board is {cells.dtype} of shape {cells.shape}; expected integers of shape {shape}")
        if cells.size and not (cells.min() >= 0 and cells.max() <= highest):
            raise ValueError(f"board has kinds {cells.min()} .. {cells.max()}; expected 0 .. {highest}")
        return cells.astype(np.uint8), numbers, np.zeros(len(numbers), self.dtype)
