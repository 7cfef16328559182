"""The learner with real DeepSpeed steps: it learns, micro-batches do not matter, bad numbers stop it, resuming is
exact."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.errors import CheckpointError, DivergedError
from g1train.config import LossConfig, OptimConfig, TrainerConfig
from g1train.learn.batch import Row
from g1train.learn.learner import Learner, learning_rate
from g1train.learn.policy import load_model
from tests.models import PROMPT, frame

OPTIM = OptimConfig(lr=1e-3)


def rows(count: int, samples: int = 2) -> list[Row]:
    return [
        Row(PROMPT, [frame(n)], [[40 + n, 41, 2], [42, 2]][:samples], [1.0, -0.5][:samples], [[-1.0] * 3, [-1.0] * 2])
        for n in range(count)
    ]


def learner(folder: Path, **settings: object) -> Learner:
    made = Learner(folder, "float32", TrainerConfig(num_threads=1, **settings), seed=0)  # type: ignore[arg-type]
    made.begin_stage(OPTIM, 10, with_reference=True)
    return made


def weights(made: Learner) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in made.policy.named_parameters()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def made(tiny_model: Path) -> Learner:
    return learner(tiny_model)


def test_demonstrations_become_likelier(made: Learner) -> None:
    before = made.logprobs(rows(4, 1)).mean()
    first = made.supervised_step(rows(4, 1))
    for _ in range(5):
        last = made.supervised_step(rows(4, 1))
    assert made.logprobs(rows(4, 1)).mean() > before + 0.1
    assert last["loss"] < first["loss"]


def test_an_answer_with_advantage_becomes_likelier_than_one_without(made: Learner) -> None:
    def gap() -> float:
        logp = made.logprobs(rows(1))
        return float(logp[:3].mean() - logp[3:].mean())

    before = gap()
    measures = [made.policy_step(rows(4), LossConfig(kl_weight=0.01), 1.0) for _ in range(4)]
    assert gap() > before
    assert measures[0]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert measures[-1]["kl"] > 0
    assert measures[0]["mismatch"] > 0


@pytest.mark.parametrize("zero_stage", [0, 1])
def test_micro_batches_do_not_change_the_step(tiny_model: Path, zero_stage: int) -> None:
    whole = learner(tiny_model, rows_per_micro_batch=8, zero_stage=zero_stage)
    parts = learner(tiny_model, rows_per_micro_batch=3, zero_stage=zero_stage)
    for one in (whole, parts):
        one.policy_step(rows(8), LossConfig(), 1.0)
    for name, parameter in weights(whole).items():
        torch.testing.assert_close(parameter, weights(parts)[name], atol=2e-5, rtol=1e-4, msg=name)


def test_minibatches_use_the_policy_from_before_the_first_update(made: Learner) -> None:
    one_update = made.policy_step(rows(4), LossConfig(kl_weight=0.0), 1.0, num_minibatches=2)
    assert made.stage_step == 2
    assert one_update["grad_norm"] > 0


def test_a_loss_that_is_no_number_updates_nothing(made: Learner) -> None:
    before = weights(made)
    bad = rows(2)
    bad[0].weights = [float("nan"), 1.0]
    with pytest.raises(DivergedError, match="nothing was updated"):
        made.policy_step(bad, LossConfig(), 1.0)
    assert equal(before, weights(made))


def test_a_gradient_that_is_no_number_updates_nothing(made: Learner) -> None:
    before = weights(made)
    head = made.policy.model.lm_head.weight
    handle = head.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(DivergedError, match="gradient"):
        made.supervised_step(rows(2, 1))
    handle.remove()
    assert equal(before, weights(made))


def test_going_on_from_a_checkpoint_is_exact(tiny_model: Path, tmp_path: Path) -> None:
    straight, before = learner(tiny_model), learner(tiny_model)
    for one in (straight, before):
        one.policy_step(rows(4), LossConfig(), 1.0)
    before.save(tmp_path)
    after = learner(tiny_model)
    after.load(tmp_path)
    for one in (straight, after):
        one.policy_step(rows(4), LossConfig(), 1.0)
    assert equal(weights(straight), weights(after))
    assert after.stage_step == 2


def test_schedule() -> None:
    optim = OptimConfig(lr=1.0, warmup=2, schedule="cosine")
    found = [learning_rate(optim, step, 6) for step in range(7)]
    assert found == pytest.approx([0.5, 1.0, 1.0, 0.8535534, 0.5, 0.1464466, 0.0])


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no model at .*nowhere"):
        load_model(tmp_path / "nowhere", "float32")


def test_missing_weights_are_named(tiny_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in tiny_model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="lacks weights"):
        load_model(tmp_path, "float32")


def test_frozen_vision_stays(tiny_model: Path) -> None:
    made = learner(tiny_model, freeze_vision=True)
    before = weights(made)
    made.supervised_step(rows(2, 1))
    changed = {name for name, value in weights(made).items() if not torch.equal(value, before[name])}
    assert changed
    assert not any("visual" in name for name in changed)


def test_a_lock_that_a_killed_process_left_holds_nobody_up(tiny_model: Path, tmp_path: Path) -> None:
    """torch compiles extensions under a lock file, and whoever finds one waits for ever."""
    lock = tmp_path / "deepspeed_shm_comm" / "lock"
    lock.parent.mkdir()
    lock.touch()
    folder = f"Path({str(tiny_model)!r})"
    script = f"from pathlib import Path; from tests.unit.test_learner import learner; learner({folder})"
    ours = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # learners of this process have set them
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["TORCH_EXTENSIONS_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", script], env=environment, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in lock.parent.iterdir()] == ["lock"]
