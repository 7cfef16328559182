"""The learner: DeepSpeed around the policy, for both streams. The only file that imports deepspeed.

    rows ──▶ micro-batches ──▶ loss (cross-entropy or policy gradient) ──▶ engine.backward ... engine.step

One call of `supervised_step` or `policy_step` is one optimiser step. Losses are normalised over the whole step, not
over a micro-batch, so that the split into micro-batches does not change the result.
"""

import itertools
import math
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.errors import DivergedError
from g1train.config import LossConfig, OptimConfig, TrainerConfig
from g1train.learn.batch import Batch, Row, collate
from g1train.learn.loss import aggregate, correction_weights, kl_estimate, policy_loss
from g1train.learn.policy import Policy, load_model

Metrics = dict[str, float]


class Learner:
    """Policy, optimiser and (for RL) a frozen reference. One instance serves one stage at a time; see `begin_stage`."""

    def __init__(self, model_folder: str | Path, dtype: str, config: TrainerConfig, seed: int) -> None:
        os.environ.setdefault("DS_ACCELERATOR", "cuda" if torch.cuda.is_available() else "cpu")
        if config.num_threads:
            torch.set_num_threads(config.num_threads)
        torch.manual_seed(seed)
        self.config = config
        self.dtype = dtype
        self.policy = Policy(load_model(model_folder, dtype), config.logit_chunk)
        if config.freeze_vision:
            self.policy.model.model.visual.requires_grad_(False)
        self.reference: Policy | None = None
        self.optim = OptimConfig()
        self.num_stage_steps = 0
        self.stage_step = 0
        self._engine: Any = None

    @property
    def device(self) -> torch.device:
        """Where the policy's weights are."""
        return next(self.policy.parameters()).device

    def begin_stage(self, optim: OptimConfig, num_steps: int, with_reference: bool) -> None:
        """A fresh optimiser and schedule; the reference is the policy as it is now."""
        self.optim, self.num_stage_steps, self.stage_step = optim, num_steps, 0
        self._engine = _initialize(self.policy, optim, self.config, self.dtype)
        self.reference = self._frozen_copy() if with_reference else None

    def supervised_step(self, rows: Sequence[Row]) -> Metrics:
        """One step of cross-entropy on answer tokens, each answer weighted by its row's weight."""
        num_tokens = sum(len(answer) for row in rows for answer in row.answers)

        def loss_of(batch: Batch, logp_T: torch.Tensor, entropy_T: torch.Tensor) -> tuple[torch.Tensor, Metrics]:
            weighted = -logp_T * batch.weight_S[batch.answer_T]
            loss = aggregate(weighted, batch.answer_T, num_tokens, len(rows), "token")
            return loss, {"entropy": entropy_T.sum().item() / num_tokens}

        return self._step(rows, 1.0, loss_of)

    def policy_step(
        self, rows: Sequence[Row], loss: LossConfig, temperature: float, num_minibatches: int = 1
    ) -> Metrics:
        """GRPO on played groups; `rows` carry advantages as weights. One update for each of `num_minibatches` parts."""
        bounds = [len(rows) * number // num_minibatches for number in range(num_minibatches + 1)]
        parts = [rows[start:end] for start, end in itertools.pairwise(bounds) if start < end]
        # With one update the policy has not moved since it answered: its own log-probabilities, detached, are the old
        # ones.
        olds = [self.logprobs(part, temperature) if num_minibatches > 1 else None for part in parts]
        metrics: Metrics = {}
        for part, old in zip(parts, olds, strict=True):
            for key, value in self._policy_update(part, old, loss, temperature).items():
                metrics[key] = metrics.get(key, 0.0) + value / len(parts)
        return metrics

    @torch.no_grad()
    def logprobs(self, rows: Sequence[Row], temperature: float = 1.0) -> torch.Tensor:
        """float32[T] log-probabilities of all answer tokens under the policy as it is."""
        batches = self._micro_batches(rows)
        return torch.cat([self.policy(batch, temperature)[0] for batch in batches])

    def _policy_update(
        self, rows: Sequence[Row], old: torch.Tensor | None, config: LossConfig, temperature: float
    ) -> Metrics:
        num_tokens = sum(len(answer) for row in rows for answer in row.answers)
        num_answers = sum(len(row.answers) for row in rows)
        if config.aggregation == "micro_batch":
            num_answers = math.ceil(len(rows) / self.config.rows_per_micro_batch)
        taken = 0

        def loss_of(batch: Batch, logp_T: torch.Tensor, entropy_T: torch.Tensor) -> tuple[torch.Tensor, Metrics]:
            nonlocal taken
            old_T = logp_T.detach() if old is None else old[taken : taken + len(logp_T)]
            taken += len(logp_T)
            value_T = policy_loss(logp_T, old_T, batch.weight_S[batch.answer_T], batch.answer_T, config)
            value_T = value_T * correction_weights(old_T, batch.sampled_logprob_T, config)
            metrics = {"entropy": entropy_T.sum().item() / num_tokens}
            if self.reference is not None:
                with torch.no_grad():
                    reference_T = self.reference(batch, temperature)[0]
                kl_T = kl_estimate(logp_T, reference_T, config.kl)
                value_T = value_T + config.kl_weight * kl_T
                metrics["kl"] = kl_T.detach().sum().item() / num_tokens
            gap_T = (old_T - batch.sampled_logprob_T).abs()
            metrics["mismatch"] = gap_T.sum().item() / num_tokens
            return aggregate(value_T, batch.answer_T, num_tokens, num_answers, config.aggregation), metrics

        return self._step(rows, temperature, loss_of)

    def _step(
        self,
        rows: Sequence[Row],
        temperature: float,
        loss_of: Callable[[Batch, torch.Tensor, torch.Tensor], tuple[torch.Tensor, Metrics]],
    ) -> Metrics:
        """Forward and backward over all micro-batches, then one optimiser step."""
        lr = self._set_lr()
        totals: Metrics = {"loss": 0.0}
        for batch in self._micro_batches(rows):
            logp_T, entropy_T = self._engine(batch, temperature)
            loss, metrics = loss_of(batch, logp_T, entropy_T)
            if not torch.isfinite(loss):
                raise DivergedError(f"the loss is {loss.item()} in step {self.stage_step}: nothing was updated")
            self._engine.backward(loss, scale_wrt_gas=False)
            totals["loss"] += loss.item()
            for key, value in metrics.items():
                totals[key] = totals.get(key, 0.0) + value
        norm = self._gradient_norm()
        self._engine.step()
        self.stage_step += 1
        return {**totals, "grad_norm": norm, "lr": lr}

    def _gradient_norm(self) -> float:
        """Norm before clipping; stops before the optimiser would spread a bad number into every weight."""
        total = 0.0
        for name, parameter in self.policy.named_parameters():
            gradient = parameter.grad if self.config.zero_stage == 0 else full_gradient(parameter)
            norm = 0.0 if gradient is None else float(gradient.norm())
            if not math.isfinite(norm):
                raise DivergedError(f"the gradient of {name} is {norm} in step {self.stage_step}: nothing was updated")
            total += norm**2
        return math.sqrt(total)

    def _micro_batches(self, rows: Sequence[Row]) -> Iterator[Batch]:
        config = self.policy.model.config
        size = self.config.rows_per_micro_batch
        for start in range(0, len(rows), size):
            batch = collate(rows[start : start + size], config.image_token_id, config.text_config.pad_token_id or 0)
            yield batch.to(self.device)

    def _set_lr(self) -> float:
        lr = learning_rate(self.optim, self.stage_step, self.num_stage_steps)
        for group in self._engine.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _frozen_copy(self) -> Policy:
        import copy

        return copy.deepcopy(self.policy).requires_grad_(False).eval()

    def save(self, folder: Path) -> None:
        """DeepSpeed's own checkpoint: policy, optimiser, step counters; the reference too, for a stage resumed
        midway."""
        self._engine.save_checkpoint(str(folder), tag="state", client_state={"stage_step": self.stage_step})
        if self.reference is not None:
            torch.save(self.reference.state_dict(), folder / "reference.pt")

    def load(self, folder: Path) -> None:
        """Continue where `save` was; call `begin_stage` first."""
        _, client_state = self._engine.load_checkpoint(str(folder), tag="state")
        self.stage_step = int(client_state["stage_step"])
        if self.reference is not None:
            self.reference.load_state_dict(torch.load(folder / "reference.pt", weights_only=True))


def learning_rate(optim: OptimConfig, step: int, num_steps: int) -> float:
    """Linear warm-up over `optim.warmup` steps, then constant, or a cosine that reaches zero behind the last step."""
    if step < optim.warmup:
        return optim.lr * (step + 1) / optim.warmup
    if optim.schedule == "constant":
        return optim.lr
    progress = (step - optim.warmup) / max(1, num_steps - optim.warmup)
    return optim.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def full_gradient(parameter: torch.nn.Parameter) -> torch.Tensor | None:
    """The gradient of a parameter that ZeRO keeps in parts."""
    from deepspeed.utils import safe_get_full_grad

    gradient: torch.Tensor | None = safe_get_full_grad(parameter)
    return gradient


def _initialize(policy: Policy, optim: OptimConfig, config: TrainerConfig, dtype: str) -> Any:
    import deepspeed

    # An all-reduce in shared memory, of no use to one rank, would be compiled at first use under a lock file that
    # outlives whoever is killed meanwhile: every later run would wait for it, in silence.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    _set_single_rank()
    parameters = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay)
    engine, *_ = deepspeed.initialize(
        model=policy,
        optimizer=optimizer,
        config={
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            "managed_gradient_accumulation": False,
            "gradient_clipping": optim.max_grad_norm,
            "zero_allow_untested_optimizer": True,
            "zero_optimization": {"stage": config.zero_stage},
            "bf16": {"enabled": dtype == "bfloat16"},
            "steps_per_print": 10**9,
        },
    )
    return engine


def _set_single_rank() -> None:
    """What torch.distributed reads from the environment, for one process that no launcher started."""
    if "RANK" in os.environ:
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    defaults = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update(defaults)
