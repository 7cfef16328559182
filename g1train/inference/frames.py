"""Frames as they arrive, turned into pixels: each connection sends an atlas once, then sprites in places.

A connection has `wire.ATLAS_SLOTS` atlases; the least recently used one is dropped, and the sender counts along. Equal
atlases of many connections are kept once. Beyond a limit in bytes, of a connection or in all, one more is refused.
"""

from collections import OrderedDict
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from engine.errors import WireError
from engine.net import codec, wire
from engine.render.atlas import Atlas
from g1train.inference.backend import Image
from native.state import Records

MAX_BYTES, MAX_ALL_BYTES = 128 << 20, 256 << 20  # of the atlases of one connection, and of all that differ
REMEDY = "let frames travel as pixels instead (g1 pool --codec lz4)"
_shared: WeakValueDictionary[bytes, Atlas] = WeakValueDictionary()
_sizes: WeakKeyDictionary[Atlas, int] = WeakKeyDictionary()  # of those, in bytes


class AtlasStore:
    """The atlases that one connection has sent."""

    def __init__(self) -> None:
        self._atlases: OrderedDict[bytes, Atlas] = OrderedDict()

    def keep(self, atlas: Atlas) -> None:
        """Add an atlas that was made in this process."""
        self._atlases[atlas.digest] = atlas
        self.use(atlas.digest)

    def add(self, message: wire.Atlas) -> None:
        """Raises `WireError` for an atlas that is damaged or not the one that it claims to be."""
        atlas = _shared.get(message.digest)
        size = len(message.data) if atlas is None else _sizes[atlas]
        if size + sum(_sizes.get(one, 0) for one in self._atlases.values()) > MAX_BYTES:
            raise WireError(f"more than {MAX_BYTES >> 20} MiB of atlases on one connection: {REMEDY}")
        if atlas is None:
            if size + sum(_sizes.values()) > MAX_ALL_BYTES:
                raise WireError(f"there are {MAX_ALL_BYTES >> 20} MiB of others' atlases here already: {REMEDY}")
            try:
                atlas = Atlas.from_bytes(message.data)
            except ValueError as error:
                raise WireError(f"an atlas did not decode: {error}") from error
            if atlas.digest != message.digest:
                raise WireError(f"an atlas came as {message.digest.hex()} but is {atlas.digest.hex()}")
            _shared[message.digest], _sizes[atlas] = atlas, size
        self.keep(atlas)

    def use(self, digest: bytes) -> None:
        """A frame names it, if it is there."""
        if digest in self._atlases:
            self._atlases.move_to_end(digest)
        while len(self._atlases) > wire.ATLAS_SLOTS:
            self._atlases.popitem(last=False)

    def check(self, frame: wire.Frame) -> None:
        """Raises `ValueError` for a frame that cannot be drawn, without drawing it where that can be told so."""
        if frame.codec == "sprites":
            self._draw_record(frame)
        else:
            codec.decode(frame)

    def pixels(self, frame: wire.Frame) -> Image:
        """uint8[H, W, 3]. Raises `ValueError` for a frame that cannot be drawn."""
        if frame.codec != "sprites":
            return codec.decode(frame)
        atlas, draws = self._draw_record(frame)
        image: Image = atlas.compose(draws)[0]
        return image

    def _draw_record(self, frame: wire.Frame) -> tuple[Atlas, Records]:
        atlas = self._atlases.get(frame.atlas)
        if atlas is None:
            raise ValueError(f"the atlas {frame.atlas.hex()} is not here: send it before the first frame that names it")
        self.use(frame.atlas)
        if len(frame.data) != atlas.draw_dtype.itemsize or (frame.height, frame.width) != (atlas.height, atlas.width):
            raise ValueError(
                f"a frame of {frame.height} x {frame.width} and {len(frame.data)} bytes does not fit its atlas, of"
                f" {atlas.height} x {atlas.width} and {atlas.draw_dtype.itemsize} bytes"
            )
        return atlas, np.frombuffer(frame.data, atlas.draw_dtype)
