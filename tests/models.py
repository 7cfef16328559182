"""A model small enough for tests, and what fits it: prompt ids, frames of 112 x 112 pixels, the settings of a run."""

import numpy as np

from g1train.learn.nano import SPECIAL_TOKENS

IMAGE = SPECIAL_TOKENS.index("<|image_pad|>")
PROMPT = [1, 40, 41, 3, *[IMAGE] * 16, 4, 42, 2]
SHORT_RUN: dict[str, object] = {
    "model.nano": "'100k'",
    "base.steps": 2,
    "base.num_demonstrations": 64,
    "coldstart.steps": 2,
    "coldstart.num_demonstrations": 64,
    "rl.steps": 6,
    "rl.num_groups": 6,
    "rl.num_samples": 4,
    "rl.max_tokens": 24,
    "evaluation.num_states": 6,
    "evaluation.num_samples": 2,
    "evaluation.num_episodes": 2,
    "evaluation.num_turns": 3,
    "trainer.num_threads": 1,
    "node.num_threads": 1,
}
"""All stages of `g1 train configs/nano/2048.toml`, in half a minute."""


def frame(seed: int) -> np.ndarray:
    """uint8[112, 112, 3] of noise."""
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)
