"""Whole runs of `g1 train` that somebody kills and freezes at any moment, weight transfers and checkpoints included.

    storm(folder, backend, deeds) ─▶ Outcome       a deed: after so long, in this moment, to whom, kill or freeze

A trainer that was killed is started again with --resume. What the console says is kept with its time, so that a silent
wait shows.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from engine.errors import G1Error
from g1train.run.scratch import shared_memory
from tests.models import SHORT_RUN

Moment = Literal["any", "transfer", "checkpoint"]
Victim = Literal["trainer", "node", "engine", "pool", "worker"]
MOMENTS: tuple[Moment, ...] = ("any", "transfer", "checkpoint")
VICTIMS: tuple[Victim, ...] = ("trainer", "node", "engine", "pool", "worker")
MOMENT_WITHIN_S = 60.0  # if there is no such moment by then, any will do
END_WITHIN_S = 600.0
INTERRUPTED = 2  # exit status
SETTINGS: dict[str, object] = {**SHORT_RUN, "trainer.checkpoint_every": 2}


@dataclass(frozen=True)
class Deed:
    """One misfortune, `after_s` the one before has passed. `freeze_s` 0 kills."""

    after_s: float
    moment: Moment
    victim: Victim
    freeze_s: float = 0.0

    def __str__(self) -> str:
        what = f"froze {self.freeze_s:.0f} s" if self.freeze_s else "killed"
        return f"{self.victim} {what} ({self.moment})"


class Misfortune(G1Error):
    """A run that did not go on."""


@dataclass
class Outcome:
    """What became of a run: what was done to it, the longest silence of its console, how long it took."""

    done: list[str] = field(default_factory=list)
    silence_s: float = 0.0
    silent_after: str = ""
    seconds: float = 0.0
    num_resumed: int = 0


class Training:
    """`g1 train` in `folder`, its processes and its console."""

    def __init__(self, folder: Path, backend: str, settings: Mapping[str, object]) -> None:
        self.folder, self.run = folder, folder / "nano-2048"
        chosen = {**SETTINGS, "node.backend": f"'{backend}'", **settings}
        sets = [text for key, value in chosen.items() for text in ("--set", f"{key}={value}")]
        self._begin = ["configs/nano/2048.toml", "--runs", str(folder), *sets]
        self.said: list[tuple[float, str]] = []
        self.deeds: list[tuple[float, str]] = []
        self.sockets: set[Path] = set()
        self.process: subprocess.Popen[str]
        self._reader: threading.Thread

    def start(self) -> None:
        """Begin, or go on."""
        resumable = (self.run / "config.toml").exists()
        if not resumable:
            shutil.rmtree(self.run, ignore_errors=True)
        arguments = ["--resume", str(self.run)] if resumable else self._begin
        command = [sys.executable, "-m", "g1train.cli", "train", *arguments]
        self.said.append((time.monotonic(), "started" if not resumable else "resumed"))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as output:
            for line in output:
                self.said.append((time.monotonic(), line.rstrip()))

    def hear_out(self) -> None:
        """Wait for the last lines of a trainer that has ended."""
        self.process.wait()
        self._reader.join(5.0)

    def silence(self) -> tuple[float, str]:
        """The longest time between two lines, and the first of them."""
        return max(
            ((later - when, line) for (when, line), (later, _) in itertools.pairwise(self.said)), default=(0.0, "")
        )

    def family(self, victim: Victim) -> list[int]:
        """Process ids of that kind."""
        if victim == "trainer":
            return [self.process.pid]
        found = []
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                if _kind(one) == victim:
                    found.append(one.pid)
        return found

    def in_moment(self, moment: Moment) -> bool:
        """Is it now?"""
        if moment == "transfer":
            return any(shared_memory().glob(f"g1-weights-{self.process.pid}-*"))
        return moment == "any" or any((self.run / "checkpoints").glob(".*.tmp"))

    def note_sockets(self) -> None:
        """Keep in mind where this trainer's sockets are: nothing of them may be left."""
        with contextlib.suppress(OSError, ValueError):
            address = json.loads((self.run / "addresses.json").read_bytes())["trainer"]
            self.sockets.add(Path(address.removeprefix("ipc://")).parent)

    def left_behind(self) -> list[str]:
        """Processes that name the folder, sockets, weights in shared memory."""
        found = [str(folder) for folder in self.sockets if folder.exists()]
        for one in psutil.process_iter(["cmdline"]):
            if str(self.folder) in " ".join(one.info["cmdline"] or []) and one.pid != os.getpid():
                found.append(f"{one.pid}: {one.info['cmdline']}")
        return found


