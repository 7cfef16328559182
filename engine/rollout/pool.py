"""A pool: a supervisor and its worker processes, which it starts again when they die and takes along when it ends.

    g1 pool ─▶ supervisor ─▶ python -m engine.rollout.worker --name host-4242/0     what they print, with their
                          ─▶ python -m engine.rollout.worker --name host-4242/1 …   names, on stderr

Ctrl-C or SIGTERM: workers finish what they hold and leave; a second one kills them. On kill -9 of the supervisor the
kernel kills the workers.

    python -m engine.rollout.pool --trainer tcp://127.0.0.1:5601 --node tcp://127.0.0.1:5602 --workers 4
"""

import argparse
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import WorkerError
from engine.net import codec, process
from engine.net.child import Child as BaseChild

log = logging.getLogger("g1")
FIRST_PAUSE_S, LAST_PAUSE_S, HEALTHY_S = 0.2, 10.0, 30.0
UNREADY_DEATHS = 5
READY_WITHIN_S = 120.0
LOOK_EVERY_S = 0.05
MAX_LAST_WORDS = 4000  # characters
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Child(BaseChild):
    """One worker process after another, under one name; what it prints goes to stderr."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        super().__init__(name, command, process.READY_LINE, show=self._print)
        self.life = secrets.token_hex(8)  # of all its processes: each takes the place of the last
        self.start_at, self.pause_s = 0.0, FIRST_PAUSE_S
        self.left = False  # it ended because it was told to
        self.unready_deaths = 0
        self.last_words = ""

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        inherited = {process.LAST_WORDS: self.last_words, process.LIFE: self.life}
        super().start({**ONE_THREAD, **inherited, **(environment or {})})

    def _print(self, line: str) -> None:
        print(f"[{self.name}] {line}", file=sys.stderr, flush=True)

    def died(self, status: int) -> None:
        """Decide when to start it again. Raises `WorkerError` for what only a person can mend, and when it has never
        got as far as ready."""
        if status == process.MENDABLE_STATUS and self.last_lines:
            raise WorkerError(self.last_lines[-1].removeprefix("g1 worker: "))
        lived_s = time.monotonic() - self.started
        self.unready_deaths = 0 if self.ready else self.unready_deaths + 1
        if self.unready_deaths >= UNREADY_DEATHS:
            output = "\n".join(self.last_lines)
            raise WorkerError(f"worker {self.name} died {UNREADY_DEATHS} times before it was ready; it said:\n{output}")
        if lived_s >= HEALTHY_S:
            self.pause_s = FIRST_PAUSE_S
        self.postpone(f"ended with status {status}")
        said = "\n".join(self.last_lines)[-MAX_LAST_WORDS:]
        words = f"its process ended with status {status} and was started again; it had said:\n{said}"
        self.last_words = words.replace("\0", "?")  # an environment cannot hold it

    def postpone(self, why: str) -> None:
        """Start it after a pause, which doubles from time to time."""
        log.warning("worker %s %s; starting it again in %.1f s", self.name, why, self.pause_s)
        self.start_at = time.monotonic() + self.pause_s
        self.pause_s = min(2 * self.pause_s, LAST_PAUSE_S)


class Supervisor:
    """`run` keeps the children alive until told to stop, or until all have left on the trainer's word."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.draining = False

    def run(self, stop: process.Stop) -> None:
        try:
            while not all(child.left for child in self.children):
                if stop.asked and not self.draining:
                    self.drain()
                for child in self.children:
                    self._look_after(child)
                time.sleep(LOOK_EVERY_S)
        finally:
            self.kill()

    def drain(self) -> None:
        """Tell the workers to finish what they hold."""
        self.draining = True
        log.info("draining the pool; once more to stop at once")
        for child in self.children:
            if child.running is None:
                child.left = True
            elif child.alive:
                child.running.terminate()

    def kill(self) -> None:
        for child in self.children:
            child.kill()

    def _look_after(self, child: Child) -> None:
        if child.left:
            return
        if child.running is None:
            if time.monotonic() >= child.start_at:
                self._start(child)
        elif child.status is not None:
            self._bury(child, child.status)
        elif not child.ready and time.monotonic() - child.started > READY_WITHIN_S:
            log.warning("worker %s is not ready after %.0f s; killing it", child.name, READY_WITHIN_S)
            child.kill()

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:  # no memory, or too many processes: for now
            child.postpone(f"cannot be started ({error.strerror})")

    def _bury(self, child: Child, status: int) -> None:
        child.listen()
        child.running = None
        if status == 0 or self.draining:
            child.left = True
            if not self.draining:  # the trainer sent it home; one that was just being started would never hear of that
                self.drain()
        else:
            child.died(status)


def worker_command(
    trainer: str,
    node: str,
    name: str,
    capacity: int,
    keys: Path | None = None,
    frames: codec.Setting = "auto",
    wait_s: float = 0.0,
) -> list[str]:
    """The command line of one worker, as `ps` shows it."""
    command = [sys.executable, "-m", "engine.rollout.worker", "--trainer", trainer, "--node", node, "--name", name]
    command += ["--capacity", str(capacity), "--codec", frames, "--wait", str(wait_s)]
    command += ["--parent", str(os.getpid())]
    return command if keys is None else [*command, "--keys", str(keys)]


def run_pool(
    trainer: str,
    node: str,
    num_workers: int,
    *,
    capacity: int = 64,
    keys: Path | None = None,
    frames: codec.Setting = "auto",
    wait_s: float = 0.0,
    name: str = "",
) -> None:
    """Supervise until told to stop; call it from a main thread. Raises `WorkerError` if no worker can be kept alive.

    Workers give up when trainer and node cannot be reached within `wait_s`; 0 waits for ever. `name` is the
    pool's, by default its host and process: its workers are name/0, name/1 and so on.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers is {num_workers}; a pool needs at least one")
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    names = [f"{name}/{number}" for number in range(num_workers)]
    children = [Child(name, worker_command(trainer, node, name, capacity, keys, frames, wait_s)) for name in names]
    supervisor = Supervisor(children)
    supervisor.run(process.Stop(at_once=supervisor.kill))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.rollout.pool", description="Workers under a supervisor.")
    parser.add_argument("--trainer", required=True, help="address that gives out tickets")
    parser.add_argument("--node", required=True, help="address that answers")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--capacity", type=int, default=64, help="tickets that each worker holds at once")
    parser.add_argument("--codec", choices=codec.SETTINGS, default="auto", help="how frames travel to the node")
    parser.add_argument("--keys", type=Path, help="this pool's secret key file, needed beyond loopback")
    parser.add_argument("--parent", type=int, help="process id to die with")
    chosen = parser.parse_args(arguments)
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    with process.reported("g1 pool"):
        run_pool(
            chosen.trainer, chosen.node, chosen.workers, capacity=chosen.capacity, keys=chosen.keys, frames=chosen.codec
        )


if __name__ == "__main__":
    main()
