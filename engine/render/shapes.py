"""Tiles of colour x shape, for games that ask which tiles are equal. Drawn by pygame into memory, as in tiles.py.

    sprite 0                                     the empty cell
    sprite 1 + colour * num_shapes + shape       that shape in that colour on a light card

Words, colours and outlines are in kinds.py. Everything is drawn four times too large and scaled down.
"""

import math

import numpy as np
import pygame

from engine.render.kinds import COLOURS, OUTLINES, PAINTS, SHAPES, Point
from engine.render.tiles import OVERSAMPLE, Colour, Pixels, nearer, to_pixels

CARD, BOARD, EMPTY = (247, 243, 233), (176, 168, 154), (208, 201, 189)
MAX_NEARNESS = 90
REACH = 0.37  # of a tile: from its centre to the edge of the square in which a shape is drawn


def shape_sprites(px: int, num_colours: int, num_shapes: int, nearness: int = 0, grid_lines: bool = True) -> Pixels:
    """All tiles of side `px`, uint8[1 + num_colours * num_shapes, px, px, 3].

    `nearness`: 0 .. 90 percent of the way from each colour to the mean of all. Without `grid_lines` nothing shows where
    one cell ends and the next begins. ValueError for numbers out of range.
    """
    if not (1 <= num_colours <= len(COLOURS) and 1 <= num_shapes <= len(SHAPES) and 0 <= nearness <= MAX_NEARNESS):
        raise ValueError(
            f"num_colours={num_colours}, num_shapes={num_shapes}, nearness={nearness}: there are 1 to {len(COLOURS)}"
            f" colours and 1 to {len(SHAPES)} shapes, and nearness is 0 to {MAX_NEARNESS} percent"
        )
    sprites = [_tile(px, EMPTY, grid_lines, "", EMPTY)]
    for paint in nearer(PAINTS[:num_colours], nearness):
        sprites += [_tile(px, CARD, grid_lines, shape, paint) for shape in SHAPES[:num_shapes]]
    return np.stack(sprites)


def _tile(px: int, ground: Colour, grid_lines: bool, shape: str, paint: Colour) -> Pixels:
    """One tile: the card, and on it the shape with a dark edge, which keeps white and yellow visible."""
    big = px * OVERSAMPLE
    surface = pygame.Surface((big, big))
    surface.fill(BOARD if grid_lines else ground)
    if grid_lines:
        gap = max(OVERSAMPLE // 2, big // 56)
        pygame.draw.rect(surface, ground, (gap, gap, big - 2 * gap, big - 2 * gap), border_radius=big // 12)
    red, green, blue = paint
    for fill, outline in zip((paint, ground), OUTLINES.get(shape, ()), strict=False):  # a second outline is a hole
        points = [(big * (0.5 + REACH * x), big * (0.5 + REACH * y)) for x, y in outline]
        pygame.draw.polygon(surface, fill, points)
        _trace(surface, (red * 11 // 20, green * 11 // 20, blue * 11 // 20), points, max(OVERSAMPLE, big // 32))
    return to_pixels(pygame.transform.smoothscale(surface, (px, px)))


def _trace(surface: pygame.Surface, ink: Colour, points: list[Point], width: int) -> None:
    """Draw a closed line with round corners."""
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        along, down = end[0] - start[0], end[1] - start[1]
        scale = width / 2 / math.hypot(along, down)
        x, y = -down * scale, along * scale
        corners = [(start[0] + x, start[1] + y), (end[0] + x, end[1] + y), (end[0] - x, end[1] - y)]
        pygame.draw.polygon(surface, ink, [*corners, (start[0] - x, start[1] - y)])
        pygame.draw.circle(surface, ink, end, width / 2)
