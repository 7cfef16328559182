"""How 2048 looks: a tile's sprite number is its exponent, 0 the empty cell."""

import numpy as np

from engine.render import tiles
from engine.render.atlas import Atlas, Layout

BOARD = (187, 173, 160)
DARK_INK, LIGHT_INK = (92, 83, 75), (252, 250, 247)
DARK_ON = (1, 2, 3, 7, 8)  # exponents whose ground is too light for light ink
# Ground of the empty cell, then of 2, 4, 8 ... 32768: the familiar warm scale, then on through cool colours.
GROUNDS = [
    (205, 193, 180), (238, 228, 218), (237, 220, 184), (244, 177, 121), (245, 149, 99), (246, 124, 95), (230, 84, 54),
    (241, 208, 104), (237, 196, 62), (176, 190, 60), (104, 168, 70), (44, 150, 120), (36, 136, 178), (52, 94, 186),
    (112, 70, 176), (60, 52, 62),
]  # fmt: skip


def draw_atlas(layout: Layout, nearness: int, grid_lines: bool) -> Atlas:
    """Tiles by exponent 0 .. 15, with whatever else the layout has."""
    size = layout.grids[0].height
    faces = []
    for exponent, ground in enumerate(tiles.nearer(GROUNDS, nearness)):
        ink = DARK_INK if exponent in DARK_ON else LIGHT_INK
        text = str(1 << exponent) if exponent else ""
        faces.append(tiles.numbered_tile(size, text, ground, ink, BOARD if grid_lines else None))
    return tiles.atlas_of(layout, np.stack(faces))
