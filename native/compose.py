"""Sprite numbers + sprites -> pixels, at the speed of memory.

A frame is drawn a band of lines at a time, all its layers one above the other while the band is in the nearest cache:

    layers   each a grid of cells that show sprites: in place, moved by a few pixels, or as marks through which one sees
    noise    added to each byte of the band at last

Frames that are nothing but sprites side by side may be stored past the cache instead (native/seams.py). A pixel is
three bytes, and all widths and places along a line count bytes.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.noise import read_word, speckle
from native.wide import WIDTH, Bytes, Place, copy, store, store_pixel, store_pixel_to_end

LAYER = np.dtype(
    [
        ("top", "<i8"), ("left", "<i8"), ("rows", "<i8"), ("cols", "<i8"), ("height", "<i8"), ("width", "<i8"),
        ("pixels", "<i8"),   # where its first sprite begins among all pixels
        ("spans", "<i8"),    # a layer of marks: where its first sprite's lines begin among all spans; else -1
        ("numbers", "<i8"),  # where its sprite numbers begin in a draw: uint16, of marks uint8; -1: all are 0
        ("offsets", "<i8"),  # where its int8 offsets (down, right) begin in a draw; -1: there are none
    ]
)  # fmt: skip
"""A grid as the kernels see it; a draw is one frame's numbers, offsets and noise seed as bytes."""
BAND_BYTES = 1 << 14
Layers = npt.NDArray[np.void]
Spans = npt.NDArray[np.int32]


def spans_of(sprites: npt.NDArray[np.uint8]) -> Spans:
    """[S * height, 2]: where on each line of sprites[S, height, width, 3] the first pixel that is not black begins and
    where the last one ends, in bytes; equal where all are black."""
    inked = (sprites > 0).max(axis=3).reshape(-1, sprites.shape[2])
    first, behind = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return np.where(inked.any(axis=1)[:, None], 3 * np.stack([first, behind], axis=1), 0).astype(np.int32)


@kernel
def draw(
    layers: Layers, pixels: Bytes, spans: Spans, noise: int, seed: int, stride: int,
    draws: npt.NDArray[np.uint8], frames: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """frames[N, lines * stride] of draws[N, bytes]: all layers, then noise of up to `noise`, its seed at byte `seed`.

    Sprite numbers and layers are trusted; behind the last sprite `pixels` has WIDTH bytes that belong to none.
    """
    at_once = max(BAND_BYTES // stride, 1) * stride
    for index in range(len(draws)):
        record, frame = draws[index], frames[index]
        for start in range(0, len(frame), at_once):
            num = min(at_once, len(frame) - start)
            for layer in layers:
                paste(record, layer, pixels, spans, start // stride, num // stride, frame, stride)
            if noise > 0:
                speckle(read_word(record, seed), noise, frame, start, num)


@kernel
def paste(
    record: Bytes, layer: np.void, pixels: Bytes, spans: Spans, first: int, num: int, frame: Bytes, stride: int
) -> None:
    """A layer's part of `num` lines of a frame from line `first` on."""
    top, height, width, cols = layer["top"], layer["height"], layer["width"], layer["cols"]
    sprites, numbers, marks, offsets = layer["pixels"], layer["numbers"], layer["spans"], layer["offsets"]
    for y in range(max(first, top), min(first + num, top + layer["rows"] * height)):
        row = (y - top) // height
        line = y - top - row * height
        place = y * stride + layer["left"]
        for cell in range(row * cols, (row + 1) * cols):
            if marks >= 0:
                mark(record, layer, pixels, spans, cell, line, frame, place)
            elif offsets >= 0:
                move(record, layer, pixels, cell, line, frame, place)
            else:
                start = sprites + (number_of(record, numbers, cell) * height + line) * width
                lay(pixels, start, width, frame, place)
            place += width


@kernel
def number_of(record: Bytes, numbers: int, cell: int) -> np.int64:
    """A cell's sprite number, for numbers that begin at this byte of a draw; 0 for -1."""
    if numbers < 0:
        return np.int64(0)
    return np.int64(record[numbers + 2 * cell]) | np.int64(record[numbers + 2 * cell + 1]) << 8


@kernel
def move(record: Bytes, layer: np.void, pixels: Bytes, cell: int, line: int, frame: Bytes, place: int) -> None:
    """A line of a sprite that is moved by its offsets.

    What is moved out of a cell is lost, and what it leaves behind repeats the sprite's outermost pixels.
    """
    width, height, offsets = layer["width"], layer["height"], layer["offsets"] + 2 * cell
    down, right = signed(record[offsets]), 3 * signed(record[offsets + 1])
    shown = number_of(record, layer["numbers"], cell) * height + min(max(line - down, 0), height - 1)
    start = layer["pixels"] + shown * width
    begin, end = min(max(0, right), width), max(min(width, width + right), 0)
    if WIDTH + begin + width - end <= width:
        for byte in range(0, begin, 63):
            store_pixel(frame, place + byte, pixels, start)
        for byte in range(width, end, -63):
            store_pixel_to_end(frame, place + byte - WIDTH, pixels, start + width - 3)
    else:
        repeat(pixels, start, frame, place, begin)
        repeat(pixels, start + width - 3, frame, place + end, width - end)
    lay(pixels, start + begin - right, end - begin, frame, place + begin)


@kernel
def lay(pixels: Bytes, start: Place, num: int, frame: Bytes, place: int) -> None:
    """frame[place : place + num] = pixels[start : start + num], in vectors, the last of which may overlap another."""
    if num < WIDTH:
        copy(frame, place, pixels, start, num)
    else:
        for byte in range(0, num - WIDTH, WIDTH):
            store(frame, place + byte, pixels, start + byte)
        store(frame, place + num - WIDTH, pixels, start + num - WIDTH)


@kernel
def signed(byte: np.uint8) -> np.int64:
    """A byte as int8."""
    return (np.int64(byte) ^ 128) - 128


@kernel
def repeat(pixels: Bytes, start: Place, frame: Bytes, place: int, num: int) -> None:
    """Fill frame[place : place + num] with one pixel."""
    for byte in range(num):
        frame[place + byte] = pixels[start + byte % 3]


@kernel
def mark(
    record: Bytes, layer: np.void, pixels: Bytes, spans: Spans, cell: int, line: int, frame: Bytes, place: int
) -> None:
    """A line of a mark: sprite 0 and black pixels leave what is below them."""
    number = np.int64(record[layer["numbers"] + cell])
    if number > 0:
        here = number * layer["height"] + line
        start = layer["pixels"] + here * layer["width"]
        for byte in range(spans[layer["spans"] + here, 0], spans[layer["spans"] + here, 1], 3):
            red, green, blue = pixels[start + byte], pixels[start + byte + 1], pixels[start + byte + 2]
            if red | green | blue != 0:
                frame[place + byte], frame[place + byte + 1], frame[place + byte + 2] = red, green, blue
