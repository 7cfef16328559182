"""What would stop a run later is told before it starts, and what stops it anyway is told in one line."""

import os
import shutil
import signal
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.errors import ConfigError, WeightsError
from g1train.cli.play import play
from g1train.config import Config, OptimConfig, TrainerConfig, load
from g1train.inference.client import NodeClient
from g1train.inference.weights import send_weights
from g1train.learn.learner import Learner
from g1train.run import scratch
from g1train.stages import train as training
from g1train.stages.checks import check_length, check_ranks, prompt_length
from g1train.stages.session import Session
from tests import processes


def nano(*overrides: str) -> Config:
    return load("configs/nano/2048.toml", overrides)


def test_prompt_and_answer_have_to_fit_into_the_node(tiny_model: Path) -> None:
    length = prompt_length(nano().games[0], tiny_model)
    check_length(nano(f"node.max_model_len={length + 64}", "rl.max_tokens=64"), tiny_model)
    with pytest.raises(
        ConfigError, match=rf"of {length} tokens and rl.max_tokens 64 .* set it to {length + 64} or more"
    ):
        check_length(nano(f"node.max_model_len={length + 63}", "rl.max_tokens=64"), tiny_model)


@pytest.mark.parametrize("override", ["rl.temperature=1e30", "rl.temperature=0.0", "evaluation.temperature=1e-9"])
def test_a_temperature_that_no_node_takes(override: str) -> None:
    with pytest.raises(ConfigError, match="temperature"):
        nano(override)


def test_greedy_evaluation_is_fine() -> None:
    assert nano("evaluation.temperature=0").evaluation.temperature == 0
    assert nano("evaluation.temperature=0.0").evaluation.temperature == 0


def test_a_level_that_is_no_text() -> None:
    with pytest.raises(ConfigError, match=r"games.0: level is a text"):
        nano("games.0.settings.level=5")


def test_several_ranks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    check_ranks()
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 4, but"):
        check_ranks()


def test_no_room_for_the_weights(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner(tiny_model, "float32", TrainerConfig(num_threads=1), seed=0)
    learner.begin_stage(OptimConfig(), 1, with_reference=False)
    monkeypatch.setattr(scratch, "SHARED_MEMORY", tmp_path)
    address = f"ipc://{tmp_path}/node"
    with processes.node(address, "oracle"), NodeClient(address, timeout_s=20.0) as client:
        usage = namedtuple("usage", "total used free")
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 0))
            with pytest.raises(WeightsError, match=rf"cannot write weights to {tmp_path}: .*0 MB are free; free some"):
                send_weights(learner, client, 1)
        with monkeypatch.context() as patch:
            patch.setattr(scratch, "Scratch", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(WeightsError, match=r"No space left on device; free some"):
                send_weights(learner, client, 1)
        send_weights(learner, client, 2)
        assert client.join().version == 2
    assert not list(tmp_path.glob("g1-*"))


def test_plays_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigError, match=r"no game can be kept in .*/file/plays: .*; choose another folder with --plays"
    ):
        play("2048", plays=tmp_path / "file" / "plays")


def test_ctrl_c_once_twice_and_while_children_end() -> None:
    said: list[str] = []
    killed: list[bool] = []
    services = SimpleNamespace(kill=lambda: killed.append(True))
    made: Any = SimpleNamespace(
        closing=False, stop_asked=False, services=services, display=SimpleNamespace(say=said.append)
    )
    with training._stop_on_signal(cast(Session, made)):
        os.kill(os.getpid(), signal.SIGINT)
        assert made.stop_asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        made.closing = True
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert killed == [True, True]
    assert said == ["stopping after this step; once more to leave at once"]
