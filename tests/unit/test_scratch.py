"""What processes leave behind when they are killed goes at the next start, and never what a living one has."""

import subprocess
import sys
from pathlib import Path

import pytest

from g1train.run import scratch
from g1train.run.scratch import Scratch


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of this test alone."""
    monkeypatch.setattr(scratch, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(scratch, "temporary", lambda: tmp_path)
    return tmp_path


def test_the_dead_ones_folder_is_swept_and_the_living_ones_stays(places: Path) -> None:
    ours = Scratch("g1-", places)
    code = (
        "import os, signal, sys; from pathlib import Path; from g1train.run.scratch import Scratch\n"
        "one = Scratch('g1-weights-', Path(sys.argv[1])); (one.path / 'data').write_text('x')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(places)], check=False)
    (left,) = places.glob("g1-weights-*")
    strange = places / "g1-strange"
    strange.mkdir()
    assert scratch.sweep() == [left]
    assert sorted(places.iterdir()) == sorted([ours.path, strange])
    ours.remove()
    assert list(places.iterdir()) == [strange]
    assert scratch.sweep() == []
