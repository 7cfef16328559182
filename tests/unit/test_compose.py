"""Pixels from sprite numbers: as the slow twin puts them together, and nothing outside the grid is touched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.compose import compose, compose_moved, overlay, scatter, speckle, strew
from tests.naive import Rng, noisy, paste, paste_marks, paste_moved


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


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_moved_and_marked_equal_twins(seed: int, num: int, rows: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    sprites = rng.integers(0, 3, (4, height, width, 3), np.uint8)
    numbers = rng.integers(0, 4, (num, rows, 2), np.uint16)
    offsets = rng.integers(-6, 7, (num, rows, 2, 2), np.int8)
    frames = rng.integers(0, 256, (num, 1 + rows * height, 2 + 2 * width, 3), np.uint8)
    flat = sprites.reshape(4, height, -1)
    for moved in (True, False):
        drawn, twin = frames.copy(), frames.copy()
        lines = drawn.reshape(num, drawn.shape[1], -1) if num else np.empty((0, drawn.shape[1], 3), np.uint8)
        if moved:
            compose_moved(numbers, offsets, flat, 1, 3, lines)
            paste_moved(numbers, offsets, sprites, 1, 1, twin)
        else:
            overlay(numbers.astype(np.uint8), flat, 1, 3, lines)
            paste_marks(numbers, sprites, 1, 1, twin)
        assert np.array_equal(drawn, twin)


@pytest.mark.parametrize("num_bytes", [1, 8, 75, 8 * 512, 8 * 512 + 19])
@pytest.mark.parametrize("most", [1, 20, 255])
def test_noise_equals_twin(num_bytes: int, most: int) -> None:
    rng = np.random.default_rng(num_bytes)
    frames = rng.integers(0, 256, (2, num_bytes), np.uint8)
    seeds = np.array([5, 2**64 - 1], np.uint64)
    wanted = [noisy(line, seed, most) for line, seed in zip(frames.tolist(), seeds.tolist(), strict=True)]
    speckle(seeds, most, frames)
    assert frames.tolist() == wanted


def test_noise_is_even() -> None:
    frames = np.full((1, 60_000), 128, np.uint8)
    speckle(np.array([1], np.uint64), 10, frames)
    values, counts = np.unique(frames.astype(int) - 128, return_counts=True)
    assert values.tolist() == list(range(-10, 11))
    assert counts.min() > 2400


def test_offsets_and_marks_equal_twins() -> None:
    seeds = np.array([0, 77, 2**64 - 1], np.uint64)
    offsets, marks = np.empty((3, 4, 5, 2), np.int8), np.empty((3, 4, 5), np.uint8)
    scatter(seeds, 7, offsets)
    strew(seeds, 40, 12, marks)
    for index, seed in enumerate(seeds.tolist()):
        rng = Rng(seed).split(1)
        assert offsets[index].ravel().tolist() == [rng.below(15) - 7 for _ in range(40)]
        rng = Rng(seed).split(2)
        drawn = [(rng.below(100), rng.below(12)) for _ in range(20)]
        assert marks[index].ravel().tolist() == [pick + 1 if chance < 40 else 0 for chance, pick in drawn]
