"""Trainer, node and pool as processes that somebody kills and freezes; for the chaos test, the soak and the network.

monkey ──kill -9, SIGSTOP, restart──▶ trainer, node, pool, workers
journal of the trainer (tests/chaos_trainer.py): a line for every ticket that was counted
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import processes

NAMES = ("trainer", "node", "pool")
NUM_WORKERS = 3
PAGE_BYTES, TICKS_A_SECOND = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
WARM_S = 2.0  # of its computing that are not looked at: a process loads and compiles


@dataclass(frozen=True)
class Site:
    """Where a process runs: what it listens at, what its command begins with, and what is added to it."""

    address: str = ""
    prefix: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """Of one process at one moment: seconds since it was first seen, seconds of computing, bytes, open files."""

    age_s: float
    cpu_s: float
    memory: int
    files: int


class Line:
    """Trainer, node and pool, each of which can be started anew; `history` is by name and process id."""

    def __init__(self, folder: Path, num_tickets: int, pause_s: float, sites: dict[str, Site] | None = None) -> None:
        self.folder, self.journal = folder, folder / "journal"
        self._sites = _here(folder) if sites is None else sites
        trainer, node = self._sites["trainer"].address, self._sites["node"].address
        self._commands = {
            "trainer": ["tests.chaos_trainer", trainer, str(self.journal), str(num_tickets), str(pause_s)],
            "node": ["g1train.inference.node", "--player", "random", "--bind", node],
            "pool": ["engine.rollout.pool", "--trainer", trainer, "--node", node, "--workers", str(NUM_WORKERS)]
            + ["--capacity", "16"],
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.history: dict[str, list[Measure]] = defaultdict(list)
        self._first_seen: dict[str, float] = {}

    def start(self, name: str) -> None:
        site = self._sites[name]
        command = [*site.prefix, sys.executable, "-m", *self._commands[name], *site.options]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen([*command, "--parent", str(os.getpid())], stdout=log, stderr=log)

    def restart(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)

    @property
    def workers(self) -> list[int]:
        with contextlib.suppress(OSError):
            return processes.children(self.running["pool"].pid)
        return []

    def measure(self) -> dict[str, Measure]:
        """Of all processes that are there now, also kept in `history`."""
        named = [(name, process.pid) for name, process in self.running.items()]
        found = {}
        for name, pid in [*named, *(("worker", pid) for pid in self.workers)]:
            key = f"{name} {pid}"
            born = self._first_seen.setdefault(key, time.monotonic())
            with contextlib.suppress(OSError):
                found[key] = measure(pid, time.monotonic() - born)
                self.history[key].append(found[key])
        return found

    def num_counted(self) -> int:
        return len(results(self.journal)) if self.journal.exists() else 0

    def finish(self) -> None:
        """The trainer is done and has sent the workers home; the node is told to stop."""
        assert self.running["pool"].wait(30.0) == 0
        self.running["node"].terminate()
        assert self.running["node"].wait(30.0) == 0

    def left_behind(self) -> list[str]:
        """Processes that name the folder, and sockets in it."""
        found = [str(path) for path in self.folder.iterdir() if path.is_socket()]
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if str(self.folder).encode() in command.read_bytes():
                    found.append(f"{command}: {command.read_bytes().decode()}")
        return found


def _here(folder: Path) -> dict[str, Site]:
    listening = {name: Site(f"ipc://{folder}/{name}") for name in ("trainer", "node")}
    return {**listening, "pool": Site(options=("--codec", "shared"))}


def measure(pid: int, age_s: float) -> Measure:
    """Of a process now. Raises `OSError` if it is gone."""
    where = Path(f"/proc/{pid}")
    cpu_s = int((where / "stat").read_text().rpartition(")")[2].split()[11]) / TICKS_A_SECOND
    pages = int((where / "statm").read_text().split()[1])
    return Measure(age_s, cpu_s, pages * PAGE_BYTES, len(os.listdir(where / "fd")))


@contextlib.contextmanager
def line(
    folder: Path,
    num_tickets: int,
    pause_s: float = 0.0,
    sites: dict[str, Site] | None = None,
    start: Sequence[str] = NAMES,
) -> Iterator[Line]:
    """Those of `start` started; all killed at the end if they have not ended. `pause_s` is the trainer's after each
    group."""
    folder.mkdir()
    one = Line(folder, num_tickets, pause_s, sites)
    try:
        for name in start:
            one.start(name)
        yield one
    finally:
        for process in one.running.values():
            process.kill()
            process.wait()


def monkey(one: Line, chance: random.Random, deadly: bool = True) -> None:
    """One misfortune; those who are frozen wake up before the next. Unless `deadly`, nobody dies."""
    victims = one.workers

    def freeze(pid: int, seconds: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    def kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    freezes: list[Callable[[], None]] = [
        lambda: freeze(chance.choice(victims), 0.5),
        lambda: freeze(chance.choice(victims), 3.0),  # longer than the trainer's patience
        lambda: freeze(one.running["trainer"].pid, 1.5),
        lambda: freeze(one.running["node"].pid, 1.5),
    ]
    deaths: list[Callable[[], None]] = [
        lambda: kill(chance.choice(victims)),
        lambda: kill(chance.choice(victims)),
        lambda: one.restart("node"),
        lambda: one.restart("trainer"),
        lambda: one.restart("pool"),
    ]
    if victims:
        chance.choice(freezes + deaths if deadly else freezes)()


def results(journal: Path) -> list[tuple[int, str]]:
    """(index, digest) of each group that the trainer counted, in that order."""
    lines = [row.split() for row in journal.read_text().splitlines()]
    return [(int(index), digest) for index, digest in lines]


def growth(history: list[Measure]) -> int:
    """Bytes by which a process grew after it was warm."""
    warm = [one.memory for one in history if one.cpu_s > WARM_S]
    return warm[-1] - warm[0] if warm else 0
