"""Who plays while a person watches: a scripted player, or a model behind a node of our own.

ask ──▶ agent.answer (in a thread: it may take long) ──▶ sample      agent.status: what it still waits for
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import Protocol, TypeVar

from engine.net import wire
from engine.render.atlas import Atlas
from g1train import config as configs
from g1train.config import Config
from g1train.inference import scripted
from g1train.inference.client import NodeClient
from g1train.run.services import Services

T = TypeVar("T")
ANSWER_WITHIN_S = 600.0
VERSION = 0


class Agent(Protocol):
    """`answer` blocks, everything else returns at once."""

    name: str

    def status(self) -> str:
        """What it does before it can answer, empty once it can. Raises `G1Error` if it never will."""

    def answer(self, ask: wire.Ask, atlas: Atlas | None) -> wire.Sample:
        """One answer. Raises `ValueError` or `G1Error` for why there is none."""

    def stop(self) -> None:
        """End what was started for it."""


class ScriptedAgent:
    """One of the players that need no model. Raises `ValueError` for an unknown one."""

    def __init__(self, name: str) -> None:
        scripted.Scripted(name)
        self.name = name

    def status(self) -> str:
        return ""

    def answer(self, ask: wire.Ask, atlas: Atlas | None) -> wire.Sample:
        return scripted.play(self.name, [ask])[0][0]

    def stop(self) -> None:
        pass


class ModelAgent:
    """A model folder, served by `g1 serve` as a configuration says, from the first look at `status` until `stop`."""

    def __init__(self, name: str, model: Path, config: Config, say: Callable[[str], None]) -> None:
        self.name = name
        self._folder = Path(tempfile.mkdtemp(prefix="g1-watch-"))
        configs.save(config, self._folder / "config.toml")
        self._services = Services(self._folder, model, 0, 0, say)
        self._client = NodeClient(self._services.node_address, name="watch", timeout_s=ANSWER_WITHIN_S)
        self._began, self._confirmed, self._asking = 0.0, False, Lock()

    def status(self) -> str:
        """Raises `WorkerError` with the node's last words if it cannot load the model."""
        if not self._began:
            self._services.node.start()
            self._began = time.monotonic()
        elif self._services.node.look_after():  # it died, and is started again
            self._began, self._confirmed = time.monotonic(), False
        return "" if self._services.node.child.ready else f"loading the model, {time.monotonic() - self._began:.0f} s"

    def answer(self, ask: wire.Ask, atlas: Atlas | None) -> wire.Sample:
        """The node serves nothing until somebody says that its weights are those that are wanted: here they are."""
        with self._asking:
            if not self._confirmed:
                self._client.weight_call("confirm", version=VERSION)
                self._confirmed = True
            return self._client.ask(ask, atlas=atlas).samples[0]

    def stop(self) -> None:
        """A question under way keeps its line, which ends with the process."""
        self._services.stop()
        if self._asking.acquire(blocking=False):
            self._client.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def in_background(work: Callable[[], T]) -> Future[T]:
    """Its result, or its exception; the thread does not outlive the process, however long it takes."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="answer", daemon=True).start()
    return future
