"""Settings for all tests: kernels compile on their first call, so Hypothesis must not take that for a slow example."""

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
