"""Frames that are sprites side by side and nothing else, stored past the cache: no line of memory is fetched before it
is overwritten, which is a third of the time where a processor does so.

All frames are one long row of pieces, each a line of a sprite. Memory takes whole cache lines, and where one piece ends
and the next begins within a line, both are loaded and joined in a register:

    piece     aaaaaaaaaaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbbbb
    memory    |aaaaaaa|aaaaaaa|aaaaaaa|abbbbbb|bbbbbbb|bb
"""

import numpy as np
import numpy.typing as npt

from native.compose import Layers, number_of
from native.jit import kernel
from native.wide import WIDTH, Bytes, Place, copy, settle, store_joined, store_past_cache


@kernel
def seamless(layers: Layers, stride: int, num_bytes: int) -> bool:
    """Do these layers, in this order, fill a frame with pieces one after the other? `draw_past_cache` asks for it."""
    place = 0
    for layer in layers:
        plain = layer["offsets"] < 0 and layer["spans"] < 0 and layer["width"] >= WIDTH
        if not plain or layer["cols"] * layer["width"] != stride or layer["top"] * stride != place:
            return False
        place += layer["rows"] * layer["height"] * stride
    return place == num_bytes


@kernel
def draw_past_cache(layers: Layers, pixels: Bytes, draws: npt.NDArray[np.uint8], frames: npt.NDArray[np.uint8]) -> None:
    """As `compose.draw` of seamless layers without noise; `pixels` has WIDTH other bytes before and behind theirs."""
    flat = frames.reshape(-1)
    place = 0  # so far frames are laid, but for what belongs to an unfinished cache line: it begins at `last` in pixels
    last: Place = np.int64(0)
    for index in range(len(draws)):
        record = draws[index]
        for layer in layers:
            height, width, cols, numbers = layer["height"], layer["width"], layer["cols"], layer["numbers"]
            for row in range(layer["rows"]):
                for line in range(height):
                    for cell in range(row * cols, (row + 1) * cols):
                        start = layer["pixels"] + (number_of(record, numbers, cell) * height + line) * width
                        last = lay_past_cache(pixels, start, width, last, flat, place)
                        place += width
    held = min((flat.ctypes.data + place) % WIDTH, place)
    copy(flat, place - held, pixels, last, held)
    settle()


@kernel
def lay_past_cache(pixels: Bytes, start: Place, width: int, last: Place, flat: Bytes, place: int) -> Place:
    """Store a piece, 64 bytes or more, at flat[place:], as far as it fills cache lines; where the rest of it begins.

    `last` is where the rest of the piece before begins, which shares a cache line with the head of this one.
    """
    held = (flat.ctypes.data + place) % WIDTH
    head = (WIDTH - held) % WIDTH
    if place == 0:
        copy(flat, 0, pixels, start, head)
    elif held > 0:
        store_joined(flat, place - held, pixels, last, start - held, held)
    stop = width - (width - head) % WIDTH
    for byte in range(head, stop, WIDTH):
        store_past_cache(flat, place + byte, pixels, start + byte)
    return start + stop
