"""An atlas: the sprites of a game, and where on the frame they go. No pygame here: a receiver needs only this.

    frame = background, then each grid in turn: cell (r, c) shows the sprite of that number; then noise, if there is any

A sender gives away `atlas.to_bytes()` once; after that a frame is one small record of `atlas.draw_dtype`, and whoever
has the atlas composes the same pixels. `atlas.digest` says which atlas a record belongs to.

    bytes   "G1A1" | length of the layout, 4 bytes, little-endian | layout as JSON | background | sprites of each grid
"""

import hashlib
import math
from functools import cached_property, partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.render.stores import Stores
from native.compose import LAYER, draw, spans_of
from native.seams import draw_past_cache, seamless
from native.state import Records
from native.wide import WIDTH

MAGIC = b"G1A1"
MAX_BYTES = 1 << 28
Pixels = npt.NDArray[np.uint8]


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grid of equal cells: sprites are height x width pixels, the first cell's corner is at (top, left)."""

    name: str
    top: int
    left: int
    rows: int
    cols: int
    height: int
    width: int
    num_sprites: int
    jitter: int = 0
    """Sprites are moved by up to so many pixels within their cells; 0: they never are."""
    overlay: bool = False
    """Sprite 0 and black pixels are not drawn: what lies below shows through."""

    @property
    def offsets(self) -> str:
        """The field that says how far each sprite is moved."""
        return f"{self.name}_offsets"


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frame of height x width pixels and its grids, drawn in this order."""

    height: int
    width: int
    grids: tuple[Grid, ...]
    noise: int = 0
    """Each byte of the frame is off by up to this much; 0: none is."""

    def boxes(self, name: str = "board") -> npt.NDArray[np.int64]:
        """Where each cell of a grid lies on the frame, in pixels: [rows, cols, (top, left, bottom, right)]."""
        grid = next(grid for grid in self.grids if grid.name == name)
        top = grid.top + grid.height * np.arange(grid.rows)[:, None]
        left = grid.left + grid.width * np.arange(grid.cols)
        sides = np.broadcast_arrays(top, left, top + grid.height, left + grid.width)
        return np.stack(sides, axis=-1)

    @property
    def num_bytes(self) -> int:
        """Pixels of background and sprites: what an atlas of this layout weighs."""
        return math.prod((self.height, self.width, 3)) + sum(math.prod(_shape(grid)) for grid in self.grids)

    @property
    def fields(self) -> list[tuple[Any, ...]]:
        """The fields of `draw_dtype`."""
        fields: list[tuple[Any, ...]] = [
            (grid.name, "u1" if grid.overlay else "<u2", (grid.rows, grid.cols)) for grid in self.grids
        ]
        fields += [(grid.offsets, "i1", (grid.rows, grid.cols, 2)) for grid in self.grids if grid.jitter]
        return [*fields, ("noise", "<u8")] if self.noise else fields

    @property
    def draw_dtype(self) -> np.dtype[np.void]:
        """One frame as a record: for each grid its sprite numbers, uint16 [rows, cols], uint8 for an overlay.

        Where the layout asks for it, offsets int8 [rows, cols, (down, right)], and `noise`, the seed of the noise.
        """
        return np.dtype(self.fields)


class Atlas:
    """Sprites and their layout; immutable."""

    def __init__(self, layout: Layout, background: Pixels, sprites: dict[str, Pixels]) -> None:
        """`background` is [height, width, 3], sprites[name] is [num_sprites, height, width, 3] for each grid.

        Raises ValueError where layout and pixels do not fit together.
        """
        _check_layout(layout)
        self.layout = layout
        self.height, self.width = layout.height, layout.width
        self.draw_dtype = layout.draw_dtype
        parts = [_checked("background", background, (layout.height, layout.width, 3))]
        parts += [_checked(grid.name, sprites[grid.name], _shape(grid)) for grid in layout.grids]
        self._pixels = np.concatenate([*(part.reshape(-1) for part in parts), np.zeros(WIDTH, np.uint8)])
        marks = [spans_of(part) for grid, part in zip(layout.grids, parts[1:], strict=True) if grid.overlay]
        spans = np.concatenate([np.empty((0, 2), np.int32), *marks])
        layers, stride = _layers(layout), self.width * 3
        seed = _place(self.draw_dtype, "noise") if layout.noise else 0
        usual = partial(draw, layers, self._pixels, spans, layout.noise, seed, stride)
        plain = not layout.noise and seamless(layers, stride, self.height * stride)
        self._stores = Stores(usual, partial(draw_past_cache, layers, self._pixels) if plain else None)

    @property
    def background(self) -> Pixels:
        """What shows where no grid is, a copy [height, width, 3]."""
        return _parts(self.layout, self._pixels)[0].copy()

    @property
    def sprites(self) -> dict[str, Pixels]:
        """The sprites of each grid by its name, copies [num_sprites, height, width, 3]."""
        parts = _parts(self.layout, self._pixels)[1:]
        return {grid.name: part.copy() for grid, part in zip(self.layout.grids, parts, strict=True)}

    def compose(self, draws: Records, out: Pixels | None = None) -> Pixels:
        """The frames of draws[N], uint8[N, height, width, 3], into `out` if given (C-contiguous; no copy is made).

        Raises ValueError if `draws` has another dtype or names a sprite that is not there, or if `out` does not fit.
        """
        if draws.dtype != self.draw_dtype or draws.ndim != 1:
            raise ValueError(f"draws are {draws.dtype} of shape {draws.shape}; expected [N] of {self.draw_dtype}")
        shape = (len(draws), self.height, self.width, 3)
        frames = np.empty(shape, np.uint8) if out is None else out
        ready = frames.flags.c_contiguous and frames.flags.writeable
        if frames.shape != shape or frames.dtype != np.uint8 or not ready:
            raise ValueError(f"out is {frames.dtype} {frames.shape}; expected writable contiguous uint8 {shape}")
        if not len(draws):
            return frames
        self._check_numbers(draws)
        self._draw(draws, frames)
        return frames

    def _check_numbers(self, draws: Records) -> None:
        for grid in self.layout.grids:
            if (highest := int(draws[grid.name].max())) >= grid.num_sprites:
                raise ValueError(f"sprite {highest} of {grid.name!r} does not exist; it has {grid.num_sprites}")

    def _draw(self, draws: Records, frames: Pixels) -> None:
        """In the way that is faster for so many frames."""
        records = np.ascontiguousarray(draws).view(np.uint8).reshape(len(draws), -1)
        lines = frames.reshape(len(draws), -1)
        self._stores.way(records, lines)(records, lines)

    def to_bytes(self) -> bytes:
        """The whole atlas as bytes; equal atlases give equal bytes."""
        header = msgspec.json.encode(self.layout)
        return b"".join([MAGIC, len(header).to_bytes(4, "little"), header, self._pixels[:-WIDTH].tobytes()])

    @cached_property
    def digest(self) -> bytes:
        """16 bytes that name this atlas: BLAKE2b of `to_bytes()`."""
        return hashlib.blake2b(self.to_bytes(), digest_size=16).digest()

    @staticmethod
    def from_bytes(data: bytes) -> "Atlas":
        """The atlas that `to_bytes` wrote. Bytes from anywhere are safe: ValueError names what is wrong with them."""
        layout, start = _read_layout(data)
        size = sum(math.prod(shape) for shape in _shapes(layout))
        if len(data) - start != size:
            raise ValueError(f"atlas has {len(data) - start} bytes of pixels; its layout needs {size}")
        background, *sprites = _parts(layout, np.frombuffer(data, np.uint8, offset=start))
        return Atlas(layout, background, {grid.name: part for grid, part in zip(layout.grids, sprites, strict=True)})


def _shapes(layout: Layout) -> list[tuple[int, ...]]:
    """What the background and the sprites of each grid measure."""
    return [(layout.height, layout.width, 3), *map(_shape, layout.grids)]


def _parts(layout: Layout, pixels: Pixels) -> list[Pixels]:
    """The background and the sprites of each grid, as they lie one after the other in flat pixels."""
    parts, start = [], 0
    for shape in _shapes(layout):
        parts.append(pixels[start : start + math.prod(shape)].reshape(shape))
        start += math.prod(shape)
    return parts


def _shape(grid: Grid) -> tuple[int, ...]:
    """What the sprites of a grid measure."""
    return grid.num_sprites, grid.height, grid.width, 3


def _read_layout(data: bytes) -> tuple[Layout, int]:
    """The layout at the head of an atlas's bytes, and where its pixels start."""
    if data[:4] != MAGIC or len(data) < 8 or len(data) > MAX_BYTES:
        raise ValueError(f"not an atlas: starts with {data[:4]!r}, {len(data)} bytes")
    start = 8 + int.from_bytes(data[4:8], "little")
    try:
        layout = msgspec.json.decode(data[8:start], type=Layout)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"layout of the atlas does not decode: {error}") from error
    _check_layout(layout)
    return layout, start


