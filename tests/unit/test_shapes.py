"""Tiles of colour x shape: all different, at all sizes, and nearer to each other when asked."""

import numpy as np
import pytest

from engine.render.kinds import COLOURS, OUTLINES, PAINTS, SHAPES
from engine.render.shapes import shape_sprites


def distances(
    sprites: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Mean difference of a pixel's channel, in thousandths, between each two sprites."""
    flat = sprites.reshape(len(sprites), -1).astype(np.int32)
    found = np.array([np.abs(flat - one).sum(axis=1) for one in flat]) * 1000 // flat.shape[1]
    return found.astype(np.int64)


def test_words_are_distinct() -> None:
    assert len(set(COLOURS)) == len(PAINTS) == 16
    assert len(set(SHAPES)) == 12
    assert set(OUTLINES) == set(SHAPES)
    assert all(word.isalpha() and word.istitle() for word in COLOURS + SHAPES)


@pytest.mark.parametrize("px", [28, 56])
def test_all_tiles_differ(px: int) -> None:
    sprites = shape_sprites(px, 16, 12)
    assert sprites.shape == (193, px, px, 3)
    assert sprites.dtype == np.uint8
    apart = distances(sprites) + 10**6 * np.eye(193, dtype=np.int64)
    assert apart.min() > 1000


def test_numbers_of_sprites() -> None:
    sprites = shape_sprites(28, 3, 4)
    centre = sprites[:, 14, 14]
    for number in range(1, 13):
        assert np.abs(centre[number].astype(int) - PAINTS[(number - 1) // 4]).max() < 12
    assert np.array_equal(sprites, shape_sprites(28, 3, 4))
    assert np.array_equal(shape_sprites(28, 16, 4)[:13], sprites)


def test_nearness_brings_colours_together_but_not_to_one() -> None:
    squares = [shape_sprites(28, 4, 2, nearness)[2::2] for nearness in (0, 30, 60, 90)]
    apart = [int(distances(tiles)[np.triu_indices(4, 1)].min()) for tiles in squares]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] > 1000


def test_grid_lines() -> None:
    with_lines, without = shape_sprites(56, 1, 1), shape_sprites(56, 1, 1, grid_lines=False)
    assert not np.array_equal(with_lines[1][:, 0], with_lines[1][:, 8])
    assert np.array_equal(without[1][:, 0], without[1][:, 2])


def test_out_of_range() -> None:
    for bad in ((17, 1, 0), (1, 13, 0), (0, 1, 0), (1, 1, 91)):
        with pytest.raises(ValueError, match="there are 1 to 16 colours and 1 to 12 shapes"):
            shape_sprites(28, *bad)
