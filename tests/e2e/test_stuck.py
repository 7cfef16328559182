"""Nobody holds tickets hostage: workers without a node, nodes that beat but never answer, workers that only beat."""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.errors import WorkerError
from engine.net import wire
from engine.net.process import Stop
from engine.rollout.worker import Worker
from engine.ticket import GameSpec
from g1train.inference.node import serve
from g1train.inference.scripted import Scripted
from g1train.tickets import dispatch
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import groups, processes
from tests.foreign import JOIN, connected

GAME = OneGame(GameSpec("2048", {"tile_px": 28, "strip": False}), num_moves=20)
DEADLINE_S = 60.0
TICKETS = group_tickets(3, "stuck", 0, 40, [GAME], num_samples=3)
Notices = list[str]


def paid(some: Sequence[wire.Group]) -> list[tuple[int, list[wire.Score]]]:
    return [(group.index, group.rounds[0].scores) for group in some]


@pytest.fixture
def notices() -> Notices:
    return []


@pytest.fixture
def dispatcher(tmp_path: Path, notices: Notices) -> Iterator[Dispatcher]:
    with Dispatcher(f"ipc://{tmp_path}/trainer", on_notice=notices.append) as one:
        yield one


@contextlib.contextmanager
def worker(dispatcher: Dispatcher, node: str, name: str) -> Iterator[Worker]:
    """In a thread of this process; it is told to drain at the end."""
    one = Worker(dispatcher.address, node, name)
    thread = threading.Thread(target=one.run, args=[Stop()])
    thread.start()
    try:
        yield one
    finally:
        one.draining = True
        one.node.clear()
        one._plays.clear()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


class Frozen(Scripted):
    """A node whose engine answers nothing of the first `num_lost` asks, while the node itself beats on."""

    def __init__(self, num_lost: int) -> None:
        super().__init__("random")
        self.num_lost = num_lost

    async def generate(self, ask: wire.Ask, images: list[Any]) -> tuple[bytes, list[wire.Sample]]:
        if self.num_lost:
            self.num_lost -= 1
            await asyncio.Event().wait()
        return await super().generate(ask, images)


@contextlib.contextmanager
def serving(backend: Scripted, address: str) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(backend, address, handle_signals=False))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(DEADLINE_S)


def test_a_worker_without_a_node_gives_its_tickets_back(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.rollout.worker.NODE_PATIENCE_S", 1.0)
    nowhere, node = f"ipc://{tmp_path}/nowhere", f"ipc://{tmp_path}/node"
    with caplog.at_level(logging.WARNING, "g1"), worker(dispatcher, nowhere, "cut off"):
        dispatcher.submit(TICKETS)
        processes.eventually(lambda: dispatcher.stats.pending < len(TICKETS))
        processes.eventually(lambda: dispatcher.stats.pending == len(TICKETS))
        assert re.search(rf"cut off reports: no node at {nowhere} for \d s: 32 tickets go back", caplog.text)
        with processes.node(node, "random"), worker(dispatcher, node, "healthy"):
            assert paid(dispatcher.gather(TICKETS, deadline_s=DEADLINE_S)) == paid(groups.played(TICKETS))
        assert not dispatcher.stats.failures
        with processes.node(nowhere, "random"):  # there at last
            assert len(dispatcher.play(TICKETS, deadline_s=DEADLINE_S)) == len(TICKETS)


def test_answers_that_stay_away_are_asked_for_on_a_new_connection(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.rollout.asker.FIRST_LIMIT_S", 1.0)
    monkeypatch.setattr("engine.rollout.asker.LEAST_LIMIT_S", 1.0)
    node = f"ipc://{tmp_path}/node"
    with (
        caplog.at_level(logging.WARNING, "g1"),
        serving(Frozen(num_lost=5), node),
        worker(dispatcher, node, "worker"),
    ):
        assert paid(dispatcher.play(TICKETS, deadline_s=DEADLINE_S)) == paid(groups.played(TICKETS))
    assert f"worker reports: the node at {node} beats, but it has owed" in caplog.text


def test_a_frozen_engine_is_told_at_the_trainer(
    tmp_path: Path, dispatcher: Dispatcher, notices: Notices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "QUIET_S", 2.0)
    node = f"ipc://{tmp_path}/node"
    with serving(Frozen(num_lost=1000), node), worker(dispatcher, node, "worker"):
        with pytest.raises(WorkerError):
            dispatcher.play(TICKETS, deadline_s=5.0)
        assert "32 tickets are out and 8 wait" in notices[0]
        assert "waits for 32 answers of its node" in notices[0]


def test_a_worker_that_only_beats_holds_nobody_up(
    tmp_path: Path, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("g1train.tickets.ledger.LEAST_LIMIT_S", 2.0)
    node = f"ipc://{tmp_path}/node"
    stop = threading.Event()
    with connected(dispatcher.address) as beating:

        def beat() -> None:
            while not stop.wait(0.5):
                beating.say({"type": "beat"})

        beating.say(JOIN, {"type": "pull", "credit": 20})
        assert beating.hear()["type"] == "welcome"
        dispatcher.submit(TICKETS)
        assert len(beating.hear()["tickets"]) == 20
        thread = threading.Thread(target=beat)
        thread.start()
        with (
            caplog.at_level(logging.WARNING, "g1"),
            processes.node(node, "random"),
            worker(dispatcher, node, "healthy"),
        ):
            began = time.monotonic()
            assert len(dispatcher.gather(TICKETS, deadline_s=DEADLINE_S)) == len(TICKETS)
            assert time.monotonic() - began < 30
            assert dispatcher.stats.workers == 2
        stop.set()
        thread.join()
    assert "worker foreign has held 20 tickets for up to" in caplog.text
    assert "worker healthy plays them too" in caplog.text
