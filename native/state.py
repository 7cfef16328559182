"""What the records of every game share: the header, and the few kernels that need no game.

rng    uint64   generator state (native/rng.py)
score  int64    points so far
ended  uint8    1 when no move is left
rows   uint8    board size of this record; its dtype is wide enough for the largest
cols   uint8
pad    uint8[5] always zero, so that equal states are equal bytes
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from native.jit import kernel
from native.rng import below, mix, seed, split

HEADER: list[tuple[Any, ...]] = [
    ("rng", "<u8"), ("score", "<i8"), ("ended", "u1"), ("rows", "u1"), ("cols", "u1"), ("pad", "u1", (5,)),
]  # fmt: skip

Records = npt.NDArray[np.void]


@kernel
def first_outside(actions: npt.NDArray[np.int64], num_actions: int) -> int:
    """Index of the first action outside -1 .. num_actions - 1, or -1 if there is none."""
    lowest, highest = np.int64(-1), np.int64(-1)
    for index in range(len(actions)):  # without a way out: this becomes wide comparisons
        lowest, highest = min(lowest, actions[index]), max(highest, actions[index])
    if lowest == -1 and highest < num_actions:
        return -1
    for index in range(len(actions)):
        if actions[index] < -1 or actions[index] >= num_actions:
            return index
    return -1


@kernel
def first_other_size(state: Records, rows: int, cols: int) -> int:
    """Index of the first of state[N] whose board is not rows x cols, or -1 if there is none."""
    for index in range(len(state)):
        record = state[index]
        if record["rows"] != rows or record["cols"] != cols:
            return index
    return -1


@kernel
def draw_actions(state: Records, num_actions: int, actions: npt.NDArray[np.int64]) -> None:
    """actions[N] = any of num_actions, by the random numbers of each of state[N]; -1 for a game that has ended."""
    for index in range(len(state)):
        record = state[index]
        actions[index] = -1
        if record["ended"] == 0:
            rng, action = below(record["rng"], np.uint64(num_actions))
            record["rng"], actions[index] = rng, np.int64(action)


@kernel
def split_siblings(state: Records, siblings: int) -> None:
    """Give each of `siblings` neighbours in state[N] a random stream of its own."""
    for index in range(len(state)):
        record = state[index]
        record["rng"] = split(record["rng"], np.uint64(index % siblings))


@kernel
def hash_words(words: npt.NDArray[np.uint64], hashes: npt.NDArray[np.uint64]) -> None:
    """hashes[N] = a 64-bit hash of each row of words[N, W]; the same on every machine."""
    for index in range(len(words)):
        value = seed(np.uint64(words.shape[1]))
        for place in range(words.shape[1]):
            value = seed(value ^ words[index, place])
        hashes[index] = value


@kernel
def sub_seeds(seeds: npt.NDArray[np.uint64], attempt: np.uint64, drawn: npt.NDArray[np.uint64]) -> None:
    """drawn[N] = seed number `attempt` of each of seeds[N]; attempt 0 is the seed itself."""
    for index in range(len(seeds)):
        drawn[index] = seeds[index] if attempt == np.uint64(0) else mix(split(seeds[index], attempt))
