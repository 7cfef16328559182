"""`g1 watch` with a real model, a real node and a real window; and a model that cannot be loaded."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.play.session import Session
from engine.replay import play_again, read
from engine.ticket import Sampling, Setting
from g1train.config import Config, GameMix, ModelConfig, NodeConfig
from g1train.watch.agents import ModelAgent
from g1train.watch.window import Watch
from tests.processes import children, eventually

GAME: dict[str, Setting] = {"tile_px": 28, "strip": False, "prompt": "short"}
SETTINGS = [part for name in ("tile_px=28", "strip=false", 'prompt="short"') for part in ("--set", name)]


def test_ticks_are_short_while_a_node_loads_and_answers(tmp_path: Path, tiny_model: Path) -> None:
    node = NodeConfig(backend="transformers", num_threads=1)
    config = Config("watch", [GameMix("2048", GAME)], model=ModelConfig(path=str(tiny_model)), node=node)
    said: list[str] = []
    agent = ModelAgent("tiny", tiny_model, config, said.append)
    who = Watch(agent, Session("2048", "normal", 1, GAME, tmp_path, player="tiny"), Sampling(1.0, 24), 3)
    who.speed, longest, seen = 1000.0, 0.0, set()
    try:
        deadline = time.monotonic() + 180
        while not who.over:
            assert time.monotonic() < deadline
            began = time.monotonic()
            who.tick()
            longest = max(longest, time.monotonic() - began)
            seen.add(who.scene().panel.message.split(",")[0])
            time.sleep(0.01)
    finally:
        agent.stop()
    assert longest < 1.0  # a first hint of the oracle compiles nothing, starting a process takes milliseconds
    assert {"loading the model", "it looks and thinks"} <= seen
    (episode,) = read(who.session.path)
    play_again(episode)
    assert [0 < turn.tries[0].num_tokens <= 24 for turn in episode.turns] == [True] * 3
    assert not said


@pytest.fixture
def shown(x_display: str) -> dict[str, str]:
    return {**os.environ, "DISPLAY": x_display, "SDL_VIDEODRIVER": "x11"}


def started(*words: str | Path, environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "g1train.cli", "watch", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_a_model_at_play(tmp_path: Path, tiny_model: Path, shown: dict[str, str]) -> None:
    def key(*names: str) -> None:
        subprocess.run(["xdotool", "mousemove", "300", "300", "key", *names], env=shown, check=True, timeout=60)

    def num_turns() -> int:
        return sum(len(next(read(path)).turns) for path in tmp_path.glob("*.jsonl"))

    words: tuple[str | Path, ...] = (tiny_model, "--game", "2048", *SETTINGS, "--max-tokens", "16", "--keep", tmp_path)
    with started(*words, environment=shown) as process:
        try:
            find = ["xdotool", "search", "--sync", "--onlyvisible", "--class", "g1-play"]
            subprocess.run(find, env=shown, check=True, timeout=60, capture_output=True)
            eventually(lambda: num_turns() >= 1)
            key("space")

            def stepped() -> bool:
                key("Right")  # does nothing while the model thinks
                time.sleep(0.2)
                return num_turns() >= 3

            eventually(stepped)
            nodes = children(process.pid)
            key("q")
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert len(nodes) == 1
    assert not Path(f"/proc/{nodes[0]}").exists()
    assert out.startswith(f"kept in {tmp_path}/2048-0-")
    for path in tmp_path.glob("*.jsonl"):
        (episode,) = read(path)
        play_again(episode)
        assert episode.player == "tiny"


def test_a_model_that_cannot_be_loaded(tmp_path: Path, shown: dict[str, str]) -> None:
    (tmp_path / "config.json").write_text("{}")
    with started(tmp_path, "--game", "2048", environment=shown) as process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("g1: g1 serve ended with status")
    assert "cannot be loaded" in err
    assert "Traceback" not in err
