"""Noise for frames, and what else a level draws at random: how far sprites are moved, which cells bear a mark.

All of it follows from one seed a frame (SplitMix64, native/rng.py). Eight bytes share one random word, the lowest
first; word w of a frame is number w of its seed's stream, so that any part of a frame can be made noisy by itself.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import GOLDEN, below, mix, split
from native.wide import WIDTH, Bytes, add_noise

_OFFSETS, _MARKS = np.uint64(1), np.uint64(2)
_BLOCK = 512
_8 = np.uint64(8)


@kernel
def read_word(record: Bytes, at: int) -> np.uint64:
    """The uint64 that begins at a byte, lowest byte first."""
    word = np.uint64(0)
    for byte in range(7, -1, -1):
        word = (word << _8) | np.uint64(record[at + byte])
    return word


@kernel
def speckle(seed: np.uint64, most: int, frame: Bytes, first: int, num: int) -> None:
    """Add noise, -most .. most, to frame[first : first + num], cut off at 0 and 255.

    Words are drawn a block at a time, so that many bytes are worked on at once.
    """
    scale, skip = 2 * most + 1, first % 8
    words = np.empty(_BLOCK + 1, np.uint64)
    noise = words.view(np.uint8)
    for start in range(0, num, 8 * _BLOCK):
        stop = min(num - start, 8 * _BLOCK)
        state = seed + np.uint64((first + start) // 8) * GOLDEN
        for place in range((skip + stop + 7) // 8):
            words[place] = mix(state + np.uint64(place + 1) * GOLDEN)
        whole = stop - stop % WIDTH
        for byte in range(0, whole, WIDTH):
            add_noise(frame, first + start + byte, noise, skip + byte, scale, most)
        for byte in range(whole, stop):
            value = np.int64(frame[first + start + byte]) + (np.int64(noise[skip + byte]) * scale >> 8) - most
            frame[first + start + byte] = 0 if value < 0 else 255 if value > 255 else value


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
