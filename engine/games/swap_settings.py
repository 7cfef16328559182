"""What can be set about Swap: its levels, its settings, and which tiles are in play."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.levels import PERCEPTION, Levels
from engine.render.kinds import COLOURS, SHAPES
from engine.render.perception import Perception

LEVELS: Levels = {
    "perception": {
        **PERCEPTION,
        "hard": {**PERCEPTION["hard"], "num_colours": 5, "num_shapes": 4},
        "extreme": {**PERCEPTION["extreme"], "num_colours": 8, "num_shapes": 6},
    },
    "reasoning": {
        "easy": {"rows": 6, "cols": 6, "num_kinds": 6, "cascades": False},
        "hard": {"rows": 10, "cols": 10},
        "extreme": {"rows": 12, "cols": 12},
    },
}
PAPER_KINDS = 12


class Settings(Perception, frozen=True, kw_only=True):
    """Difficulty, and looks beside those that all games share."""

    rows: int = 8
    """Rows of the board, 4 to 12."""
    cols: int = 8
    """Columns of the board, 4 to 12."""
    num_colours: int = 4
    """How many colours there are, 1 to 16."""
    num_shapes: int = 3
    """How many shapes there are, 1 to 12."""
    num_kinds: int | None = None
    """How many of the tiles of colour x shape are in play, 2 or more; None for the paper's 12, or all if fewer."""
    cascades: bool = True
    """New tiles are any. If False they make no run, so that what follows a swap can be foreseen: only tiles that fell
    together still cascade (with two or three kinds there may be no such tile, and then any will do)."""
    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name, for models too small to read."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if not (4 <= self.rows <= 12 and 4 <= self.cols <= 12):
            raise ValueError(f"rows={self.rows}, cols={self.cols}: each is 4 to 12")
        if not (1 <= self.num_colours <= len(COLOURS) and 1 <= self.num_shapes <= len(SHAPES)):
            most = f"1 to {len(COLOURS)} colours and 1 to {len(SHAPES)} shapes"
            raise ValueError(f"num_colours={self.num_colours}, num_shapes={self.num_shapes}: there are {most}")
        tiles = self.num_colours * self.num_shapes
        if not 2 <= self.kinds <= tiles:
            raise ValueError(
                f"num_kinds={self.kinds}: {self.num_colours} colours x {self.num_shapes} shapes are {tiles} kinds, and"
                " a board without a run needs 2; ask for 2 or more kinds, and for colours and shapes enough"
            )

    @property
    def kinds(self) -> int:
        """How many kinds are in play."""
        return min(PAPER_KINDS, self.num_colours * self.num_shapes) if self.num_kinds is None else self.num_kinds


def tiles_in_play(num_kinds: int, num_colours: int, num_shapes: int) -> npt.NDArray[np.uint8]:
    """The tile of each kind 1 .. num_kinds, after a 0; few kinds show all colours and shapes before any comes again.

    With 3 colours a, b, c and 2 shapes 1, 2 the kinds are a1 b2 c1 a2 b1 c2.
    """
    kinds = np.arange(num_kinds)
    colours = kinds % num_colours
    shapes = (kinds // num_colours + colours) % num_shapes
    tiles: npt.NDArray[np.uint8] = np.concatenate([[0], 1 + colours * num_shapes + shapes]).astype(np.uint8)
    return tiles
