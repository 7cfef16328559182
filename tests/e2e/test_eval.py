"""`g1 eval` in real processes: killed and gone on with, through nodes, and against vLLM's own OpenAI-style server."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import replay
from tests import processes

EVAL = (sys.executable, "-m", "g1train.cli", "eval")
NANO = ("--set", "tile_px=28", "--set", "strip=false", "--set", "prompt=short")


@contextmanager
def evaluating(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [*EVAL, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def evaluated(*arguments: object) -> dict[str, Any]:
    """The last line of standard output, of a command that ends well."""
    with evaluating(*arguments, "--json") as process:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_a_folder_that_cannot_be_made() -> None:
    with evaluating("--game", "shisen", "--player", "oracle", "--out", "/proc/no") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("g1: cannot write to /proc/no")


def test_the_papers_protocol(tmp_path: Path) -> None:
    games = ("--game", "2048", "--game", "shisen", "--game", "swap")
    found = evaluated(*games, "--player", "oracle", "--player", "random", "--out", tmp_path / "e")
    scores = {game: {name: one["score"]["mean"] for name, one in of["players"].items()}
              for game, of in found["by_game"].items()}  # fmt: skip
    assert 660 <= scores["2048"]["random"] <= 735
    assert scores["shisen"]["oracle"] == 18.0
    assert scores["swap"]["oracle"] == 100.0
    assert found["players"]["oracle"]["score"]["n"] == 300
    assert [(one["a"], one["b"], one["verdict"]) for one in found["differences"]] == [("oracle", "random", "better")]


def test_killed_five_times_it_ends_with_the_same_files(tmp_path: Path) -> None:
    arguments = ("--game", "2048", "--game", "swap", "--player", "greedy", "--player", "legal", "--protocol",
                 "states+paper", "--episodes", "40", "--out")  # fmt: skip
    began = time.monotonic()
    undisturbed = evaluated(*arguments, tmp_path / "straight")
    took_s, moments = time.monotonic() - began, random.Random(0)
    for _ in range(5):
        with evaluating(*arguments, tmp_path / "broken") as process:
            try:
                process.wait(took_s * moments.uniform(0.3, 0.95))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
    assert {**evaluated(*arguments, tmp_path / "broken"), "folder": ""} == {**undisturbed, "folder": ""}
    assert contents(tmp_path / "broken") == contents(tmp_path / "straight")


def test_a_paid_request_is_never_repeated_whenever_it_is_killed(tmp_path: Path) -> None:
    log, broken = tmp_path / "log", tmp_path / "broken"
    journal, delay = broken / "journal" / "toy.jsonl", ("--delay", "0.02")
    moods = ("--moods", "fine,fine,put off,fails,refuses")
    with processes.started("tests.endpoint", str(log), "--journal", str(journal), *delay, *moods) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        arguments = ("--game", "2048", *NANO, "--player", f"openai:toy@{url}", "--episodes", 6, "--turns", 12,
                     "--concurrency", 4, "--out")  # fmt: skip
        for kill in range(1, 6):
            with evaluating(*arguments, broken) as process:
                processes.eventually(lambda: process.poll() is not None or num_lines(log) >= 10 * kill)  # noqa: B023
                assert process.poll() is None, process.communicate()[1]
                process.send_signal(signal.SIGKILL)
        found = evaluated(*arguments, broken)
        asked = [line.split() for line in log.read_text().splitlines()]
        undisturbed = evaluated(*arguments, tmp_path / "straight")
    assert Counter(how for _, how in asked) == {"new": len(asked)}  # never one whose answer was in the journal
    assert len({key for key, _ in asked}) == found["usage"]["toy"]["requests"] == num_lines(journal)
    assert {**found, "folder": ""} == {**undisturbed, "folder": ""}
    assert contents(broken) == contents(tmp_path / "straight")


def num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    with processes.started("tests.endpoint", str(tmp_path / "log"), "--delay", "0.05") as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with evaluating("--game", "2048", *NANO, "--player", f"openai:toy@{url}", "--out", tmp_path / "e") as process:
            processes.eventually(lambda: num_lines(tmp_path / "log") > 5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped; the same command goes on in {tmp_path}/e" in err
    assert "Traceback" not in err


def test_through_a_node_it_plays_as_by_itself(tmp_path: Path) -> None:
    with processes.node(f"ipc://{tmp_path}/node", "oracle") as node:
        address = processes.address_of(node)
        found = evaluated("--game", "2048", "--player", f"node:{address}", "--protocol", "states+paper",
                          "--episodes", 4, "--states", 20, "--turns", 30, "--out", tmp_path / "e")  # fmt: skip
    played = {name: list(replay.read(tmp_path / "e" / "episodes" / f"{name}.jsonl")) for name in ("node", "oracle")}
    actions = {name: [[[t.action for t in turn.tries] for turn in one.turns] for one in some]
               for name, some in played.items()}  # fmt: skip
    assert actions["node"] == actions["oracle"]
    assert found["players"]["node"]["p_acc"]["mean"] == 1.0
    assert found["players"]["oracle"]["p_acc"] is None


def test_a_checkpoint_at_two_temperatures(tmp_path: Path, tiny_model: Path) -> None:
    found = evaluated("configs/nano/2048.toml", "--set", "node.backend='transformers'", "--set", "node.num_threads=1",
                      "--set", "pool.num_workers=1", "--player", f"tiny=checkpoint:{tiny_model}", "--temperature", 1,
                      "--temperature", 0, "--max-tokens", 8, "--episodes", 2, "--turns", 3,
                      "--out", tmp_path / "e")  # fmt: skip
    assert list(found["players"]) == ["tiny@1", "tiny@0", "oracle", "random"]
    assert found["players"]["tiny@0"]["truncated"]["n"] == 2
    notes = [one.notes for one in replay.read(tmp_path / "e" / "episodes" / "tiny@0.jsonl")]
    assert notes == [{"number": number, "protocol": "paper", "temperature": 0.0} for number in (0, 1)]


def test_vllms_own_server(tmp_path: Path, tiny_model: Path) -> None:
    with vllm_serving(tiny_model, tmp_path / "vllm.log") as url:
        found = evaluated("--game", "2048", *NANO, "--player", f"nano=openai:nano@{url}", "--max-tokens", 16,
                          "--protocol", "states+paper", "--states", 6, "--samples", 2, "--episodes", 2, "--turns", 3,
                          "--out", tmp_path / "e")  # fmt: skip
    usage = found["usage"]["nano"]
    assert (usage["requests"], usage["errors"]) == (6 * 2 + 2 * 3, 0)
    assert usage["prompt_tokens"] / usage["requests"] > 16  # a frame of 112 x 112 pixels alone is 16 tokens
    assert 0 < found["players"]["nano"]["answer_tokens"]["mean"] <= 16


@contextmanager
def vllm_serving(model: Path, log: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--served-model-name",
               "nano", "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "256", "--max-num-seqs", "8",
               "--dtype", "float32", "--enforce-eager"]  # fmt: skip
    environment = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True) as process,
    ):
        try:
            processes.eventually(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/health"), 240)
            assert process.poll() is None, log.read_text()[-4000:]
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
