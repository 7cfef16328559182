"""Whether frames are stored past the cache: measured where it may pay, for each size of output.

A processor that fetches each line of memory before it is overwritten draws a large batch half as fast again with stores
past the cache; another gains nothing, and what fits into the cache loses, because its reader finds it in memory only.
So the first batch of a size is drawn a few times over, every other part past the cache: the pixels are the same.

G1_PAST_CACHE=always or never decides instead.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

VARIABLE = "G1_PAST_CACHE"
SMALL = 4 << 20  # bytes: what the nearer caches hold is never stored past them
PART, MOST = 1 << 20, 1 << 28  # bytes in one measured part, and in all of them
TURNS = 3  # the first is not counted: fresh memory is slow, whoever writes it
GAIN = 0.95  # share of the time at which the less usual way is worth taking

Bytes = npt.NDArray[np.uint8]
Draw = Callable[[Bytes, Bytes], None]
"""Draws frames[N, bytes] of draws[N, bytes]."""


class Stores:
    """One or two ways to draw an atlas's frames, and which was faster, by the number of bits of an output's size."""

    def __init__(self, usual: Draw, past_cache: Draw | None) -> None:
        self._usual, self._ways = usual, (usual, past_cache or usual)
        self._small = SMALL if past_cache else sys.maxsize
        self._found: dict[int, Draw] = {}

    def way(self, draws: Bytes, frames: Bytes) -> Draw:
        """The way to draw these frames; ValueError if the variable says what it cannot."""
        if frames.nbytes < self._small:
            return self._usual
        if (said := os.environ.get(VARIABLE)) is not None:
            return self._ways[decided(said)]
        bits = frames.nbytes.bit_length()
        if bits not in self._found:
            self._found[bits] = self._ways[faster(self._ways, draws, frames)]
        return self._found[bits]


def decided(said: str) -> bool:
    """What the variable says."""
    if said not in ("always", "never"):
        raise ValueError(f"{VARIABLE}={said!r} is not always or never; without it the faster way is measured")
    return said == "always"


def faster(ways: tuple[Draw, Draw], draws: Bytes, frames: Bytes) -> bool:
    """Draw the frames, every other part in the second way; does that take clearly less time?

    A part is always drawn in the same way, so that one which stays in the cache may show what that is worth.
    """
    at_once = max(1, PART // frames.shape[1])
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(TURNS):
        for number, start in enumerate(range(0, min(len(frames), MOST // frames.shape[1]), at_once)):
            began = time.perf_counter()
            ways[number % 2](draws[start : start + at_once], frames[start : start + at_once])
            if turn > 0:
                seconds[number % 2].append(time.perf_counter() - began)
    return bool(seconds[1]) and statistics.median(seconds[1]) < GAIN * statistics.median(seconds[0])
