"""Shisen-Sho's settings and levels, and how many kinds of tiles a deal has.

A deal has `num_kinds` kinds, drawn anew each time from those there are: num_colours * num_shapes, or the ten classes of
photographs or drawings. By default each has `copies` tiles, the last ones two where the board asks for it. A num_kinds
that is set decides instead of `copies`, and pairs are spread over kinds as evenly as can be.
"""

import math
from typing import Literal

import msgspec

from engine.levels import PERCEPTION, Levels
from engine.render import photos
from engine.render.kinds import COLOURS, SHAPES
from engine.render.perception import Perception
from native.shisen_paths import MAX_COLS, MAX_ROWS

MIN_SIDE = 4
MAX_PICTURES = 4095  # of a class, so that class and picture fit into 16 bits

LEVELS: Levels = {
    "perception": {
        **PERCEPTION,
        "hard": {**PERCEPTION["hard"], "num_colours": 8, "num_shapes": 6},
        "extreme": {**PERCEPTION["extreme"], "num_colours": len(COLOURS), "num_shapes": len(SHAPES)},
    },
    "reasoning": {
        "easy": {"rows": 4, "cols": 4},
        "hard": {"rows": 8, "cols": 8},
        "extreme": {"rows": MAX_ROWS, "cols": MAX_COLS},
    },
}


class Settings(Perception, frozen=True, kw_only=True):
    """Difficulty and looks."""

    rows: int = 6
    """Rows of the board, 4 to 12; rows or columns must be even in number."""
    cols: int = 6
    """Columns of the board, 4 to 16."""
    max_turns: int = 2
    """Turns a path may take, 0 to 3."""
    copies: int = 4
    """Tiles of each kind in a deal, an even number."""
    num_kinds: int | None = None
    """Kinds in a deal; None for as many as `copies` makes of the board, if there are so many."""
    num_colours: int | None = None
    """Colours to choose from, 1 to 16; None for as few as the kinds need, about as many as shapes."""
    num_shapes: int | None = None
    """Shapes to choose from, 1 to 12; None as for colours."""
    tiles: Literal["shapes", "cifar10", "icons"] = "shapes"
    """Shapes in colours, photographs from the CIFAR-10 archive, or the project's own drawings of ten things."""
    pictures_per_class: int = 100
    """Different photographs or drawings of each class."""
    split: Literal["train", "test"] = "train"
    """Which photographs or drawings: the two have none in common."""
    cifar10_path: str | None = None
    """Archive cifar-10-python.tar.gz or its unpacked folder; None for what the variable G1_CIFAR10 names."""
    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name, for models too small to read."""

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if not (MIN_SIDE <= self.rows <= MAX_ROWS and MIN_SIDE <= self.cols <= MAX_COLS):
            raise ValueError(
                f"rows={self.rows}, cols={self.cols}: rows are 4 to {MAX_ROWS}, columns are 4 to {MAX_COLS}"
            )
        if self.rows * self.cols % 2:
            raise ValueError(
                f"rows={self.rows}, cols={self.cols}: {self.rows * self.cols} cells cannot hold pairs only;"
                " make one of them even"
            )
        if not 0 <= self.max_turns <= 3:
            raise ValueError(f"max_turns={self.max_turns} is not 0 to 3")
        if self.copies < 2 or self.copies % 2:
            raise ValueError(f"copies={self.copies} is not an even number from 2")
        if not 1 <= self.pictures_per_class <= MAX_PICTURES:
            raise ValueError(f"pictures_per_class={self.pictures_per_class} is not 1 to {MAX_PICTURES}")


def resolved(settings: Settings) -> Settings:
    """The settings with kinds, colours and shapes decided if they are None; ValueError if they do not fit."""
    pairs = settings.rows * settings.cols // 2
    wanted = settings.num_kinds
    if wanted is not None and not 1 <= wanted <= pairs:
        raise ValueError(f"num_kinds={wanted}: the board has room for 1 to {pairs}, two tiles of each")
    if settings.tiles != "shapes":
        return _with_classes(settings, wanted or min(photos.NUM_CLASSES, _by_copies(settings)))
    colours, shapes = palette(wanted or _by_copies(settings), settings.num_colours, settings.num_shapes)
    if not (1 <= colours <= len(COLOURS) and 1 <= shapes <= len(SHAPES)):
        most = f"there are 1 to {len(COLOURS)} colours and 1 to {len(SHAPES)} shapes"
        raise ValueError(f"num_colours={colours}, num_shapes={shapes}: {most}")
    kinds = wanted or min(colours * shapes, _by_copies(settings))
    if kinds > colours * shapes:
        raise ValueError(f"num_kinds={kinds}, but {colours} colours and {shapes} shapes make {colours * shapes}")
    return msgspec.structs.replace(settings, num_kinds=kinds, num_colours=colours, num_shapes=shapes)


def _with_classes(settings: Settings, kinds: int) -> Settings:
    """The settings for photographs or drawings."""
    if kinds > photos.NUM_CLASSES:
        raise ValueError(f"num_kinds={kinds}, but tiles={settings.tiles!r} has {photos.NUM_CLASSES} classes")
    if settings.tiles == "cifar10":
        photos.locate(settings.cifar10_path)
    return msgspec.structs.replace(settings, num_kinds=kinds)


def _by_copies(settings: Settings) -> int:
    """How many kinds `copies` makes of the board."""
    return math.ceil(settings.rows * settings.cols / settings.copies)


def palette(kinds: int, num_colours: int | None, num_shapes: int | None) -> tuple[int, int]:
    """Colours and shapes for so many kinds: what is given as given, the rest as few as will do, or all there are."""
    if num_shapes is None:
        few = math.isqrt(kinds) if num_colours is None else math.ceil(kinds / max(1, num_colours))
        num_shapes = min(few, len(SHAPES))
    if num_colours is None:
        num_colours = min(math.ceil(kinds / max(1, num_shapes)), len(COLOURS))
    return num_colours, num_shapes
