"""How a frame travels: as sprites in places where the game has them, else as pixels in the cheapest way there is.

    sprites   draw record of an atlas that the receiver has                 a grid game, anywhere    under 1 kB
    shared    the place of the pixels in the sender's memory                same machine and user    24 bytes
    lz4       the pixels, compressed                                        between machines
    pixels    the pixels as they are                                        whoever knows nothing else

Hundreds of pictures at full size make an atlas too large to be given away: their frames travel as pixels, too.
Shared memory is a file without a name (memfd) that its receiver opens through /proc, so nothing is left behind however
a process ends. It is read and written, never mapped: a sender that shrinks it causes an error and no crash.
"""

import functools
import os
import struct
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import lz4.block
import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.net.wire import MAX_PARCEL_BYTES, Codec, Frame

Pixels = npt.NDArray[np.uint8]
Setting = Literal["auto", "sprites", "pixels", "lz4", "shared"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)
READABLE: tuple[Codec, ...] = get_args(Codec)
MEMORY_NAME = "g1-frames"
MAX_ATLAS_BYTES = 16 << 20  # beyond it, pixels cost less than giving every node an atlas of its own
_PLACE = struct.Struct("<qqq")  # process id, descriptor, offset


@functools.cache
def machine() -> str:
    """Equal for two processes if one can read the other's memory files: kernel, process namespace and user agree."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}/{os.getuid()}"
    except OSError:  # no Linux
        return ""


def choose(setting: Setting, atlas_bytes: int, codecs: Sequence[str], same_machine: bool) -> Codec:
    """The codec of one game's frames on a connection whose receiver reads `codecs`; `atlas_bytes` is 0 for a game
    without sprites. Raises `ConfigError` for a setting that cannot be."""
    if setting == "sprites" and not atlas_bytes:
        raise ConfigError("codec 'sprites' is set, but this game has no sprites; set another, or 'auto'")
    if setting == "sprites" and atlas_bytes > MAX_ATLAS_BYTES:
        sizes = f"{atlas_bytes >> 20} MiB of sprites, and {MAX_ATLAS_BYTES >> 20} can be given away"
        raise ConfigError(f"codec 'sprites' is set, but this game has {sizes}; set 'auto', or smaller pictures")
    if setting == "shared" and not same_machine:
        raise ConfigError("codec 'shared' is set, but the node cannot read this process's memory; set 'lz4' or 'auto'")
    if setting != "auto" and setting not in codecs:
        raise ConfigError(f"codec {setting!r} is set, but the node reads only {', '.join(codecs)}; set 'auto'")
    if setting != "auto":
        return setting
    if 0 < atlas_bytes <= MAX_ATLAS_BYTES and "sprites" in codecs:
        return "sprites"
    if same_machine and "shared" in codecs:
        return "shared"
    return "lz4" if "lz4" in codecs else "pixels"


class Memory:
    """Frames that others on this machine read; each place is free again after `free`."""

    def __init__(self) -> None:
        self._file = os.memfd_create(MEMORY_NAME, os.MFD_CLOEXEC)
        self._end = 0
        self._free: dict[int, list[int]] = defaultdict(list)  # by size

    def put(self, pixels: Pixels) -> bytes:
        """Keep pixels; returns the `data` of their frame."""
        size = pixels.nbytes
        if self._free[size]:
            offset = self._free[size].pop()
        else:
            offset, self._end = self._end, self._end + size
        os.pwrite(self._file, np.ascontiguousarray(pixels).data, offset)
        return _PLACE.pack(os.getpid(), self._file, offset)

    def free(self, frame: Frame) -> None:
        """Its answer has come."""
        self._free[frame.height * frame.width * 3].append(_PLACE.unpack(frame.data)[2])

    def close(self) -> None:
        os.close(self._file)


def encode(pixels: Pixels, codec: Codec, memory: Memory | None = None) -> Frame:
    """A frame of pixels[height, width, 3] in any codec but `sprites`; `shared` needs the memory to put it into."""
    height, width, _ = pixels.shape
    if codec == "lz4":
        return Frame("lz4", height, width, lz4.block.compress(np.ascontiguousarray(pixels).data, store_size=False))
    if codec == "shared":
        assert memory is not None
        return Frame("shared", height, width, memory.put(pixels))
    return Frame("pixels", height, width, pixels.tobytes())


def decode(frame: Frame) -> Pixels:
    """The pixels, of any codec but `sprites`. Raises `ValueError` for data that are not what the frame says."""
    size = frame.height * frame.width * 3
    if min(frame.height, frame.width) < 1 or size > MAX_PARCEL_BYTES:
        raise ValueError(
            f"a frame of {frame.height} x {frame.width} pixels; the limits are 1 and {MAX_PARCEL_BYTES} bytes"
        )
    if frame.codec == "pixels":
        pixels = np.frombuffer(frame.data, np.uint8)
    elif frame.codec == "lz4":
        pixels = _unpacked(frame.data, size)
    elif frame.codec == "shared":
        pixels = _read(frame.data, size)
    else:
        raise ValueError("sprites need their atlas")
    if len(pixels) != size:
        raise ValueError(f"{len(pixels)} bytes are not {frame.height} x {frame.width} pixels of 3 bytes")
    return pixels.reshape(frame.height, frame.width, 3)


def _unpacked(data: bytes, size: int) -> Pixels:
    try:
        return np.frombuffer(lz4.block.decompress(data, uncompressed_size=size), np.uint8)
    except lz4.block.LZ4BlockError as error:
        raise ValueError(f"a frame did not unpack: {error}") from error


def _read(data: bytes, size: int) -> Pixels:
    """From another process's memory file, and from nothing else that a process may have open."""
    if len(data) != _PLACE.size:
        raise ValueError(f"{len(data)} bytes are no place in shared memory, which has {_PLACE.size}")
    process, descriptor, offset = _PLACE.unpack(data)
    pixels = np.empty(size, np.uint8)
    try:
        path = f"/proc/{process}/fd/{descriptor}"
        if not os.readlink(path).startswith(f"/memfd:{MEMORY_NAME} "):
            raise ValueError(f"{path} is no memory of frames")
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            got = os.preadv(file, [pixels.data], offset)
        finally:
            os.close(file)
    except (OSError, OverflowError) as error:
        raise ValueError(f"shared memory of process {process} cannot be read: {error}") from error
    return pixels[:got]
