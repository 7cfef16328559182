"""Sprite numbers + sprites -> pixels, at the speed of memory.

Rows of pixels are written from left to right; a pixel is three bytes, so all widths here count bytes. `compose` is all
that a plain frame needs; the rest is for levels that move sprites, put marks above them, or add noise.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import GOLDEN, below, mix, split

_OFFSETS, _MARKS = np.uint64(1), np.uint64(2)
_BLOCK = 512


@kernel
def compose(
    numbers: npt.NDArray[np.uint16], sprites: npt.NDArray[np.uint8], top: int, left: int, frames: npt.NDArray[np.uint8]
) -> None:
    """Draw grids numbers[N, rows, cols] of sprites[S, height, width] into frames[N, H, W], corner at (top, left)."""
    height, width = sprites.shape[1], sprites.shape[2]
    for index in range(len(numbers)):
        for row in range(numbers.shape[1]):
            for line in range(height):
                y = top + row * height + line
                for col in range(numbers.shape[2]):
                    x = left + col * width
                    source = sprites[np.int64(numbers[index, row, col]), line]
                    target = frames[index, y, x : x + width]
                    for byte in range(width):  # over two flat views: this becomes wide copies
                        target[byte] = source[byte]


@kernel
def compose_moved(
    numbers: npt.NDArray[np.uint16], offsets: npt.NDArray[np.int8], sprites: npt.NDArray[np.uint8],
    top: int, left: int, frames: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """As `compose`, each sprite moved by its offsets[N, rows, cols, (down, right)] in pixels.

    What is moved out of a cell is lost, and what it leaves behind repeats the sprite's outermost pixels.
    """
    height, width = sprites.shape[1], sprites.shape[2]
    for index in range(len(numbers)):
        for row in range(numbers.shape[1]):
            for col in range(numbers.shape[2]):
                sprite = sprites[np.int64(numbers[index, row, col])]
                down, right = np.int64(offsets[index, row, col, 0]), 3 * np.int64(offsets[index, row, col, 1])
                start, stop = min(max(0, right), width), max(min(width, width + right), 0)
                x = left + col * width
                for line in range(height):
                    source = sprite[min(max(line - down, 0), height - 1)]
                    target = frames[index, top + row * height + line, x : x + width]
                    for byte in range(start):
                        target[byte] = source[byte % 3]
                    for byte in range(start, stop):
                        target[byte] = source[byte - right]
                    for byte in range(stop, width):
                        target[byte] = source[width - 3 + byte % 3]


@kernel
def overlay(
    numbers: npt.NDArray[np.uint8], sprites: npt.NDArray[np.uint8], top: int, left: int, frames: npt.NDArray[np.uint8]
) -> None:
    """As `compose`, but sprite 0 and black pixels leave what is below them."""
    height, width = sprites.shape[1], sprites.shape[2]
    for index in range(len(numbers)):
        for row in range(numbers.shape[1]):
            for col in range(numbers.shape[2]):
                number = np.int64(numbers[index, row, col])
                for line in range(height if number > 0 else 0):
                    source = sprites[number, line]
                    x = left + col * width
                    target = frames[index, top + row * height + line, x : x + width]
                    for byte in range(0, width, 3):
                        if source[byte] | source[byte + 1] | source[byte + 2] != 0:
                            target[byte : byte + 3] = source[byte : byte + 3]


@kernel
def speckle(seeds: npt.NDArray[np.uint64], most: int, frames: npt.NDArray[np.uint8]) -> None:
    """Add noise, -most .. most, to each byte of frames[N, bytes], cut off at 0 and 255; seeds[N] decide it.

    Eight bytes share one random word, the lowest first; word w of a frame is number w of its seed's stream. Words are
    drawn a block at a time, so that the bytes can be worked on many at once.
    """
    scale, num = np.int64(2 * most + 1), frames.shape[1]
    words = np.empty(_BLOCK, np.uint64)
    noise = words.view(np.uint8)
    for index in range(len(frames)):
        state = seeds[index]
        for start in range(0, num, 8 * _BLOCK):
            for place in range(_BLOCK):
                state = state + GOLDEN
                words[place] = mix(state)
            line = frames[index, start : min(start + 8 * _BLOCK, num)]
            for byte in range(len(line)):
                value = np.int64(line[byte]) + (np.int64(noise[byte]) * scale >> 8) - most
                line[byte] = 0 if value < 0 else 255 if value > 255 else value


@kernel
def scatter(seeds: npt.NDArray[np.uint64], most: int, offsets: npt.NDArray[np.int8]) -> None:
    """Draw offsets[N, rows, cols, 2] from -most .. most."""
    for index in range(len(offsets)):
        rng = split(seeds[index], _OFFSETS)
        for row in range(offsets.shape[1]):
            for col in range(offsets.shape[2]):
                for axis in range(2):
                    rng, pick = below(rng, np.uint64(2 * most + 1))
                    offsets[index, row, col, axis] = np.int64(pick) - most


@kernel
def strew(seeds: npt.NDArray[np.uint64], percent: int, num_marks: int, numbers: npt.NDArray[np.uint8]) -> None:
    """Draw numbers[N, rows, cols] of marks 1 .. num_marks, each cell with so many percent's chance, else 0."""
    for index in range(len(numbers)):
        rng = split(seeds[index], _MARKS)
        for row in range(numbers.shape[1]):
            for col in range(numbers.shape[2]):
                rng, chance = below(rng, np.uint64(100))
                rng, pick = below(rng, np.uint64(num_marks))
                numbers[index, row, col] = np.int64(pick) + 1 if chance < np.uint64(percent) else 0
