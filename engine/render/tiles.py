"""The pictures themselves, drawn by pygame into memory: no display, no window, no sound. Only this file imports pygame.

Text is drawn several times too large with the font that comes with pygame, so that it looks the same on every
machine, then scaled down to the width and height it may take; wide numbers on small tiles come out narrow, not tiny.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pygame

from engine.render.atlas import Atlas, Layout
from engine.render.frame import LABEL_COLS, NUM_MARKS, STRIP_PX
from engine.render.perception import CELL_PX

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
OVERSAMPLE = 4
TEXT_HEIGHT = (0.0, 0.46, 0.44, 0.38, 0.36, 0.34)  # of a tile, by number of digits
STRIP_GROUND: Colour = (250, 248, 239)
STRIP_INK: Colour = (92, 83, 75)
STRIP_LABEL_INK: Colour = (160, 148, 136)
MARK_INKS: tuple[Colour, ...] = ((214, 60, 60), (58, 92, 206), (40, 146, 78), (150, 70, 180), (90, 90, 96))


def numbered_tile(size: int, text: str, ground: Colour, ink: Colour, around: Colour | None) -> Pixels:
    """A rounded square with a number on it, uint8[size, size, 3]; `around` is what shows between tiles, if anything."""
    big = size * OVERSAMPLE
    surface = pygame.Surface((big, big))
    surface.fill(around or ground)
    if around:
        gap = max(OVERSAMPLE, big // 28)
        pygame.draw.rect(surface, ground, (gap, gap, big - 2 * gap, big - 2 * gap), border_radius=big // 14)
    if text:
        _write(surface, text, ink, width=int(big * 0.84), height=int(big * TEXT_HEIGHT[len(text)]))
    return to_pixels(pygame.transform.smoothscale(surface, (size, size)))


def atlas_of(layout: Layout, board: Pixels, label: str = "SCORE") -> Atlas:
    """A game's atlas from the sprites of its board, with the strip and the marks if the layout has them."""
    sprites = {"board": board}
    for grid in layout.grids:
        if grid.name == "strip":
            sprites["strip"] = strip_sprites(label)
        if grid.name == "marks":
            sprites["marks"] = mark_sprites(grid.height)
    return Atlas(layout, plain(layout.height, layout.width, STRIP_GROUND), sprites)


def mark_sprites(size: int) -> Pixels:
    """Nothing, then marks that mean nothing, on black, which is not drawn: uint8[1 + NUM_MARKS, size, size, 3].

    A dot, a stroke or a corner in one of four places, near the edge so that what lies below can be read.
    """
    sprites = [plain(size, size, (0, 0, 0))]
    for number in range(NUM_MARKS):
        surface = pygame.Surface((size, size))
        ink = MARK_INKS[number % len(MARK_INKS)]
        unit = max(2, size // 14)
        far = size - 3 * unit
        x, y = ((2 * unit, 2 * unit), (far, 2 * unit), (far, far), (2 * unit, far))[number % 4]
        kind = number // 4
        if kind == 0:
            pygame.draw.circle(surface, ink, (x + unit // 2, y + unit // 2), unit * 0.9)
        elif kind == 1:
            pygame.draw.line(surface, ink, (x - unit, y), (x + 2 * unit, y + unit), max(1, unit // 2))
        else:
            pygame.draw.rect(surface, ink, (x - unit // 2, y - unit // 2, 2 * unit, 2 * unit), max(1, unit // 2))
        sprites.append(to_pixels(surface))
    return np.stack(sprites)


def nearer(paints: Sequence[Colour], nearness: int) -> list[Colour]:
    """The colours, moved `nearness` percent of the way to their mean."""
    means = [sum(channel) // len(paints) for channel in zip(*paints, strict=True)]
    mixed = [
        [(value * (100 - nearness) + mean * nearness) // 100 for value, mean in zip(paint, means, strict=True)]
        for paint in paints
    ]
    return [(red, green, blue) for red, green, blue in mixed]


def plain(height: int, width: int, colour: Colour) -> Pixels:
    """One colour, uint8[height, width, 3]."""
    return np.full((height, width, 3), colour, np.uint8)


def strip_sprites(label: str) -> Pixels:
    """The strip's glyphs, uint8[num_glyphs, 168, 28, 3]: ten digits, a blank, the label cut into cells."""
    digits = [_glyphs(str(digit), 1, STRIP_INK, 0.96, 0.25) for digit in range(10)]
    blank = _glyphs("", 1, STRIP_INK, 1, 1)
    return np.concatenate([*digits, blank, _glyphs(label, LABEL_COLS, STRIP_LABEL_INK, 0.92, 0.17)])


def _glyphs(text: str, cols: int, ink: Colour, width: float, height: float) -> Pixels:
    """A text centred over `cols` cells of the strip, taking the given shares of their size, cut into those cells."""
    surface = pygame.Surface((cols * CELL_PX * OVERSAMPLE, STRIP_PX * OVERSAMPLE))
    surface.fill(STRIP_GROUND)
    if text:
        _write(surface, text, ink, int(surface.get_width() * width), int(surface.get_height() * height))
    picture = to_pixels(pygame.transform.smoothscale(surface, (cols * CELL_PX, STRIP_PX)))
    return picture.reshape(STRIP_PX, cols, CELL_PX, 3).swapaxes(0, 1).copy()


def _write(surface: pygame.Surface, text: str, ink: Colour, width: int, height: int) -> None:
    """Write a text into the middle of a surface, digits `height` high and squeezed to `width` where they are wider.

    The font's digits are equally wide, and so is what they are squeezed by: a 1 stays as slim as it should be.
    """
    pygame.font.init()
    font = pygame.font.Font(None, height * 2)
    drawn = font.render(text, True, ink)
    drawn = drawn.subsurface(drawn.get_bounding_rect())
    natural = font.size(text)[0] * height // drawn.get_height()
    scaled = max(1, drawn.get_width() * height * min(width, natural) // (drawn.get_height() * natural))
    drawn = pygame.transform.smoothscale(drawn, (scaled, height))
    surface.blit(drawn, ((surface.get_width() - scaled) // 2, (surface.get_height() - height) // 2))


def to_pixels(surface: pygame.Surface) -> Pixels:
    """A surface as uint8[height, width, 3]."""
    width, height = surface.get_size()
    return np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(height, width, 3)
