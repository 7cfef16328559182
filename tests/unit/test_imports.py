"""Imports flow downwards only, heavy libraries live in one room each, and light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOORS = (
    ("native",),
    ("engine/errors", "engine/ticket"),
    ("engine/render",),
    ("engine/checks", "engine/states", "engine/levels", "engine/game", "engine/games", "engine/legal_play"),
    ("engine/answer", "engine/catalog", "engine/facts", "engine/start", "engine/replay"),
    ("engine/gym",),
    ("engine/play",),
    ("engine/net",),
    ("engine/rollout",),
    ("engine",),
    ("g1train/config", "g1train/torchvision_shim"),
    ("g1train/tickets",),
    ("g1train/run",),
    ("g1train/learn",),
    ("g1train/inference",),
    ("g1train/evaluation",),
    ("g1train/stages", "g1train/watch"),
    ("g1train/report",),
    ("g1train/cli",),
    ("g1train",),
)
"""A room imports itself and what stands above it here. The packages' own `__init__` come last among their rooms."""
STRANGERS = (
    ("engine/gym", "engine/net"), ("engine/gym", "engine/rollout"), ("engine/gym", "engine/play"),
    ("engine/play", "engine/net"), ("engine/play", "engine/rollout"), ("engine/play", "engine/gym"),
    ("engine/net", "engine/gym"), ("engine/net", "engine/play"),
    ("engine/rollout", "engine/gym"), ("engine/rollout", "engine/play"),
    ("g1train/watch", "g1train/stages"), ("g1train/stages", "g1train/watch"),
    ("g1train/evaluation", "g1train/learn"), ("g1train/tickets", "g1train/learn"),
    ("g1train/run", "g1train/tickets"), ("g1train/learn", "g1train/tickets"),
    ("g1train/report", "g1train/inference"), ("g1train/report", "g1train/stages"),
)  # fmt: skip
"""(who, whom): pairs that know nothing of each other although one stands above the other."""
LIBRARIES = {
    "numba": ("native/jit",),
    "deepspeed": ("g1train/learn/learner",),
    "vllm": ("g1train/inference/",),
    "pygame": ("engine/render/", "engine/play/"),
    "imageio": ("engine/play/film",),
    "imageio_ffmpeg": ("engine/play/film",),
    "torch": (
        "g1train/learn/",
        "g1train/inference/",
        "g1train/stages/",
        "g1train/run/folder",
        "g1train/torchvision_shim",
    ),
    "openai": ("g1train/evaluation/endpoint",),
    "PIL": ("g1train/evaluation/endpoint", "engine/play/film", "g1train/report/book"),
    "transformers": ("g1train/learn/", "g1train/inference/", "g1train/torchvision_shim"),
}
FILES = sorted(path for package in ("native", "engine", "g1train") for path in Path(package).rglob("*.py"))


def floor_of(place: str) -> int:
    """The number of the floor on which a file or folder (without its ending) is."""
    rooms = [(len(room), number) for number, floor in enumerate(FLOORS) for room in floor if within(place, room)]
    return max(rooms)[1]


def exists(place: Path) -> bool:
    """Is there such a file (without its ending) or folder."""
    return place.is_dir() or place.with_suffix(".py").exists()


def within(place: str, room: str) -> bool:
    return place == room or place.startswith(room.rstrip("/") + "/")


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, as dotted names; `from a import b` as a.b where that is a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = Path(*node.module.split("."), alias.name)
                yield (
                    f"{node.module}.{alias.name}"
                    if inner.is_dir() or inner.with_suffix(".py").exists()
                    else node.module
                )


@pytest.mark.parametrize("path", FILES, ids=str)
def test_rooms(path: Path) -> None:
    here = str(path.with_suffix("")).removesuffix("/__init__")
    for name in imported(path):
        there = name.replace(".", "/")
        package = name.partition(".")[0]
        if package in ("native", "engine", "g1train"):
            assert floor_of(there) <= floor_of(here), f"{path} imports {name}, which stands below it"
            strange = [pair for pair in STRANGERS if within(here, pair[0]) and within(there, pair[1])]
            assert not strange, f"{path} imports {name}: {strange[0]} know nothing of each other"
        if package in LIBRARIES:
            assert str(path).startswith(LIBRARIES[package]), f"{path} imports {name}"


def test_no_two_files_import_each_other() -> None:
    modules = {str(path.with_suffix("")).removesuffix("/__init__").replace("/", "."): path for path in FILES}
    imports = {name: {other for other in imported(path) if other in modules} for name, path in modules.items()}
    circles = [(a, b) for a in imports for b in imports[a] if a < b and a in imports[b]]
    assert not circles


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 50
    assert {
        room for floor in FLOORS for room in floor if not Path(room).is_dir() and not Path(f"{room}.py").exists()
    } == set()


@pytest.mark.parametrize(
    "module",
    [
        "engine",
        "engine.rollout.worker",
        "g1train.cli.main",
        "g1train.tickets.rollout",
        "g1train.tickets.dispatch",
        "g1train.evaluation.run",
        "g1train.report.page",
    ],
)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    heavy = {"torch", "vllm", "deepspeed", "transformers", "pygame", "openai"}
    code = f"import sys, {module}; print(*sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
