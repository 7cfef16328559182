"""Whole runs of `g1 train` in real processes: a worker killed on the way, a run interrupted and resumed, mistakes
named."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from g1train.run.folder import load_rollouts
from tests import processes
from tests.models import SHORT_RUN

G1 = (sys.executable, "-m", "g1train.cli")


def command(runs: Path, **overrides: object) -> list[str]:
    settings = {**SHORT_RUN, **{key.replace("__", "."): value for key, value in overrides.items()}}
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    return [*G1, "train", "configs/nano/2048.toml", "--runs", str(runs), *sets]


@contextmanager
def training(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    return out, err


def log(run: Path) -> list[dict[str, Any]]:
    path = run / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rl_steps(run: Path) -> int:
    return sum(line["stage"] == "rl" for line in log(run))


def starts(run: Path) -> list[tuple[int, int, str]]:
    """(index, start hash, truth) of everything that was played in RL."""
    files = sorted((run / "rollouts").glob("rl-*.msgpack"))
    played = [one for file in files for one in load_rollouts(file)]
    return [(one.ticket.index, one.group.start_hash, one.group.rounds[0].truth) for one in played]


def child(trainer: subprocess.Popen[str], subcommand: bytes) -> int:
    """Process id of the trainer's node (`serve`) or pool."""
    return next(
        pid
        for pid in processes.children(trainer)
        if subcommand in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    )


def workers(trainer: subprocess.Popen[str]) -> list[int]:
    """Process ids of the workers: grandchildren, by way of the pool."""
    pool = child(trainer, b"pool")
    return [int(pid) for pid in Path(f"/proc/{pool}/task/{pool}/children").read_text().split()]


def test_a_whole_run_with_vllm_loses_nothing_when_a_worker_is_killed(tmp_path: Path) -> None:
    run = tmp_path / "nano-2048"
    with training(command(tmp_path, node__backend="'vllm'")) as process:
        processes.eventually(lambda: process.poll() is not None or rl_steps(run) >= 1, patience_s=240)
        assert process.poll() is None, process.communicate()[1]
        before = workers(process)
        processes.kill(before[0])
        processes.eventually(lambda: len(set(workers(process)) - set(before)) == 1 or process.poll() is not None)
        out, err = finished(process)
    results = json.loads(out.splitlines()[-1])
    assert results["run"] == str(run)
    for player in ("random", "base", "coldstart", "rl"):
        assert set(results[player]) == {"game_reward", "p_acc", "r_acc", "score"}
        assert -1 <= results[player]["game_reward"] <= 1
    assert results["random"]["p_acc"] is None
    assert results["rl"]["p_acc"] is not None
    found = json.loads((run / "evaluation" / "results.json").read_text())
    assert list(found["players"]) == ["rl", "coldstart", "base", "oracle", "random"]
    assert found["starts"]["rl"] == 6 + 2
    assert found["players"]["rl"]["game_reward"]["mean"] == results["rl"]["game_reward"]
    assert {"a": "rl", "b": "coldstart"}.items() <= found["differences"][0].items()
    assert "rl - coldstart" in err
    assert "starting it again" in err
    assert [index for index, *_ in starts(run)] == list(range(36))  # 6 steps x 6 groups, each once
    transfers = [line for line in log(run) if line["stage"] == "transfer"]
    assert len(transfers) == 9  # base, cold start, start of RL, 6 steps
    assert all(line["probe_mismatch"] < 1e-4 for line in transfers)
    assert (run / "checkpoints" / "000006-rl" / "model" / "model.safetensors").is_file()
    assert not list(Path("/dev/shm").glob(f"g1-weights-{process.pid}-*"))


def test_more_workers_and_an_interruption_change_nothing(tmp_path: Path) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    options = {"node__backend": "'transformers'", "trainer__checkpoint_every": 0}
    with training(command(straight, pool__num_workers=1, **options)) as process:
        out, _ = finished(process)
        first = json.loads(out.splitlines()[-1])
    run = broken / "nano-2048"
    with training(command(broken, pool__num_workers=2, **options)) as process:
        processes.eventually(lambda: process.poll() is not None or rl_steps(run) >= 2, patience_s=240)
        process.send_signal(signal.SIGINT)
        _, err = finished(process, status=2)
        assert f"--resume {run}" in err
    assert 2 <= rl_steps(run) < 6
    with training([*G1, "train", "--resume", str(run)]) as process:
        out, _ = finished(process)
        second = json.loads(out.splitlines()[-1])
    assert starts(run) == starts(straight / "nano-2048")
    assert {**first, "run": ""} == {**second, "run": ""}
    assert final_weights(run) == final_weights(straight / "nano-2048")
    assert evaluation(run) == evaluation(straight / "nano-2048")


