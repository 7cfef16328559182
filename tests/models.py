"""A model small enough for tests, and what fits it: prompt ids and frames of 112 x 112 pixels."""

import numpy as np

from g1train.learn.nano import SPECIAL_TOKENS

IMAGE = SPECIAL_TOKENS.index("<|image_pad|>")
PROMPT = [1, 40, 41, 3, *[IMAGE] * 16, 4, 42, 2]


def frame(seed: int) -> np.ndarray:
    """uint8[112, 112, 3] of noise."""
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)
