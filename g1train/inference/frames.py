"""Frames as they arrive, turned into pixels: each connection sends an atlas once, then sprites in places.

A connection has `wire.ATLAS_SLOTS` atlases; the least recently used one is dropped, and the sender counts along. Equal
atlases of many connections are kept once.
"""

from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np

from engine import wire
from engine.errors import WireError
from engine.render.atlas import Atlas
from g1train.inference.backend import Image

_shared: WeakValueDictionary[bytes, Atlas] = WeakValueDictionary()


class AtlasStore:
    """The atlases that one connection has sent."""

    def __init__(self) -> None:
        self._atlases: OrderedDict[bytes, Atlas] = OrderedDict()

    def keep(self, atlas: Atlas) -> None:
        """Add an atlas that was made in this process."""
        self._atlases[atlas.digest] = atlas
        self._use(atlas.digest)

    def add(self, message: wire.Atlas, buffers: Sequence[bytes | memoryview]) -> None:
        """Raises `WireError` for an atlas that is damaged or not the one that it claims to be."""
        if len(buffers) != 1:
            raise WireError(f"an atlas comes with one buffer, this one with {len(buffers)}")
        atlas = _shared.get(message.digest)
        if atlas is None:
            try:
                atlas = Atlas.from_bytes(bytes(buffers[0]))
            except ValueError as error:
                raise WireError(f"an atlas did not decode: {error}") from error
            if atlas.digest != message.digest:
                raise WireError(f"an atlas came as {message.digest.hex()} but is {atlas.digest.hex()}")
            _shared[message.digest] = atlas
        self.keep(atlas)

    def _use(self, digest: bytes) -> None:
        self._atlases.move_to_end(digest)
        while len(self._atlases) > wire.ATLAS_SLOTS:
            self._atlases.popitem(last=False)

    def pixels(self, frame: wire.Frame) -> Image:
        """uint8[H, W, 3]. Raises `ValueError` for a frame that cannot be drawn."""
        if frame.codec == "pixels":
            if min(frame.height, frame.width) < 1 or len(frame.data) != frame.height * frame.width * 3:
                raise ValueError(f"{len(frame.data)} bytes are not {frame.height} x {frame.width} pixels of 3 bytes")
            return np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
        atlas = self._atlases.get(frame.atlas)
        if atlas is None:
            raise ValueError(f"the atlas {frame.atlas.hex()} is not here: send it before the first frame that names it")
        self._use(frame.atlas)
        if len(frame.data) != atlas.draw_dtype.itemsize or (frame.height, frame.width) != (atlas.height, atlas.width):
            raise ValueError(
                f"a frame of {frame.height} x {frame.width} and {len(frame.data)} bytes does not fit its atlas, of"
                f" {atlas.height} x {atlas.width} and {atlas.draw_dtype.itemsize} bytes"
            )
        image: Image = atlas.compose(np.frombuffer(frame.data, atlas.draw_dtype))[0]
        return image
