"""Real training goes on whatever dies or freezes, in whatever moment, and comes to what it would have come to."""

from pathlib import Path

import pytest

from tests import misfortunes
from tests.misfortunes import Deed

SILENCE_S = 60.0
TRANSFORMERS = {
    "node killed in transfers": [Deed(8, "transfer", "node"), Deed(3, "transfer", "node")],
    "node frozen in a transfer": [Deed(8, "transfer", "node", 12)],
    "trainer killed in a transfer": [Deed(8, "transfer", "trainer")],
    "trainer killed in a checkpoint": [Deed(8, "checkpoint", "trainer")],
    "node killed while it loads and in a checkpoint": [Deed(7, "any", "node"), Deed(3, "checkpoint", "node")],
    "pool and workers": [
        Deed(8, "any", "pool"),
        Deed(1, "any", "worker"),
        Deed(1, "any", "worker", 3),
        Deed(1, "transfer", "pool"),
    ],
}
VLLM = {
    "trainer killed in a transfer": [Deed(8, "transfer", "trainer")],
    "engine killed, node killed in a transfer": [Deed(8, "any", "engine"), Deed(3, "transfer", "node")],
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("misfortunes") / "calm"
    misfortunes.storm(folder, "transformers", [])
    return folder / "nano-2048"


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(tmp_path: Path, calm: Path, name: str) -> None:
    outcome = misfortunes.storm(tmp_path / "storm", "transformers", TRANSFORMERS[name])
    run = tmp_path / "storm" / "nano-2048"
    assert len(outcome.done) == len(TRANSFORMERS[name])
    assert outcome.silence_s < SILENCE_S
    assert misfortunes.measured(run) == misfortunes.measured(calm)
    assert misfortunes.weights(run) == misfortunes.weights(calm)


@pytest.mark.parametrize("name", VLLM)
def test_vllm(tmp_path: Path, name: str) -> None:
    outcome = misfortunes.storm(tmp_path / "storm", "vllm", VLLM[name])
    run = tmp_path / "storm" / "nano-2048"
    assert len(outcome.done) == len(VLLM[name])
    assert outcome.silence_s < SILENCE_S
    assert [step for stage, step in misfortunes.measured(run) if stage == "rl"] == [1, 2, 3, 4, 5, 6]
    assert all(line["probe_mismatch"] < 1e-4 for line in misfortunes.log(run) if line["stage"] == "transfer")
