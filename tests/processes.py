"""Real processes for tests: started from here, killed at the end whatever happens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Process = subprocess.Popen[str]
PATIENCE_S = 60.0


@contextmanager
def started(*arguments: str) -> Iterator[Process]:
    """`python -m arguments...`, its standard output in a pipe."""
    with subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def node(address: str, player: str, *more: str) -> Iterator[Process]:
    """A node of a scripted player that is ready."""
    arguments = ("g1train.inference.node", "--player", player, "--bind", address, "--parent", str(os.getpid()))
    with started(*arguments, *more) as process:
        assert process.stdout is not None
        _bound[process.pid] = process.stdout.readline()
        assert _bound[process.pid].startswith("node ready at ")
        yield process


_bound: dict[int, str] = {}


def address_of(node: Process) -> str:
    """Where a node of ours listens, as this machine dials it."""
    return dialled(_bound[node.pid].split()[3])


def dialled(bound: str) -> str:
    """An address that was bound for all networks, as this machine dials it."""
    return bound.replace("0.0.0.0", "127.0.0.1")


@contextmanager
def pool(trainer: str, node_address: str, num_workers: int, capacity: int = 4, *more: str) -> Iterator[Process]:
    """A supervisor with its workers, which are not waited for."""
    arguments = ("engine.rollout.pool", "--trainer", trainer, "--node", node_address, "--workers", str(num_workers))
    with started(*arguments, "--capacity", str(capacity), "--parent", str(os.getpid()), *more) as process:
        yield process


def children(process: Process | int) -> list[int]:
    pid = process if isinstance(process, int) else process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """A zombie counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def eventually(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until it holds; fails only after a time that no healthy machine needs."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
