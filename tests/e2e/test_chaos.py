"""Workers, node, pool and trainer are killed and frozen at random while thousands of tickets run; nothing may be lost.

monkey ──kill -9, SIGSTOP, restart──▶ trainer, node, pool, workers
journal of the trainer: every ticket once, each with the result of an undisturbed run
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import processes

NUM_TICKETS, NUM_WORKERS = 5000, 3
PAUSE_S = 0.005  # of the trainer after each group: it is the slow consumer, and the run lasts most of a minute
PATIENCE_S = 240.0
PAGE_BYTES, TICKS_A_SECOND = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
GROWTH_BYTES = 40 << 20
WARM_S = 2.0  # of its computing that are not looked at: a process loads and compiles


class Line:
    """Trainer, node and pool, each of which can be started anew."""

    def __init__(self, folder: Path, num_tickets: int, pause_s: float) -> None:
        self.folder, self.journal = folder, folder / "journal"
        trainer, node = f"ipc://{folder}/trainer", f"ipc://{folder}/node"
        self.commands = {
            "trainer": ["tests.chaos_trainer", trainer, str(self.journal), str(num_tickets), str(pause_s)],
            "node": ["g1train.inference.node", "--player", "random", "--bind", node],
            "pool": ["engine.pool", "--trainer", trainer, "--node", node, "--workers", str(NUM_WORKERS)]
            + ["--capacity", "16", "--codec", "shared"],
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.memory: dict[str, list[tuple[float, int]]] = defaultdict(list)

    def start(self, name: str) -> None:
        command = self.commands[name]
        if name != "trainer":
            command = [*command, "--parent", str(os.getpid())]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log)

    def restart(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)

    @property
    def workers(self) -> list[int]:
        with contextlib.suppress(OSError):
            return processes.children(self.running["pool"].pid)
        return []

    def measure(self) -> None:
        """Memory of every process, and how long it has computed."""
        named = {name: process.pid for name, process in self.running.items()}
        for name, pid in [*named.items(), *(("worker", pid) for pid in self.workers)]:
            with contextlib.suppress(OSError):
                seconds = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]) / TICKS_A_SECOND
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                self.memory[f"{name} {pid}"].append((seconds, pages * PAGE_BYTES))

    def finish(self) -> None:
        """The trainer is done and has sent the workers home; the node is told to stop."""
        assert self.running["pool"].wait(30.0) == 0
        self.running["node"].terminate()
        assert self.running["node"].wait(30.0) == 0


@contextlib.contextmanager
def line(folder: Path, pause_s: float, num_tickets: int = NUM_TICKETS) -> Iterator[Line]:
    folder.mkdir()
    one = Line(folder, num_tickets, pause_s)
    try:
        for name in one.commands:
            one.start(name)
        yield one
    finally:
        for process in one.running.values():
            process.kill()
            process.wait()


def monkey(one: Line, chance: random.Random) -> None:
    """One misfortune; those who are frozen wake up before the next."""
    victims = one.workers

    def freeze(pid: int, seconds: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    def kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    deeds: list[Callable[[], None]] = [
        lambda: kill(chance.choice(victims)),
        lambda: kill(chance.choice(victims)),
        lambda: freeze(chance.choice(victims), 0.5),
        lambda: freeze(chance.choice(victims), 3.0),  # longer than the trainer's patience
        lambda: freeze(one.running["trainer"].pid, 1.5),
        lambda: freeze(one.running["node"].pid, 1.5),
        lambda: one.restart("node"),
        lambda: one.restart("trainer"),
        lambda: one.restart("pool"),
    ]
    if victims:
        chance.choice(deeds)()


def results(journal: Path) -> list[tuple[int, str]]:
    lines = [row.split() for row in journal.read_text().splitlines()]
    return [(int(index), digest) for index, digest in lines]


def left_behind(folder: Path) -> list[str]:
    """Processes that name the folder, and sockets in it."""
    found = [str(path) for path in folder.iterdir() if path.is_socket()]
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in command.read_bytes():
                found.append(f"{command}: {command.read_bytes().decode()}")
    return found


def growth(samples: list[tuple[float, int]]) -> int:
    """Bytes by which a process grew after it was warm."""
    warm = [size for seconds, size in samples if seconds > WARM_S]
    return warm[-1] - warm[0] if warm else 0


@pytest.mark.parametrize("seed", [1])
def test_every_ticket_exactly_once_whatever_happens(tmp_path: Path, seed: int) -> None:
    shared_before = set(os.listdir("/dev/shm"))
    with line(tmp_path / "calm", 0.0) as calm:
        assert calm.running["trainer"].wait(PATIENCE_S) == 0
        calm.finish()
    chance, deadline, num_deeds = random.Random(seed), time.monotonic() + PATIENCE_S, 0
    with line(tmp_path / "storm", PAUSE_S) as storm:
        processes.eventually(lambda: storm.journal.exists() and len(results(storm.journal)) > 50)
        while storm.running["trainer"].poll() is None:
            assert time.monotonic() < deadline, (storm.folder / "trainer.log").read_text()[-2000:]
            storm.measure()
            if len(results(storm.journal)) < 0.97 * NUM_TICKETS:
                monkey(storm, chance)
                num_deeds += 1
            time.sleep(chance.uniform(0.3, 1.2))
        assert storm.running["trainer"].returncode == 0
        storm.finish()
    expected, came = dict(results(calm.journal)), results(storm.journal)
    assert sorted(index for index, _ in came) == list(range(NUM_TICKETS)) == sorted(expected)
    assert dict(came) == expected
    assert num_deeds >= 10
    grown = {name: growth(samples) for name, samples in storm.memory.items()}
    assert max(grown.values()) < GROWTH_BYTES, grown
    assert left_behind(tmp_path / "storm") == left_behind(tmp_path / "calm") == []
    assert {name for name in os.listdir("/dev/shm") if "g1" in name} <= shared_before
