"""Objectives as pure functions of tensors; every choice is a setting of its own (`LossConfig`).

    advantages (advantage.py), log-probabilities now, when sampled, of the reference ─▶ loss per token ─▶ sum

Letters: T answer tokens of a batch, S answers of a batch; `answer_T` says whose each token is. Sources: GRPO arXiv
2402.03300, GSPO (sequence ratio) 2507.18071, clip-higher 2503.14476, CISPO 2506.13585, k1 to k3
http://joschu.net/blog/kl-approx.html.
"""

import torch

from g1train.config import LossConfig


def kl_estimate(logp_T: torch.Tensor, reference_T: torch.Tensor, kind: str) -> torch.Tensor:
    """[T] estimates of KL(policy || reference) at tokens sampled from the policy."""
    gap = reference_T - logp_T
    if kind == "k1":
        return -gap
    if kind == "k2":
        return gap.square() / 2
    return gap.exp() - 1 - gap


def policy_loss(
    logp_T: torch.Tensor, old_T: torch.Tensor, advantage_T: torch.Tensor, answer_T: torch.Tensor, config: LossConfig
) -> torch.Tensor:
    """[T] clipped surrogate, to be minimised. `old_T` are the log-probabilities before the first update, detached."""
    log_ratio = logp_T - old_T
    if config.ratio == "sequence":
        # The mean log-ratio of the answer as value, each token's own gradient (GSPO-token).
        mean = _mean_by_answer(log_ratio, answer_T)[answer_T]
        log_ratio = mean.detach() + logp_T - logp_T.detach()
    ratio = log_ratio.exp()
    high = config.clip_high if config.clip != "symmetric" else config.clip_low
    clipped = ratio.clamp(1 - config.clip_low, 1 + high)
    if config.clip == "cispo":
        return -clipped.detach() * advantage_T * logp_T
    return -torch.minimum(ratio * advantage_T, clipped * advantage_T)


def correction_weights(old_T: torch.Tensor, sampled_T: torch.Tensor, config: LossConfig) -> torch.Tensor:
    """[T] weights for tokens that the node sampled under slightly other log-probabilities than the trainer's."""
    ratio = (old_T - sampled_T).exp()
    if config.correction == "truncate":
        return ratio.clamp(max=config.correction_cap)
    if config.correction == "mask":
        return ((ratio <= config.correction_cap) & (ratio >= 1 / config.correction_cap)).to(ratio.dtype)
    return torch.ones_like(ratio)


def aggregate(
    value_T: torch.Tensor, answer_T: torch.Tensor, num_tokens: int, num_answers: int, kind: str
) -> torch.Tensor:
    """One number a micro-batch such that the sum over the micro-batches of an optimiser step is the step's loss.

    token: over all answer tokens of the step · sequence: mean of each answer's mean · both need the step's totals
    `num_tokens` and `num_answers`. micro_batch (the paper's code): mean over this micro-batch's tokens; the caller
    divides by the number of micro-batches by passing it as `num_answers`.
    """
    if kind == "token":
        return value_T.sum() / num_tokens
    if kind == "sequence":
        return _mean_by_answer(value_T, answer_T).sum() / num_answers
    return value_T.mean() / num_answers


def _mean_by_answer(value_T: torch.Tensor, answer_T: torch.Tensor) -> torch.Tensor:
    num_answers = int(answer_T.max()) + 1
    zeros = torch.zeros(num_answers, dtype=value_T.dtype, device=value_T.device)
    sums = zeros.index_add(0, answer_T, value_T)
    counts = zeros.index_add(0, answer_T, torch.ones_like(value_T))
    return sums / counts.clamp(min=1)
