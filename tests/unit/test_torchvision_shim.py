"""The hook that lets a CUDA build of torchvision be imported next to a CPU build of torch."""

import subprocess
import sys

import pytest

from g1train import torchvision_shim


def test_torchvision_imports_in_a_process_that_starts_by_itself() -> None:
    code = "import torchvision, torchvision.transforms.v2; print(torchvision.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("torch", "vision", "expected"),
    [("2.13.0+cpu", "0.28.0", True), ("2.13.0+cpu", "0.28.0+cpu", False), ("2.13.0", "0.28.0", False)],
)
def test_only_a_mismatch_is_mended(monkeypatch: pytest.MonkeyPatch, torch: str, vision: str, expected: bool) -> None:
    versions = {"torch": torch, "torchvision": vision}
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)
    assert torchvision_shim.mismatched() is expected


def test_the_hook_is_one_line_that_survives_the_projects_absence() -> None:
    line = torchvision_shim.PTH_LINE
    assert line.count("\n") == 1
    absent = line.replace("g1train", "no_such_package")
    subprocess.run([sys.executable, "-c", absent], check=True)


def test_arming_twice_is_arming_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    torchvision_shim.arm()
    torchvision_shim.arm()
    assert len(sys.meta_path) == 1
