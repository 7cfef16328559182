"""How Swap looks: a tile's sprite number is what `board` holds, 1 + colour * num_shapes + shape."""

from engine.render import tiles
from engine.render.atlas import Atlas, Layout
from engine.render.shapes import shape_sprites


def draw_atlas(layout: Layout, num_colours: int, num_shapes: int, nearness: int, grid_lines: bool) -> Atlas:
    """All tiles of colour x shape, with whatever else the layout has."""
    size = layout.grids[0].height
    return tiles.atlas_of(layout, shape_sprites(size, num_colours, num_shapes, nearness, grid_lines))
