"""Children of a run: started again when they die or freeze, given up when that does not help; nothing silent."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import ConnectError, TransferError, WorkerError
from engine.net.child import Child
from engine.net.process import MENDABLE_STATUS
from g1train.inference.client import NodeClient
from g1train.run import services, waiting
from g1train.run.services import READY, Service, Services
from g1train.run.waiting import Waiting
from g1train.stages import keeper
from g1train.stages.keeper import Keeper
from tests import processes

FOR_EVER = "print('ready', flush=True); import time; time.sleep(600)"


def service(code: str, said: list[str]) -> Service:
    return Service(Child("it", [sys.executable, "-c", code], "ready"), said.append)


def started(one: Service) -> Service:
    one.start()
    processes.eventually(lambda: one.child.ready)
    return one


def kill(one: Service) -> None:
    assert one.child.running is not None
    processes.kill(one.child.running.pid)
    one.child.running.wait()


def test_what_is_killed_is_started_again_until_it_is_too_often() -> None:
    said: list[str] = []
    one = started(service(FOR_EVER, said))
    assert not one.look_after()
    for _ in range(2):
        for _ in range(services.MAX_DEATHS - 1):
            kill(one)
            assert one.look_after()
            assert one.child.alive
        one.served()
    assert said[0].startswith("it ended with status -9")
    for _ in range(services.MAX_DEATHS - 1):
        kill(one)
        one.look_after()
    kill(one)
    with pytest.raises(WorkerError, match="it ended with status -9"):
        one.look_after()


def test_what_does_not_start_is_tried_twice() -> None:
    said: list[str] = []
    one = service("print('no such thing'); raise SystemExit(1)", said)
    one.start()
    processes.eventually(lambda: not one.child.alive)
    assert one.look_after()
    processes.eventually(lambda: not one.child.alive)
    with pytest.raises(WorkerError, match="no such thing"):
        one.look_after()
    assert len(said) == 1


def test_what_a_person_has_to_mend_is_told_at_once() -> None:
    one = service(f"print('g1: give another port'); raise SystemExit({MENDABLE_STATUS})", [])
    one.start()
    processes.eventually(lambda: not one.child.alive)
    with pytest.raises(WorkerError, match="give another port"):
        one.look_after()


def test_a_frozen_child_and_what_it_started_can_be_killed() -> None:
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOR_EVER!r}]); import time; time.sleep(600)"
    )
    one = started(service(code, []))
    assert one.child.running is not None
    grandchildren = processes.children(one.child.running.pid)
    assert len(grandchildren) == 1
    os.kill(one.child.running.pid, signal.SIGSTOP)
    one.child.kill()
    processes.eventually(lambda: not processes.alive(grandchildren[0]))


def test_what_a_child_started_ends_with_it_however_that_ends() -> None:
    """As vLLM's engine, which cannot tell that its node is gone while it waits for it to say hello."""
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {FOR_EVER!r}]); import time; time.sleep(600)"
    )
    one = started(service(code, []))
    assert one.child.running is not None
    (grandchild,) = processes.children(one.child.running.pid)
    processes.kill(one.child.running.pid)
    processes.eventually(lambda: not one.child.alive)
    assert one.child.status == -signal.SIGKILL
    processes.eventually(lambda: not processes.alive(grandchild))


def test_a_wait_is_told_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_WORD_S", 0.1)
    monkeypatch.setattr(waiting, "WORD_EVERY_S", 0.1)
    said: list[str] = []
    one = Waiting("Godot", said.append)
    one.tick("he is late")
    assert said == []
    for _ in range(2):
        time.sleep(0.11)
        one.tick("he is late")
        one.tick("he is late")
    assert said == ["waiting for Godot for 0 s: he is late"] * 2


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Services, NodeClient, Keeper, list[str]]]:
    """A scripted node that is ours, and its keeper."""
    said: list[str] = []
    both = Services(tmp_path, tmp_path, 1, 1, said.append)
    command = ["-m", "g1train.inference.node", "--player", "oracle", "--bind", both.node_address]
    node = Child("g1 serve", [sys.executable, *command, "--parent", str(os.getpid())], READY)
    both.node = Service(node, said.append)
    with NodeClient(both.node_address, timeout_s=20.0, say=said.append) as client:
        both.node.start()
        yield both, client, Keeper(client, both, said.append), said
        both.kill()
        both.stop()


