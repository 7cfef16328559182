"""Checkpoints are whole or absent; old ones go; rollouts and logs are read back."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from engine.errors import CheckpointError
from g1train.config import OptimConfig, TrainerConfig, load
from g1train.learn import checkpoint
from g1train.learn.checkpoint import Progress
from g1train.learn.learner import Learner
from g1train.learn.policy import load_model, load_tokenizer
from g1train.run import folder as run_folder


def progress(number: int, stage: str = "rl") -> Progress:
    return Progress(number, stage, number, False, number, {"random": {"game_reward": 0.5, "score": None}})


@pytest.fixture(scope="module")
def learner(tiny_model: Path) -> Learner:
    made = Learner(tiny_model, "float32", TrainerConfig(num_threads=1), seed=0)
    made.begin_stage(OptimConfig(), 1, with_reference=False)
    return made


def test_the_newest_whole_one_is_found_and_loads(tiny_model: Path, tmp_path: Path, learner: Learner) -> None:
    for number in (1, 2):
        checkpoint.save(tmp_path, progress(number), learner, tiny_model)
    (tmp_path / ".000003-rl.tmp").mkdir()
    found = checkpoint.latest(tmp_path)
    assert found == tmp_path / "000002-rl"
    assert checkpoint.read(found) == progress(2)
    assert load_tokenizer(found / "model").eos_token == "<|im_end|>"
    model = load_model(found / "model", "float32")
    for name, parameter in model.named_parameters():
        assert parameter.equal(dict(learner.policy.model.named_parameters())[name]), name
    assert not list(tmp_path.glob(".*"))


def test_old_ones_go_but_the_last_of_each_stage_stays(tiny_model: Path, tmp_path: Path, learner: Learner) -> None:
    for number, stage in enumerate(["base", "base", *["rl"] * 5]):
        checkpoint.save(tmp_path, progress(number, stage), learner, tiny_model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001-base", "000004-rl", "000005-rl", "000006-rl"]


def test_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "none") is None
    assert checkpoint.latest(tmp_path) is None


def test_a_damaged_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text("{")
    with pytest.raises(CheckpointError, match="remove it to fall back"):
        checkpoint.read(tmp_path)


def test_a_run_folder(tmp_path: Path) -> None:
    config = load("configs/nano/2048.toml")
    first, second = run_folder.create(config, tmp_path), run_folder.create(config, tmp_path)
    assert (first.folder.name, second.folder.name) == ("nano-2048", "nano-2048-2")
    first.log("rl", 3, {"game_reward": 0.5, "reasoning_accuracy": None})
    first.save_rollouts("rl-000003", [], [])
    first.close()
    second.close()
    line = json.loads((first.folder / "metrics.jsonl").read_text())
    assert (line["stage"], line["step"], line["game_reward"], line["reasoning_accuracy"]) == ("rl", 3, 0.5, None)
    assert run_folder.load_rollouts(first.folder / "rollouts" / "rl-000003.msgpack") == []
    assert json.loads((first.folder / "manifest.json").read_text())["packages"]["numpy"]
    again, same = run_folder.reopen(first.folder)
    again.close()
    assert same == config


def test_a_run_that_goes_on_logs_no_step_twice(tmp_path: Path) -> None:
    first = run_folder.create(load("configs/nano/2048.toml"), tmp_path)
    for step in (1, 2):
        first.log("rl", step, {"game_reward": 0.5})
    logged = first.logged()
    for step in (3, 4):
        first.log("rl", step, {"game_reward": 0.5})
    first.close()
    for lives in range(2):  # the second time there are two files of TensorBoard
        again, _ = run_folder.reopen(first.folder, logged)
        again.log("rl", 3, {"game_reward": 0.25 + lives})
        again.close()
    lines = [json.loads(line) for line in (first.folder / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["game_reward"]) for line in lines] == [(1, 0.5), (2, 0.5), (3, 1.25)]
    assert curve(first.folder / "tensorboard") == [(1, 0.5), (2, 0.5), (3, 1.25)]
    afresh, _ = run_folder.reopen(first.folder, {})
    afresh.close()
    assert (first.folder / "metrics.jsonl").read_text() == ""
    assert curve(first.folder / "tensorboard") == []


def curve(folder: Path) -> list[tuple[int, float]]:
    """All points of all curves, as TensorBoard reads them."""
    events = [event for path in sorted(folder.iterdir()) for event in LegacyEventFileLoader(str(path)).Load()]
    return [(event.step, value.simple_value) for event in events for value in event.summary.value]


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a run folder"):
        run_folder.reopen(tmp_path)
    (tmp_path / "rollouts.msgpack").write_bytes(b"\x01")
    with pytest.raises(CheckpointError, match="not a rollout file"):
        run_folder.load_rollouts(tmp_path / "rollouts.msgpack")
