"""The random numbers of one record: a 64-bit state that travels inside the record (SplitMix64, Steele et al. 2014).

    rng = seed(number)              hashed: neighbouring numbers give unrelated streams
    rng, word = next_word(rng)      64 random bits
    rng, pick = below(rng, n)       0 .. n - 1
    child = split(rng, index)       a stream of its own for each index
    rng = shuffle(rng, values)      in place

Everything is uint64 arithmetic modulo 2**64, so any machine draws the same numbers. Constants are uint64 on purpose:
a plain 1 beside a uint64 would turn the sum into a float.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SPLIT = np.uint64(0xD1342543DE82EF95)
_1, _27, _30, _31, _32 = np.uint64(1), np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@kernel
def mix(word: np.uint64) -> np.uint64:
    """A bijection of 64-bit words that turns each input bit into a change of half the output bits."""
    word = (word ^ (word >> _30)) * _MIX_1
    word = (word ^ (word >> _27)) * _MIX_2
    return word ^ (word >> _31)


@kernel
def seed(number: np.uint64) -> np.uint64:
    """The generator's state for a seed number."""
    return mix(mix(number + GOLDEN) + _SPLIT)


@kernel
def next_word(rng: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The next state and 64 random bits."""
    rng = rng + GOLDEN
    return rng, mix(rng)


@kernel
def below(rng: np.uint64, bound: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The next state and a number in 0 .. bound - 1, for bound in 1 .. 2**32; no number's bias reaches 2**-32."""
    rng, word = next_word(rng)
    return rng, ((word >> _32) * bound) >> _32


@kernel
def split(rng: np.uint64, index: np.uint64) -> np.uint64:
    """The state of child stream `index`; the parent is not advanced."""
    return mix((rng ^ _SPLIT) + mix((index + _1) * _SPLIT))


@kernel
def shuffle(rng: np.uint64, values: npt.NDArray[np.uint8]) -> np.uint64:
    """Put a one-dimensional array into random order, in place (Fisher and Yates); the next state."""
    for last in range(len(values) - 1, 0, -1):
        rng, pick = below(rng, np.uint64(last + 1))
        other = np.int64(pick)
        held = values[last]
        values[last] = values[other]
        values[other] = held
    return rng
