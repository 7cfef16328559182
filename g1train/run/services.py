"""Node and pool as children of `g1 train`: started, watched, ended together.

    g1 train ─┬─ g1 serve   output in <run>/node.log, its last lines shown if it dies
              └─ g1 pool    output in <run>/pool.log and, line by line, on the console

They talk over Unix sockets in a temporary folder, so no port can be taken and nothing is open to other machines.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import WorkerError

STOP_WITHIN_S = 20.0
NUM_LAST_LINES = 15
READY = "node ready at "


class Child:
    """One process of ours; its output goes to a log file and, if asked for, to `show`."""

    def __init__(self, name: str, command: Sequence[str], log: Path, show: Callable[[str], None] | None = None) -> None:
        self.name, self.log, self._show = name, log, show
        self.last_lines: deque[str] = deque(maxlen=NUM_LAST_LINES)
        self._ready = threading.Event()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=quiet_threads(),
            start_new_session=True,  # Ctrl-C reaches us alone; we end our children ourselves
        )
        self._reader = threading.Thread(target=self._read, name=f"{name}-output", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Is it running?"""
        return self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Has it said that it is ready?"""
        return self._ready.is_set()

    def epitaph(self) -> str:
        """Why it is gone, with the last things it said."""
        self._reader.join(timeout=2.0)
        said = "\n".join(self.last_lines)
        return f"{self.name} ended with status {self.process.returncode}; it said (all of it in {self.log}):\n{said}"

    def stop(self) -> None:
        """End it and what it started; what it says of that goes to its log alone."""
        self._show = None
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(timeout=2.0)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output, self.log.open("a") as file:
            for line in output:
                file.write(line)
                file.flush()
                self.last_lines.append(line.rstrip())
                if line.startswith(READY):
                    self._ready.set()
                if self._show is not None:
                    self._show(line.rstrip())


class Services:
    """The node and pool of one run on this machine."""

    MAX_NODE_DEATHS = 4  # each within `HEALTHY_S` of its start
    HEALTHY_S = 600.0

    def __init__(self, run_folder: Path, num_workers: int, capacity: int, show: Callable[[str], None]) -> None:
        self._folder = run_folder
        self._sockets = Path(tempfile.mkdtemp(prefix="g1-"))
        self._num_workers, self._capacity, self._show = num_workers, capacity, show
        self._node_model: Path | None = None
        self._node: Child | None = None
        self._node_started = 0.0
        self._pool: Child | None = None
        self._node_deaths = 0
        self.trainer_address = f"ipc://{self._sockets}/trainer"
        self.node_address = f"ipc://{self._sockets}/node"

    def start_node(self, model: Path) -> None:
        """Start `g1 serve` with the run's configuration and the given model folder."""
        self._node_model = model
        config = str(self._folder / "config.toml")
        command = ["serve", config, "--model", str(model), "--bind", self.node_address]
        self._node = Child("g1 serve", _g1(*command), self._folder / "node.log")
        self._node_started = time.monotonic()

    def start_pool(self) -> None:
        """Start `g1 pool`, unless it runs."""
        if self._pool is not None:
            return
        command = ["pool", "--trainer", self.trainer_address, "--node", self.node_address]
        command += ["--workers", str(self._num_workers), "--capacity", str(self._capacity)]
        self._pool = Child("g1 pool", _g1(*command), self._folder / "pool.log", self._show)

    def check(self) -> bool:
        """Start a node again that died, and say so. Raises `WorkerError` if the pool died or the node keeps dying."""
        if self._pool is not None and not self._pool.alive:
            raise WorkerError(self._pool.epitaph())
        if self._node is None or self._node.alive or self._node_model is None:
            return False
        epitaph = self._node.epitaph()
        healthy = time.monotonic() - self._node_started > self.HEALTHY_S
        self._node_deaths = 1 if healthy else self._node_deaths + 1
        if self._node_deaths >= self.MAX_NODE_DEATHS or not self._node.ready:
            raise WorkerError(epitaph)  # one that never got as far as serving would not the next time either
        self._show(f"{epitaph}\nstarting it again")
        self.start_node(self._node_model)
        return True

    @property
    def node_ready(self) -> bool:
        """Does the node listen and serve?"""
        return self._node is not None and self._node.ready

    def stop(self) -> None:
        """End both and leave nothing behind."""
        for child in (self._pool, self._node):
            if child is not None:
                child.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)


def quiet_threads() -> dict[str, str]:
    """This environment, with OpenMP threads that sleep when they have nothing to do.

    Node and trainer take turns on the same cores; threads that spin while they wait would take the other's time.
    """
    defaults = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"}
    return {**defaults, **os.environ}


def _g1(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "g1train.cli", *arguments, "--parent", str(os.getpid())]
