"""Pixels from sprite numbers: as the slow twin puts them together, and nothing outside the grid is touched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from native.compose import compose
from tests.naive import paste


@given(st.integers(0, 2**32), st.integers(0, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_compose_equals_twin(seed: int, num: int, rows: int, cols: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    sprites = rng.integers(0, 256, (5, height, 6), np.uint8)
    numbers = rng.integers(0, 5, (num, rows, cols), np.uint16)
    frames = rng.integers(0, 256, (num, 2 + rows * height, 3 + cols * 6 + 1), np.uint8)
    twin = frames.copy()
    compose(numbers, sprites, 2, 3, frames)
    paste(numbers, sprites, 2, 3, twin)
    assert np.array_equal(frames, twin)


def test_compose_literal() -> None:
    sprites = np.array([[[1, 2, 3]], [[4, 5, 6]]], np.uint8)
    frames = np.zeros((1, 3, 6), np.uint8)
    compose(np.array([[[1, 0]]], np.uint16), sprites, 1, 0, frames)
    assert frames[0].tolist() == [[0] * 6, [4, 5, 6, 1, 2, 3], [0] * 6]
