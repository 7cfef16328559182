"""Node and pool as children of `g1 train`: started, started again when they die, ended together.

    g1 train ─┬─ g1 serve   output in <run>/node.log, its last lines shown if it dies
              └─ g1 pool    output in <run>/pool.log and, line by line, on the console

They talk over Unix sockets in a temporary folder, so no port can be taken and nothing is open to other machines.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import WorkerError
from engine.net.child import Child
from engine.net.process import MENDABLE_STATUS
from g1train.run import scratch

READY = "node ready at "
MAX_DEATHS = 4  # while the run makes no progress


class Service:
    """A child that is wanted from `start` on, and started again until it has died too often."""

    def __init__(self, child: Child, say: Callable[[str], None]) -> None:
        self.child, self._say = child, say
        self.wanted, self._deaths = False, 0

    def start(self) -> None:
        """Start it, unless it was."""
        if not self.wanted:
            self.wanted = True
            self.child.start(quiet_threads())

    def look_after(self) -> bool:
        """Start it again if it died, and say so. Raises `WorkerError` for one that keeps dying, or says that a person
        has to mend something."""
        child = self.child
        if not self.wanted or child.alive:
            return False
        epitaph = child.epitaph()
        by_itself = (child.status or 0) > 0
        self._deaths += 2 if by_itself and not child.ready else 1  # the next would hardly get any further
        if child.status == MENDABLE_STATUS or self._deaths >= MAX_DEATHS:
            raise WorkerError(epitaph)
        self._start_again(epitaph)
        return True

    def restart(self, why: str) -> None:
        """Kill it, although it lives, and start it again. Raises `WorkerError` as `look_after` does."""
        self._deaths += 1
        if self._deaths >= MAX_DEATHS:
            raise WorkerError(f"{self.child.name} {why}, and so did {MAX_DEATHS - 1} before it")
        self.child.kill()
        self._start_again(f"{self.child.name} {why}; it is killed")

    def served(self) -> None:
        """It did what it is for: earlier deaths count no more."""
        self._deaths = 0

    def _start_again(self, why: str) -> None:
        self._say(f"{why}\nstarting it again")
        self.child.start(quiet_threads())


class Services:
    """The node and pool of one run on this machine. `model` is what the node begins with; where the pool is to ask a
    node of others, at `node_address`, ours is not to be started."""

    def __init__(
        self,
        run_folder: Path,
        model: Path,
        num_workers: int,
        capacity: int,
        say: Callable[[str], None],
        node_address: str = "",
    ) -> None:
        self._scratch = scratch.Scratch("g1-", scratch.temporary())
        self.trainer_address = f"ipc://{self._scratch.path}/trainer"
        self.node_address = node_address or f"ipc://{self._scratch.path}/node"
        serve = ["serve", str(run_folder / "config.toml"), "--model", str(model), "--bind", self.node_address]
        play = ["pool", "--trainer", self.trainer_address, "--node", self.node_address]
        play += ["--workers", str(num_workers), "--capacity", str(capacity), "--wait", "0"]
        node = Child("g1 serve", _g1(serve), READY, log=run_folder / "node.log")
        pool = Child("g1 pool", _g1(play), show=say, log=run_folder / "pool.log")
        self.node, self.pool = Service(node, say), Service(pool, say)

    def look_after(self) -> None:
        """Start again what died. Raises `WorkerError` for what keeps dying."""
        self.node.look_after()
        self.pool.look_after()

    def stop(self) -> None:
        """End both and leave nothing behind."""
        for service in (self.pool, self.node):
            service.child.stop()
        self._scratch.remove()

    def kill(self) -> None:
        """End both at once."""
        for service in (self.pool, self.node):
            service.child.kill()


def quiet_threads() -> dict[str, str]:
    """This environment, with OpenMP threads that sleep when they have nothing to do.

    Node and trainer take turns on the same cores; threads that spin while they wait would take the other's time.
    """
    defaults = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", "GOMP_SPINCOUNT": "0"}
    return {**defaults, **os.environ}


def _g1(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "g1train.cli", *arguments, "--parent", str(os.getpid())]
