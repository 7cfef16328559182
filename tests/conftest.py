"""Settings for all tests: kernels compile on their first call, so Hypothesis must not take that for a slow example."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from engine.game import REGISTRY
from tests import tiny

settings.register_profile("g1", deadline=None, print_blob=True)
settings.load_profile("g1")


@pytest.fixture
def tiny_games(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two games of tests/tiny are known while a test runs, to processes that it starts as well."""
    for name, module in tiny.GAMES.items():
        monkeypatch.setitem(REGISTRY, name, module)
    monkeypatch.setenv("G1_GAMES", tiny.VARIABLE)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder of a Qwen2.5-VL of some ten thousand parameters, with words for 2048."""
    from g1train.config import load
    from g1train.learn import nano
    from g1train.stages.train import vocabulary

    folder = tmp_path_factory.mktemp("models") / "tiny"
    nano.build(folder, texts=vocabulary(load("configs/nano/2048.toml")), seed=1, size="100k")
    return folder


@pytest.fixture
def unseen_window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Windows that open without a display, for tests that draw and post events themselves."""
    import pygame

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


@pytest.fixture
def x_display() -> Iterator[str]:
    """A display of our own with nobody looking."""
    missing = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} here: apt-get install xvfb xdotool")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1100x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as told:
            yield ":" + told.readline().strip()
        server.terminate()
