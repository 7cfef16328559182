"""Imports flow downwards only, heavy libraries live in one room each, and light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MAY_IMPORT = {"native": {"native"}, "engine": {"native", "engine"}, "g1train": {"native", "engine", "g1train"}}
ROOMS = {
    "deepspeed": ("g1train/learn/learner.py",),
    "vllm": ("g1train/inference/",),
    "pygame": ("engine/render/", "engine/play"),
    "torch": ("g1train/",),
    "transformers": ("g1train/",),
}
FILES = sorted(path for room in MAY_IMPORT for path in Path(room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=str)
def test_rooms(path: Path) -> None:
    for name in imported(path):
        package = name.partition(".")[0]
        if package in MAY_IMPORT:
            assert package in MAY_IMPORT[path.parts[0]], f"{path} imports {name}"
        if package in ROOMS:
            assert str(path).startswith(ROOMS[package]), f"{path} imports {name}"


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize(
    "module", ["engine", "engine.rollout.worker", "g1train.cli", "g1train.tickets.rollout", "g1train.tickets.dispatch"]
)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    heavy = {"torch", "vllm", "deepspeed", "transformers", "pygame"}
    code = f"import sys, {module}; print(*sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