def _check_layout(layout: Layout) -> None:
    """ValueError unless every grid has a name of its own and lies within the frame."""
    names = [field[0] for field in layout.fields]
    if len(set(names)) != len(names) or not all(names) or min(layout.height, layout.width) < 1:
        raise ValueError(f"layout {layout.width} x {layout.height} needs grids with names of their own, not {names}")
    if not 0 <= layout.noise <= 255:
        raise ValueError(f"layout has noise={layout.noise}; it is 0 to 255")
    for grid in layout.grids:
        if not 0 <= grid.jitter <= 127 or (grid.jitter and grid.overlay):
            raise ValueError(f"grid {grid.name!r} has jitter={grid.jitter}; it is 0 to 127, and an overlay has none")
        sizes = (grid.rows, grid.cols, grid.height, grid.width, grid.num_sprites)
        bottom, right = grid.top + grid.rows * grid.height, grid.left + grid.cols * grid.width
        if min(sizes) < 1 or min(grid.top, grid.left) < 0 or bottom > layout.height or right > layout.width:
            raise ValueError(f"grid {grid.name!r} does not lie within {layout.width} x {layout.height} pixels: {grid}")


def _checked(name: str, pixels: Pixels, shape: tuple[int, ...]) -> Pixels:
    """These pixels, if they have this shape."""
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise ValueError(f"pixels of {name!r} are {pixels.dtype} {pixels.shape}; the layout says uint8 {shape}")
    return pixels