def test_a_node_that_stays_frozen_is_killed_and_started_again(
    kept: tuple[Services, NodeClient, Keeper, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    both, _, one, said = kept
    monkeypatch.setattr(keeper, "FROZEN_S", 6.0)
    monkeypatch.setattr(waiting, "FIRST_WORD_S", 2.0)
    assert one.welcome().version == -1
    assert both.node.child.running is not None
    frozen = both.node.child.running.pid
    os.kill(frozen, signal.SIGSTOP)
    assert one.welcome().version == -1
    assert both.node.child.running.pid != frozen
    assert not processes.alive(frozen)
    assert any(line.startswith("waiting for the inference node") for line in said)
    assert any("has not answered for" in line and "starting it again" in line for line in said)


def test_a_node_may_load_for_longer_than_one_may_be_frozen(
    kept: tuple[Services, NodeClient, Keeper, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    both, _, watchful, said = kept
    monkeypatch.setattr(keeper, "FROZEN_S", 0.0)  # whatever it takes to load is longer
    assert watchful.welcome().backend == "oracle"
    assert both.node.child.alive
    assert not any("is killed" in line for line in said)


def test_a_transfer_is_begun_again_when_the_node_dies_in_it(
    kept: tuple[Services, NodeClient, Keeper, list[str]],
) -> None:
    both, client, one, said = kept
    starts = 0

    def send() -> str:
        nonlocal starts
        starts += 1
        client.start_weight_update()
        if starts == 1:
            kill(both.node)
        client.finish_weight_update(7)
        return "done"

    assert one.push(send) == "done"
    assert starts == 2
    assert one.welcome().version == 7
    assert any("sending all of them again" in line for line in said)
    assert any("g1 serve ended with status -9" in line for line in said)


def test_a_call_to_a_node_that_is_gone_ends_soon(kept: tuple[Services, NodeClient, Keeper, list[str]]) -> None:
    both, client, one, _ = kept
    client.timeout_s = 120.0
    one.welcome()
    kill(both.node)
    client._used = 0.0  # it was a while ago
    began = time.monotonic()
    with pytest.raises(TransferError, match="no node answers"):
        client.start_weight_update()
    assert time.monotonic() - began < 20.0


def test_a_node_that_never_takes_the_weights_ends_the_run_with_the_reason(
    kept: tuple[Services, NodeClient, Keeper, list[str]],
) -> None:
    _, client, one, said = kept

    def send() -> None:
        client.update_weights({})

    with pytest.raises(TransferError, match="came without a start"):
        one.push(send)
    assert sum("sending all of them again" in line for line in said) == keeper.MAX_SENDINGS - 1
    assert any("does not take the weights; it is killed" in line for line in said)


def test_a_pool_without_workers_is_killed_and_started_again(
    kept: tuple[Services, NodeClient, Keeper, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    both, _, one, said = kept
    monkeypatch.setattr(keeper, "NO_WORKER_S", 0.3)
    both.pool = started(service(FOR_EVER, said))
    before = both.pool.child.running
    one.look_at_pool(1)
    one.look_at_pool(0)
    time.sleep(0.4)
    one.look_at_pool(1)
    one.look_at_pool(0)
    assert both.pool.child.running is before
    time.sleep(0.4)
    one.look_at_pool(0)
    assert both.pool.child.running is not before
    assert any("it has had no worker for 0 s; it is killed" in line for line in said)


def test_the_node_of_others_is_waited_for(tmp_path: Path) -> None:
    with (
        NodeClient(f"ipc://{tmp_path}/node", timeout_s=1.0) as client,
        pytest.raises(ConnectError, match="start one with: g1 serve"),
    ):
        Keeper(client, None, print).welcome(limit_s=0.0)
