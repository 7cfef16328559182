"""The random numbers of a record: as the slow twin draws them, in range, fair, and unrelated between neighbours."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from native import rng
from tests.naive import Rng, mix

words = st.integers(0, 2**64 - 1)


@given(words)
def test_seed_and_mix_equal_twin(number: int) -> None:
    assert int(rng.mix(np.uint64(number))) == mix(number)
    assert int(rng.seed(np.uint64(number))) == Rng.seeded(number).state


@given(words, st.integers(1, 2**32))
def test_below_equals_twin_and_stays_below(state: int, bound: int) -> None:
    twin = Rng(state)
    after, pick = rng.below(np.uint64(state), np.uint64(bound))
    assert int(pick) == twin.below(bound) < bound
    assert int(after) == twin.state


@given(words, st.integers(0, 2**64 - 1))
def test_split_equals_twin(state: int, index: int) -> None:
    assert int(rng.split(np.uint64(state), np.uint64(index))) == Rng(state).split(index).state


@given(words, st.lists(st.integers(0, 255), max_size=12))
def test_shuffle_equals_twin(state: int, values: list[int]) -> None:
    array = np.array(values, np.uint8)
    rng.shuffle(np.uint64(state), array)
    assert array.tolist() == Rng(state).shuffled(values)


def test_below_is_fair() -> None:
    state, counts = rng.seed(np.uint64(1)), np.zeros(6, np.int64)
    for _ in range(6000):
        state, pick = rng.below(np.uint64(state), np.uint64(6))  # numba hands back a plain int
        counts[int(pick)] += 1
    assert np.abs(counts - 1000).max() < 150


def test_neighbouring_seeds_share_half_their_bits() -> None:
    states = [int(rng.seed(np.uint64(number))) for number in range(200)]
    distances = [(one ^ other).bit_count() for one, other in pairwise(states)]
    assert 30 < np.mean(distances) < 34
