"""Objectives against numbers worked out by hand, and the invariances that they promise."""

import math

import numpy as np
import pytest
import torch

from g1train.config import LossConfig
from g1train.learn.advantage import advantages
from g1train.learn.loss import aggregate, correction_weights, kl_estimate, policy_loss


def gradient(loss_T: torch.Tensor, logp_T: torch.Tensor) -> torch.Tensor:
    """Of the sum of the losses, by the log-probabilities."""
    (found,) = torch.autograd.grad(loss_T.sum(), logp_T)
    return found


REWARDS = np.array([[2.0, 0.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0]])


def test_grpo_is_centred_and_scaled_within_the_group() -> None:
    found = advantages(REWARDS, "grpo")
    np.testing.assert_allclose(found[0], np.array([1, -1, -1, 1]) / REWARDS[0].std(ddof=1), rtol=1e-5)
    assert not found[1].any()


def test_dr_grpo_keeps_the_scale() -> None:
    np.testing.assert_array_equal(advantages(REWARDS, "dr_grpo")[0], [1, -1, -1, 1])


def test_rloo_compares_with_the_mean_of_the_others() -> None:
    found = advantages(np.array([[3.0, 0.0, 0.0]]), "rloo")
    np.testing.assert_allclose(found[0], [3.0, -1.5, -1.5])


def test_reinforce_normalises_over_the_batch() -> None:
    found = advantages(REWARDS, "reinforce++")
    assert abs(found.mean()) < 1e-9
    assert found.std() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("kind", ["k1", "k2", "k3"])
def test_kl_of_equal_policies_is_zero(kind: str) -> None:
    logp = torch.tensor([-1.0, -2.0])
    assert kl_estimate(logp, logp, kind).abs().max() == 0


def test_k3_by_hand() -> None:
    found = kl_estimate(torch.tensor([-1.0]), torch.tensor([-1.5]), "k3")
    assert found.item() == pytest.approx(math.exp(-0.5) - 1 + 0.5, rel=1e-6)


def test_the_first_update_is_the_policy_gradient() -> None:
    logp = torch.tensor([-1.0, -2.0, -0.5], requires_grad=True)
    advantage = torch.tensor([1.0, -2.0, 0.5])
    loss = policy_loss(logp, logp.detach(), advantage, torch.tensor([0, 0, 1]), LossConfig())
    torch.testing.assert_close(gradient(loss, logp), -advantage)


@pytest.mark.parametrize(("clip", "limit"), [("symmetric", 1.2), ("higher", 1.28)])
def test_clipping_stops_the_gradient(clip: str, limit: float) -> None:
    config = LossConfig(clip=clip, clip_high=0.28)  # type: ignore[arg-type]
    old = torch.tensor([-2.0, -2.0])
    logp = (old + torch.tensor([math.log(limit) + 0.01, math.log(limit) - 0.01])).requires_grad_()
    found = gradient(policy_loss(logp, old, torch.ones(2), torch.tensor([0, 1]), config), logp)
    assert found[0] == 0
    assert found[1] < 0


def test_cispo_clips_the_weight_and_keeps_the_gradient() -> None:
    config = LossConfig(clip="cispo", clip_high=0.2)
    logp = torch.tensor([-1.0], requires_grad=True)
    loss = policy_loss(logp, torch.tensor([-3.0]), torch.ones(1), torch.tensor([0]), config)
    assert gradient(loss, logp).item() == pytest.approx(-1.2)


def test_a_sequence_ratio_is_shared_by_its_tokens() -> None:
    config = LossConfig(ratio="sequence", clip_low=0.9, clip_high=9.0)
    old, logp = torch.tensor([-2.0, -2.0]), torch.tensor([-1.0, -2.0])
    found = policy_loss(logp, old, torch.ones(2), torch.tensor([0, 0]), config)
    torch.testing.assert_close(found, -torch.full((2,), math.exp(0.5)))


@pytest.mark.parametrize(("correction", "expected"), [("off", [1, 1]), ("truncate", [2, 0.5]), ("mask", [0, 1])])
def test_correction_for_the_nodes_other_numbers(correction: str, expected: list[float]) -> None:
    config = LossConfig(correction=correction)  # type: ignore[arg-type]
    old, sampled = torch.tensor([-1.0, -2.0]), torch.tensor([-3.0, -2.0 + math.log(2)])
    found = correction_weights(old, sampled, config)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=found.dtype))


@pytest.mark.parametrize("kind", ["token", "sequence"])
def test_the_split_into_micro_batches_does_not_matter(kind: str) -> None:
    value, answer = torch.arange(5.0), torch.tensor([0, 0, 0, 1, 2])
    whole = aggregate(value, answer, 5, 3, kind)
    parts = aggregate(value[:3], answer[:3], 5, 3, kind) + aggregate(value[3:], answer[3:] - 1, 5, 3, kind)
    torch.testing.assert_close(whole, parts)


def test_micro_batch_means_as_in_the_papers_code() -> None:
    value = torch.tensor([1.0, 3.0])
    assert aggregate(value, torch.tensor([0, 0]), 99, 2, "micro_batch").item() == 1.0
