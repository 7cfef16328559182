"""The settings of looks that every game has: the axis *perception* of difficulty, as far as games share it."""

import msgspec

CELL_PX = 28
BOARD_PX = 24 * CELL_PX


def check_tile_px(tile_px: int) -> None:
    """ValueError unless tiles fill whole image tokens and are of a sensible size."""
    if tile_px % CELL_PX or not CELL_PX <= tile_px <= BOARD_PX:
        raise ValueError(f"tile_px={tile_px} is not a multiple of {CELL_PX} in {CELL_PX} .. {BOARD_PX}")


class Perception(msgspec.Struct, frozen=True, kw_only=True):
    """What every game lets one set about its picture; noise, jitter and marks follow from the board that it shows."""

    tile_px: int | None = None
    """Side of a tile in pixels, a multiple of 28; None for the largest that fits into 672 pixels."""
    strip: bool = True
    """A strip of 168 pixels with the score below the board."""
    nearness: int = 0
    """How alike the colours are: percent of the way from each to their mean, 0 to 90."""
    noise: int = 0
    """Each byte of the picture is off by up to this much, 0 to 127."""
    jitter: int = 0
    """Each tile's picture is moved by up to this percentage of its side, 0 to 20."""
    distractors: int = 0
    """Percentage of the cells that bear a mark without meaning, 0 to 100."""
    grid_lines: bool = True
    """Lines between the cells."""

    def __post_init__(self) -> None:
        """ValueError for a number out of range."""
        if self.tile_px is not None:
            check_tile_px(self.tile_px)
        for name, most in (("nearness", 90), ("noise", 127), ("jitter", 20), ("distractors", 100)):
            if not 0 <= (value := getattr(self, name)) <= most:
                raise ValueError(f"{name}={value} is not 0 to {most}")

    @property
    def dressed(self) -> bool:
        """Does a frame need more than sprites in places."""
        return bool(self.noise or self.jitter or self.distractors)
