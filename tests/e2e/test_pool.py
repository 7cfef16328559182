"""Trainer, pool and node as real processes: workers and nodes are killed, and every ticket still comes home once."""

import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec
import pytest

from engine.errors import ConnectError, WorkerError
from engine.net import wire
from engine.net.process import Stop
from engine.rollout.worker import Worker
from engine.ticket import GameSpec, Ticket
from g1train.inference.client import NodeClient
from g1train.run.status import Monitor
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, episode_scores, episode_tickets, group_tickets
from tests import chaos, processes

GAME = GameSpec("2048", {"tile_px": 28, "strip": False})
DEADLINE_S = 60.0


def groups_of(num_groups: int, version: int = -1) -> list[Ticket]:
    return group_tickets(7, "test", 0, num_groups, [OneGame(GAME, num_moves=20)], num_samples=3, version=version)


def content(groups: list[wire.Group]) -> list[wire.Group]:
    """Groups without who played them."""
    return [msgspec.structs.replace(group, worker="") for group in groups]


@pytest.fixture
def dispatcher(tmp_path: Path) -> Dispatcher:
    return Dispatcher(f"ipc://{tmp_path}/trainer", run="test")


@pytest.fixture
def node_address(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/node"


def test_every_ticket_once_though_a_worker_is_killed(dispatcher: Dispatcher, node_address: str) -> None:
    tickets = groups_of(200)
    came: list[int] = []
    with dispatcher, processes.node(node_address, "oracle"):
        with processes.pool(dispatcher.address, node_address, num_workers=1) as pool:
            undisturbed = dispatcher.play(tickets, deadline_s=DEADLINE_S)
            pool.terminate()
            assert pool.wait(DEADLINE_S) == 0
        with processes.pool(dispatcher.address, node_address, num_workers=2, capacity=4) as pool:
            processes.eventually(lambda: dispatcher.stats.workers == 2)
            dispatcher.play(groups_of(20), deadline_s=DEADLINE_S)  # both have given credit by now
            first = processes.children(pool)
            os.kill(first[0], signal.SIGSTOP)  # so that it surely holds tickets when it dies

            def kill_one(group: wire.Group) -> None:
                came.append(group.index)
                if len(came) == 40:
                    processes.kill(first[0])

            disturbed = dispatcher.play(tickets, kill_one, DEADLINE_S)
            processes.eventually(lambda: dispatcher.stats.workers == 2)
            assert first[0] not in processes.children(pool)
            assert first[1] in processes.children(pool)
    assert sorted(came) == list(range(200))
    assert [group.index for group in disturbed] == list(range(200))
    assert content(disturbed) == content(undisturbed)
    assert dispatcher.stats.groups == 420
    assert dispatcher.stats.reissued >= 4
    assert dispatcher.outstanding == []


def test_episodes_go_on_after_a_node_was_restarted(dispatcher: Dispatcher, node_address: str) -> None:
    tickets = episode_tickets(7, "test", num_episodes=12, game=GAME, num_turns=40)
    branched = [msgspec.structs.replace(ticket, num_samples=2) for ticket in tickets]
    with dispatcher, processes.pool(dispatcher.address, node_address, num_workers=1, capacity=2):
        with processes.node(node_address, "random"):
            undisturbed = dispatcher.play(branched, deadline_s=DEADLINE_S)
        with processes.node(node_address, "random") as node:
            killed: list[int] = []

            def kill_node(group: wire.Group) -> None:
                if not killed:
                    killed.append(group.index)
                    node.kill()

            dispatcher.submit(branched)
            first = dispatcher.gather(branched[:1], kill_node, DEADLINE_S)
        with processes.node(node_address, "random"):
            rest = dispatcher.gather(branched[1:], deadline_s=DEADLINE_S)
    assert content(first + rest) == content(undisturbed)
    assert {one.turn for group in undisturbed for one in group.rounds} == set(range(40))
    siblings = [[one.samples[0].text for one in undisturbed[0].rounds if one.sibling == k] for k in (0, 1)]
    assert siblings[0] != siblings[1]
    assert len(episode_scores(undisturbed)) == 24


def test_they_may_start_in_any_order(tmp_path: Path) -> None:
    orders = list(itertools.permutations(chaos.NAMES))
    with ExitStack() as stack:
        lines = [stack.enter_context(chaos.line(tmp_path / "".join(order), 30, start=order[:1])) for order in orders]
        for place in (1, 2):
            time.sleep(1.5)
            for one, order in zip(lines, orders, strict=True):
                one.start(order[place])
        for one in lines:
            assert one.running["trainer"].wait(DEADLINE_S) == 0
            one.finish()
    first, *others = (sorted(chaos.results(one.journal)) for one in lines)
    assert len(first) == 30
    assert all(other == first for other in others)


def test_asks_wait_for_the_policy_version_that_they_want(dispatcher: Dispatcher, node_address: str) -> None:
    tickets = groups_of(6, version=3)
    with (
        dispatcher,
        processes.node(node_address, "greedy"),
        processes.pool(dispatcher.address, node_address, num_workers=1),
        NodeClient(node_address) as client,
    ):
        with pytest.raises(WorkerError, match=r"0 of 6 tickets were played within 0\.5 s"):
            dispatcher.play(tickets, deadline_s=0.5)
        assert len(dispatcher.outstanding) == 6
        client.weight_call("confirm", version=3)
        groups = dispatcher.play(tickets, deadline_s=DEADLINE_S)
    assert {one.version for group in groups for one in group.rounds} == {3}


def test_a_ticket_that_raises_is_data_until_the_third_time(
    dispatcher: Dispatcher, node_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = msgspec.structs.replace(groups_of(1)[0], game=GameSpec("2084"))
    with (
        caplog.at_level(logging.ERROR, "g1"),
        dispatcher,
        processes.node(node_address, "oracle"),
        processes.pool(dispatcher.address, node_address, num_workers=1) as pool,
    ):
        with pytest.raises(WorkerError, match=r"(?s)ticket 0: it failed 3 times.*did you mean '2048'"):
            dispatcher.play([bad], deadline_s=DEADLINE_S)
        workers = processes.children(pool)
        assert len(dispatcher.play(groups_of(4), deadline_s=DEADLINE_S)) == 4
        assert processes.children(pool) == workers
    assert dispatcher.stats.failures == 3


def test_a_ticket_that_keeps_failing_is_set_aside_and_the_others_are_played(
    dispatcher: Dispatcher, node_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    tickets = groups_of(10)
    tickets[3] = msgspec.structs.replace(tickets[3], game=GameSpec("2084"))
    aside: dict[int, str] = {}
    with (
        caplog.at_level(logging.ERROR, "g1"),
        dispatcher,
        processes.node(node_address, "oracle"),
        processes.pool(dispatcher.address, node_address, num_workers=1),
    ):
        groups = dispatcher.play(
            tickets, deadline_s=DEADLINE_S, on_failed=lambda ticket, reason: aside.update({ticket.index: reason})
        )
    assert [group.index for group in groups] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert list(aside) == [3]
    assert "Traceback" in aside[3]
    assert "did you mean '2048'" in aside[3]
    assert dispatcher.outstanding == []


def test_what_is_too_long_for_a_parcel_is_a_failure(
    dispatcher: Dispatcher, node_address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    long, short = (episode_tickets(1, "test", 1, GAME, turns, first_index=turns)[0] for turns in (99, 3))
    many_pixels = GameSpec("2048", {"tile_px": 56, "strip": False})
    big = episode_tickets(1, "test", 1, many_pixels)[0]
    aside: dict[int, str] = {}
    with caplog.at_level(logging.ERROR, "g1"), dispatcher, processes.node(node_address, "oracle"):
        monkeypatch.setattr(wire, "MAX_PARCEL_BYTES", 80_000)
        worker = Worker(dispatcher.address, node_address, "in this process")
        thread = threading.Thread(target=worker.run, args=[Stop()])
        thread.start()
        (group,) = dispatcher.play(
            [long, big, short], deadline_s=DEADLINE_S, on_failed=lambda ticket, why: aside.update({ticket.index: why})
        )
        dispatcher.drain_workers()
        thread.join(DEADLINE_S)
    assert group.index == short.index
    assert "is too long to be sent; the limit is 80000; let the ticket have fewer turns" in aside[long.index]
    assert "the Atlas of" in aside[big.index]
    assert "is too long to be sent; the limit is 80000" in aside[big.index]


@pytest.mark.parametrize("codec", ["shared", "lz4", "pixels"])
def test_frames_in_any_codec_give_the_same_groups(dispatcher: Dispatcher, node_address: str, codec: str) -> None:
    tickets = groups_of(8)
    with dispatcher, processes.node(node_address, "random"):
        with processes.pool(dispatcher.address, node_address, 1) as pool:
            expected = dispatcher.play(tickets, deadline_s=DEADLINE_S)
            pool.terminate()  # so that it says goodbye
            assert pool.wait(DEADLINE_S) == 0
        with processes.pool(dispatcher.address, node_address, 1, 4, "--codec", codec):
            assert content(dispatcher.play(tickets, deadline_s=DEADLINE_S)) == content(expected)


def test_what_a_worker_died_of_is_told_at_the_trainer(
    dispatcher: Dispatcher, node_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "g1"),
        dispatcher,
        processes.pool(dispatcher.address, node_address, num_workers=1) as pool,
    ):
        processes.eventually(lambda: dispatcher.stats.workers == 1)
        (worker,) = processes.children(pool)
        os.kill(worker, signal.SIGSEGV)
        name = f"{socket.gethostname()}-{pool.pid}/0"
        processes.eventually(lambda: f"{name} reports: its process ended with status -11" in caplog.text)


def test_a_node_answers_what_it_has_before_it_leaves(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/node"
    for num_signals, takes_ms in ((1, 1500), (2, 20_000)):
        ask = wire.Ask(0, [wire.Turn("")], 1, takes_ms, 1.0, 1)
        with processes.started("tests.digests", address) as node, NodeClient(address, timeout_s=DEADLINE_S) as client:
            client.join()
            with ThreadPoolExecutor() as threads, Monitor("ipc:///nowhere", address) as monitor:
                answer = threads.submit(client.ask, ask, 10.0)
                processes.eventually(partial(is_asking, monitor))
                for _ in range(num_signals):
                    node.terminate()
                    time.sleep(0.2)
                if num_signals == 1:
                    assert answer.result().samples[0].text == ""
                else:
                    with pytest.raises(ConnectError):
                        answer.result()
            assert node.wait(DEADLINE_S) == 0


def is_asking(monitor: Monitor) -> bool:
    """Is exactly one ask under way?"""
    report = monitor.look(0.5)["node"]
    return report is not None and report.gauges["asks_in_flight"] == 1


def test_interrupt_and_restart_of_the_trainer(tmp_path: Path, node_address: str) -> None:
    tickets, address = groups_of(30), f"ipc://{tmp_path}/trainer"

    def interrupt(group: wire.Group) -> None:
        raise KeyboardInterrupt

    with processes.node(node_address, "oracle"), processes.pool(address, node_address, num_workers=1):
        with Dispatcher(address) as dispatcher:
            with pytest.raises(KeyboardInterrupt):
                dispatcher.play(tickets, interrupt, DEADLINE_S)
            assert dispatcher.outstanding == tickets
            before = dispatcher.play(dispatcher.outstanding, deadline_s=DEADLINE_S)
            dispatcher.submit(tickets)
        with Dispatcher(address) as restarted:
            after = restarted.play(tickets, deadline_s=DEADLINE_S)
    assert content(after) == content(before)


def test_pool_drains_and_takes_its_workers_along(dispatcher: Dispatcher, node_address: str) -> None:
    with dispatcher, processes.node(node_address, "oracle"):
        with processes.pool(dispatcher.address, node_address, num_workers=2) as pool:
            processes.eventually(lambda: dispatcher.stats.workers == 2)
            pool.terminate()
            assert pool.wait(DEADLINE_S) == 0
            processes.eventually(lambda: dispatcher.stats.workers == 0)
        with processes.pool(dispatcher.address, node_address, num_workers=1) as pool:
            processes.eventually(lambda: dispatcher.stats.workers == 1)
            dispatcher.drain_workers()
            assert pool.wait(DEADLINE_S) == 0
        with processes.pool(dispatcher.address, node_address, num_workers=2) as pool:
            processes.eventually(lambda: len(processes.children(pool)) == 2)
            workers = processes.children(pool)
            pool.kill()
            processes.eventually(lambda: not any(processes.alive(pid) for pid in workers))


def test_a_worker_that_somebody_else_ends_is_started_again(dispatcher: Dispatcher, node_address: str) -> None:
    with (
        dispatcher,
        processes.node(node_address, "oracle"),
        processes.pool(dispatcher.address, node_address, num_workers=2) as pool,
    ):
        processes.eventually(lambda: dispatcher.stats.workers == 2)
        before = processes.children(pool)
        os.kill(before[0], signal.SIGTERM)
        processes.eventually(lambda: len(set(processes.children(pool)) - set(before)) == 1)
        processes.eventually(lambda: dispatcher.stats.workers == 2)
        assert pool.poll() is None


def test_two_workers_of_one_name_play_side_by_side(dispatcher: Dispatcher, node_address: str) -> None:
    arguments = ("engine.rollout.worker", "--trainer", dispatcher.address, "--node", node_address, "--name", "twin")
    with (
        dispatcher,
        processes.node(node_address, "oracle"),
        processes.started(*arguments, "--parent", str(os.getpid())),
        processes.started(*arguments, "--parent", str(os.getpid())) as second,
    ):
        processes.eventually(lambda: dispatcher.stats.workers == 2)
        assert len(dispatcher.play(groups_of(300), deadline_s=DEADLINE_S)) == 300
        report = dispatcher.report()
        assert sorted(peer.name for peer in report.peers) == ["twin", "twin~2"]
        assert (report.counts["joins"], dispatcher.stats.reissued) == (2, 0)
        second.kill()
        processes.eventually(lambda: dispatcher.stats.workers == 1)


def test_a_second_signal_stops_at_once(dispatcher: Dispatcher, node_address: str) -> None:
    with (
        dispatcher,
        processes.started("tests.digests", node_address),  # it takes a ticket's seed for how long to think
        Monitor(dispatcher.address, node_address) as monitor,
        processes.pool(dispatcher.address, node_address, num_workers=1) as pool,
    ):
        dispatcher.submit(groups_of(1))
        processes.eventually(partial(is_asking, monitor))
        pool.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            pool.wait(0.5)
        pool.terminate()
        assert pool.wait(DEADLINE_S) == 130


def test_without_a_node_a_pool_leaves_its_tickets_to_others(dispatcher: Dispatcher, node_address: str) -> None:
    with dispatcher, processes.pool(dispatcher.address, node_address, num_workers=1) as pool:
        dispatcher.submit(groups_of(2))
        processes.eventually(lambda: dispatcher.stats.workers == 1 and dispatcher.stats.pending == 0)
        pool.terminate()
        assert pool.wait(DEADLINE_S) == 0
        processes.eventually(lambda: dispatcher.stats.pending == 2)


def test_a_busy_port_is_one_line() -> None:
    with Dispatcher("tcp://127.0.0.1:0") as dispatcher:
        command = [sys.executable, "-m", "g1train.inference.node", "--bind", dispatcher.address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen at {dispatcher.address}: Address already in use" in ended.stderr


def test_nobody_listens_to_the_network_without_keys() -> None:
    command = [sys.executable, "-m", "g1train.inference.node", "--bind", "tcp://0.0.0.0:0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 2
    assert "needs keys" in ended.stderr
