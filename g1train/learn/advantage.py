"""Rewards of a group's answers ─▶ their advantages. NumPy alone: the report shows them, too, and loads no torch.

Letters: G groups, K answers a group. Sources: GRPO arXiv 2402.03300, Dr. GRPO 2503.20783, RLOO 2402.14740, REINFORCE++
2501.03262.
"""

import numpy as np

EPSILON = 1e-6


def advantages(rewards_GK: np.ndarray, kind: str) -> np.ndarray:
    """float64[G, K] advantages of rewards [G, K]; zero in a group without variance, except for reinforce++.

    grpo (R - mean) / std, as in the paper · dr_grpo R - mean · rloo R - mean of the others · reinforce++ normalised
    over the whole batch.
    """
    rewards = np.asarray(rewards_GK, dtype=np.float64)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    if kind == "grpo":
        return np.asarray(centred / (rewards.std(axis=1, ddof=1, keepdims=True) + EPSILON))
    if kind == "dr_grpo":
        return np.asarray(centred)
    if kind == "rloo":
        return np.asarray(centred * (rewards.shape[1] / (rewards.shape[1] - 1)))
    return np.asarray((rewards - rewards.mean()) / (rewards.std() + EPSILON))
