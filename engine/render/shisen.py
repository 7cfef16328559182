"""How Shisen-Sho looks: tiles of colour x shape, or pictures in frames; sprite 0 is the empty cell."""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import pygame

from engine.render import icons, photos, tiles
from engine.render.atlas import Atlas, Layout
from engine.render.shapes import BOARD, EMPTY, shape_sprites

Pixels = npt.NDArray[np.uint8]


class Looks(Protocol):
    """What of the game's settings (engine/games/shisen_settings.py) decides how its tiles look."""

    @property
    def tiles(self) -> Literal["shapes", "cifar10", "icons"]: ...
    @property
    def num_colours(self) -> int | None: ...
    @property
    def num_shapes(self) -> int | None: ...
    @property
    def nearness(self) -> int: ...
    @property
    def grid_lines(self) -> bool: ...
    @property
    def split(self) -> photos.Split: ...
    @property
    def pictures_per_class(self) -> int: ...
    @property
    def cifar10_path(self) -> str | None: ...


def draw_atlas(layout: Layout, settings: Looks) -> Atlas:
    """The tiles that the settings ask for, with whatever else the layout has; ValueError for a bad archive."""
    px = layout.grids[0].height
    if settings.tiles == "shapes":
        colours, shapes = settings.num_colours or 1, settings.num_shapes or 1
        return tiles.atlas_of(layout, shape_sprites(px, colours, shapes, settings.nearness, settings.grid_lines))
    if settings.tiles == "icons":
        pictures = icons.draw(inner(px, settings.grid_lines), settings.split, settings.pictures_per_class)
    else:
        path = photos.locate(settings.cifar10_path)
        pictures = photos.cifar10(path, settings.split, settings.pictures_per_class)
    return tiles.atlas_of(layout, framed(pictures.reshape(-1, *pictures.shape[2:]), px, settings.grid_lines))


def inner(px: int, grid_lines: bool) -> int:
    """Side of a picture on a tile of `px`: all of it, or what lines around it leave."""
    return px - 2 * max(1, px // 56) if grid_lines else px


def framed(pictures: Pixels, px: int, grid_lines: bool) -> Pixels:
    """Pictures [N, side, side, 3] scaled to tiles, uint8[1 + N, px, px, 3]; the first is the empty cell."""
    side = inner(px, grid_lines)
    gap = (px - side) // 2
    sprites = np.empty((1 + len(pictures), px, px, 3), np.uint8)
    sprites[:] = BOARD
    sprites[0, gap : gap + side, gap : gap + side] = EMPTY
    for sprite, picture in zip(sprites[1:], pictures, strict=True):
        sprite[gap : gap + side, gap : gap + side] = scaled(picture, side)
    return sprites


def scaled(picture: Pixels, side: int) -> Pixels:
    """A square picture at another size, smooth."""
    if len(picture) == side:
        return picture
    surface = pygame.image.frombuffer(picture.tobytes(), (len(picture), len(picture)), "RGB")
    return tiles.to_pixels(pygame.transform.smoothscale(surface, (side, side)))
