"""Where things lie on a frame: the board, and below it a strip for the score. All on a grid of 28 pixels.

  width = cols * tile              28 pixels are one image token of Qwen2.5-VL, so a tile is a whole
┌────────────────────┐             number of tokens and its processor has nothing to resize.
│                    │
│       board        │  rows * tile
│                    │
├────────────────────┤
│  SCORE      1 2 3  │  168, if there is a strip
└────────────────────┘
"""

import numpy as np
import numpy.typing as npt

from engine.render.atlas import Grid, Layout
from engine.render.perception import BOARD_PX, CELL_PX, Perception
from native.noise import scatter, strew
from native.state import Records

STRIP_PX = 6 * CELL_PX
LABEL_COLS = 5
SCORE_COLS = 7  # ten million points are beyond any game
STRIP_MIN_COLS = LABEL_COLS + SCORE_COLS + 3
BLANK = 10  # glyphs: the digits 0 .. 9, a blank, then the pieces of the label
FIRST_LABEL = 11
NUM_GLYPHS = FIRST_LABEL + LABEL_COLS
NUM_MARKS = 12
MAX_JITTER = 127  # offsets are int8


def default_tile_px(rows: int, cols: int) -> int:
    """The largest tile, a multiple of 28 pixels, with which the board fits into 672 x 672."""
    return BOARD_PX // max(rows, cols) // CELL_PX * CELL_PX


def layout(rows: int, cols: int, tile_px: int, num_tiles: int, strip: bool, looks: Perception | None = None) -> Layout:
    """A board of rows x cols tiles with the strip below it; a board narrower than the strip is centred.

    `looks` adds what a level asks for: jitter to the board, a grid `marks` above it, noise.
    """
    strip_cols = max(cols * tile_px // CELL_PX, STRIP_MIN_COLS) if strip else 0
    width = max(cols * tile_px, strip_cols * CELL_PX)
    left = (width - cols * tile_px) // 2 // CELL_PX * CELL_PX
    bottom = rows * tile_px
    jitter = min(MAX_JITTER, tile_px * looks.jitter // 100) if looks else 0
    grids = [Grid("board", 0, left, rows, cols, tile_px, tile_px, num_tiles, jitter=jitter)]
    if strip:
        grids.append(Grid("strip", bottom, 0, 1, strip_cols, STRIP_PX, CELL_PX, NUM_GLYPHS))
    if looks and looks.distractors:
        grids.append(Grid("marks", 0, left, rows, cols, tile_px, tile_px, 1 + NUM_MARKS, overlay=True))
    noise = looks.noise if looks else 0
    return Layout(height=bottom + (STRIP_PX if strip else 0), width=width, grids=tuple(grids), noise=noise)


def dress(draws: Records, layout: Layout, looks: Perception, seeds: npt.NDArray[np.uint64]) -> None:
    """Fill in what a level adds to draws[N]: offsets, marks and noise seed, all from seeds[N], in place.

    With `state_hash(state)` as seeds it is what the frame shows that decides, so equal boards are equal pictures.
    """
    for grid in layout.grids:
        if grid.jitter:
            scatter(seeds, grid.jitter, draws[grid.offsets])
        if grid.overlay:
            strew(seeds, looks.distractors, grid.num_sprites - 1, draws[grid.name])
    if layout.noise:
        draws["noise"] = seeds


def strip_glyphs(scores: npt.NDArray[np.int64], cols: int) -> npt.NDArray[np.uint16]:
    """Glyph numbers [N, 1, cols] of a strip: a blank, the label, blanks, and the score (below 10**7) at the right."""
    glyphs = np.full((len(scores), 1, cols), BLANK, np.uint16)
    glyphs[:, 0, 1 : 1 + LABEL_COLS] = np.arange(FIRST_LABEL, NUM_GLYPHS)
    heads = scores[:, None] // 10 ** np.arange(SCORE_COLS - 1, -1, -1)
    glyphs[:, 0, -1 - SCORE_COLS : -1] = np.where(heads > 0, heads % 10, BLANK)
    glyphs[:, 0, -2] = heads[:, -1] % 10
    return glyphs