def _kind(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, IndexError):
        words = process.cmdline()
        if "engine.rollout.worker" in words:
            return "worker"
        if "g1train.cli" in words:
            return {"serve": "node", "pool": "pool"}.get(words[words.index("g1train.cli") + 1], "")
        if "EngineCore" in process.name() or "EngineCore" in " ".join(words):
            return "engine"
    return ""


def storm(
    folder: Path,
    backend: str,
    deeds: Iterable[Deed],
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    look: Callable[[Training], None] = lambda training: None,
    interrupt: bool = False,
) -> Outcome:
    """Train under misfortunes, to the end or, if `interrupt`, until Ctrl-C after the last of them.

    `look` is called many times a second. Raises `Misfortune`, with what the console said, if the run ends otherwise.
    """
    folder.mkdir(parents=True)
    training, outcome, chance = Training(folder, backend, settings or {}), Outcome(), random.Random(seed)
    began = time.monotonic()
    training.start()
    try:
        for deed in deeds:
            if not _wait_for(training, deed, look):
                break
            _strike(training, deed, chance, outcome)
        if interrupt and training.process.poll() is None:
            training.process.send_signal(signal.SIGINT)
        _wait_for_end(training, look)
        training.hear_out()
        if training.process.returncode != (INTERRUPTED if interrupt else 0):
            raise Misfortune(_account(training, f"the run ended with status {training.process.returncode}"))
    finally:
        training.process.kill()
        training.process.wait()
    (outcome.silence_s, outcome.silent_after), outcome.seconds = training.silence(), time.monotonic() - began
    if left := training.left_behind():
        raise Misfortune(_account(training, f"left behind: {left}"))
    return outcome


def _wait_for(training: Training, deed: Deed, look: Callable[[Training], None]) -> bool:
    """Until it is time for a deed; false if the run ended before."""
    due = time.monotonic() + deed.after_s
    while time.monotonic() < due or not training.in_moment(deed.moment) or not training.family(deed.victim):
        if training.process.poll() is not None:
            return False
        if time.monotonic() > due + MOMENT_WITHIN_S:
            break
        training.note_sockets()
        look(training)
        time.sleep(0.001 if time.monotonic() >= due else 0.05)
    return True


def _wait_for_end(training: Training, look: Callable[[Training], None]) -> None:
    deadline = time.monotonic() + END_WITHIN_S
    while training.process.poll() is None:
        if time.monotonic() > deadline:
            raise Misfortune(_account(training, f"the run is not done {END_WITHIN_S:.0f} s after the last misfortune"))
        training.note_sockets()
        look(training)
        time.sleep(0.05)


def _strike(training: Training, deed: Deed, chance: random.Random, outcome: Outcome) -> None:
    """Do it, if there is still anybody; a trainer that was killed is resumed."""
    victims = training.family(deed.victim)
    if not victims:
        return
    pid = chance.choice(victims)
    outcome.done.append(str(deed))
    training.deeds.append((time.monotonic(), f"--- {deed}"))
    with contextlib.suppress(ProcessLookupError):
        if deed.freeze_s:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(deed.freeze_s)
            os.kill(pid, signal.SIGCONT)
        else:
            os.kill(pid, signal.SIGKILL)
    if deed.victim == "trainer" and not deed.freeze_s:
        training.hear_out()
        training.start()
        outcome.num_resumed += 1


def _account(training: Training, what: str) -> str:
    start = training.said[0][0]
    lines = [f"{when - start:7.1f}  {line}" for when, line in sorted([*training.said, *training.deeds])]
    return "\n".join([what, *lines[-150:]])


def random_deeds(chance: random.Random, backend: str, count: int) -> Iterator[Deed]:
    """Any moment, anybody, killed as often as frozen; now and then for longer than anybody's patience."""
    victims = [victim for victim in VICTIMS if victim != "engine" or backend == "vllm"]
    for _ in range(count):
        freeze_s = chance.choice([0.0, 0.0, 0.0, chance.uniform(0.5, 5.0), chance.uniform(10.0, 20.0)])
        yield Deed(chance.uniform(0.0, 12.0), chance.choice(MOMENTS), chance.choice(victims), freeze_s)


def log(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def measured(run: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What was measured in each step, less times and transfers. Raises `Misfortune` if a step stands twice."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for line in log(run):
        key = (line.pop("stage"), line.pop("step"))
        if key in found:
            raise Misfortune(f"{key} stands twice in {run}/metrics.jsonl")
        found[key] = {name: value for name, value in line.items() if name != "time" and not name.startswith("seconds/")}
    return {key: values for key, values in found.items() if key[0] != "transfer"}


def weights(run: Path) -> bytes:
    """The policy at the end, as a file."""
    return (max((run / "checkpoints").iterdir()) / "model" / "model.safetensors").read_bytes()