def test_a_node_that_dies_is_started_again_with_the_weights_of_now(tmp_path: Path) -> None:
    run = tmp_path / "nano-2048"
    with training(command(tmp_path, node__backend="'transformers'")) as process:
        processes.eventually(lambda: process.poll() is not None or rl_steps(run) >= 1, patience_s=240)
        processes.kill(child(process, b"serve"))
        out, err = finished(process)
    assert "g1 serve ended with status -9" in err
    assert json.loads(out.splitlines()[-1])["rl"]["game_reward"] is not None
    assert [index for index, *_ in starts(run)] == list(range(36))


def test_impatient_ctrl_c_leaves_no_traceback_and_nobody(tmp_path: Path) -> None:
    run = tmp_path / "nano-2048"
    with training(command(tmp_path, node__backend="'transformers'", rl__steps=1000)) as process:
        processes.eventually(lambda: process.poll() is not None or rl_steps(run) >= 1, patience_s=240)
        family = [child(process, b"serve"), child(process, b"pool"), *workers(process)]
        os.kill(family[0], signal.SIGSTOP)  # so that it does not end when it is told to
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        _, err = finished(process, status=130)
    assert "Traceback" not in err
    processes.eventually(lambda: not any(processes.alive(pid) for pid in family))


def test_node_pool_and_trainer_apart(tmp_path: Path, tiny_model: Path) -> None:
    addresses = {"trainer": f"ipc://{tmp_path}/trainer", "node": f"ipc://{tmp_path}/node"}
    sets = ["--set", "node.backend='transformers'", "--set", "node.num_threads=1", "--bind", addresses["node"]]
    pool = ["pool", "--trainer", addresses["trainer"], "--node", addresses["node"], "--workers", "1"]
    own = ["--parent", str(os.getpid())]
    arguments = command(
        tmp_path / "runs",
        trainer__address=repr(addresses["trainer"]),
        node__address=repr(addresses["node"]),
        model__path=repr(str(tiny_model)),
        model__nano="''",
        base__steps=0,
    )
    with (
        processes.started("g1train.cli", *pool, *own) as workers,
        training([*arguments, "--external"]) as process,
        processes.started(
            "g1train.cli", "serve", "configs/nano/2048.toml", "--model", str(tiny_model), *sets, *own
        ) as node,
    ):
        out, _ = finished(process)
        for one in (workers, node):
            assert one.poll() is None  # it waits for the next trainer
            one.terminate()
            assert one.wait(60) == 0
    results = json.loads(out.splitlines()[-1])
    assert set(results) == {"random", "coldstart", "rl", "run"}


def evaluation(run: Path) -> dict[str, bytes]:
    """Every player's episodes, and the results."""
    files = [*(run / "evaluation" / "episodes").iterdir(), run / "evaluation" / "results.json"]
    return {file.name: file.read_bytes() for file in files}


def final_weights(run: Path) -> bytes:
    last = max((run / "checkpoints").iterdir())
    return (last / "model" / "model.safetensors").read_bytes()


def failure(*arguments: str) -> str:
    """The one line that a command says before it gives up."""
    done = subprocess.run([*G1, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("g1: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def test_a_wrong_key() -> None:
    assert "unknown key 'rl.stepz'; did you mean 'rl.steps'?" in failure(
        "train", "configs/nano/2048.toml", "--set", "rl.stepz=1"
    )


def test_a_prompt_that_does_not_fit_into_the_node(tmp_path: Path) -> None:
    sets = [*command(tmp_path, node__max_model_len=32)[len(G1) :]]
    assert "but node.max_model_len is 32: set it to" in failure(*sets)


def test_a_missing_model_folder() -> None:
    line = failure("train", "configs/nano/2048.toml", "--set", "model.nano=''", "--set", "model.path='/nowhere'")
    assert "no model at /nowhere" in line
    assert "model.path" in line


@pytest.mark.parametrize("backend", ["vllm", "transformers"])
def test_a_missing_model_folder_of_the_node(backend: str) -> None:
    line = failure("serve", "configs/nano/2048.toml", "--model", "/nowhere", "--set", f"node.backend='{backend}'")
    assert "no model at /nowhere" in line
    assert "--model" in line


def test_a_busy_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        line = failure("serve", "configs/nano/2048.toml", "--set", "node.backend='oracle'", "--bind", address)
    assert address in line
    assert "choose another" in line


def test_a_worker_that_cannot_reach_the_node(tmp_path: Path) -> None:
    arguments = ["--trainer", f"ipc://{tmp_path}/trainer", "--node", f"ipc://{tmp_path}/node", "--workers", "1"]
    line = failure("pool", *arguments, "--wait", "1", "--parent", str(os.getpid()))
    assert f"{tmp_path}/node" in line
    assert "g1 serve" in line


@pytest.mark.parametrize("arguments", [[], ["--resume", "runs/none", "configs/nano/2048.toml"]])
def test_train_wants_one_thing(arguments: list[str]) -> None:
    assert "either a configuration or --resume" in failure("train", *arguments)