def _layers(layout: Layout) -> Records:
    """What the kernels draw, from below: the background where it is seen, then each grid; see native/compose.py."""
    layers, dtype = np.zeros(1 + len(layout.grids), LAYER), layout.draw_dtype
    stride, spans = layout.width * 3, 0
    pixels = layout.height * stride
    first, last = _bare_lines(layout)
    layers[0] = (first, 0, 1, 1, last - first, stride, first * stride, -1, -1, -1)
    for layer, grid in zip(layers[1:], layout.grids, strict=True):
        layer["top"], layer["left"], layer["rows"], layer["cols"] = grid.top, grid.left * 3, grid.rows, grid.cols
        layer["height"], layer["width"], layer["pixels"] = grid.height, grid.width * 3, pixels
        layer["spans"] = spans if grid.overlay else -1
        layer["numbers"] = _place(dtype, grid.name)
        layer["offsets"] = _place(dtype, grid.offsets) if grid.jitter else -1
        pixels += math.prod(_shape(grid))
        spans += grid.num_sprites * grid.height if grid.overlay else 0
    return layers if first < last else layers[1:]


def _bare_lines(layout: Layout) -> tuple[int, int]:
    """From which line to which (not included) a frame has pixels that no grid covers: 0 to 0 if there are none."""
    covered = np.zeros(layout.height, np.int64)
    for grid in layout.grids:
        if not grid.overlay:
            covered[grid.top : grid.top + grid.rows * grid.height] += grid.cols * grid.width
    bare = np.flatnonzero(covered < layout.width)
    return (int(bare[0]), int(bare[-1]) + 1) if bare.size else (0, 0)


def _place(dtype: np.dtype[np.void], name: str) -> int:
    """The byte of a record at which a field begins."""
    assert dtype.fields is not None
    return dtype.fields[name][1]
