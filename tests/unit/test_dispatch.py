"""The books of the dispatcher: whatever workers do, every ticket is counted exactly once."""

import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConnectError, WorkerError
from engine.net import sockets, wire
from engine.ticket import GameSpec, Ticket, ticket_hash
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.ledger import MAX_FAILURES, SUSPECT_LOSSES, Ledger
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes
from tests.foreign import JOIN, Foreign, connected

GAME = OneGame(GameSpec("2048"))
A, B = b"worker a", b"worker b"
SAMPLE, SCORE = wire.Sample.of("", [], []), wire.Score(-1, 0.0, 0.0, 0.0, 0, False, False)


def tickets(number: int, version: int = -1) -> list[Ticket]:
    return group_tickets(1, "test", 0, number, [GAME], num_samples=1, version=version)


def group(ticket: Ticket, version: int = 0) -> wire.Group:
    one = wire.Round(0, 0, 1, "", wire.Frame("pixels", 1, 1, bytes(3)), b"", [SAMPLE], [SCORE], version)
    return wire.Group(ticket.index, ticket_hash(ticket), "worker", 1, [one])


def failure(ticket: Ticket) -> wire.Failure:
    return wire.Failure(ticket.index, ticket_hash(ticket), "worker", "ZeroDivisionError")


def ledger_of(number: int, version: int = -1) -> tuple[Ledger, list[Ticket]]:
    ledger, given_out = Ledger(), tickets(number, version)
    ledger.submit(given_out)
    return ledger, given_out


def taken(ledger: Ledger, holder: bytes) -> Ticket:
    ticket, name = ledger.take(holder) if ledger.has_pending else ledger.take_suspect(holder)
    assert name == ticket_hash(ticket)
    return ticket


def test_lost_tickets_come_first_and_duplicates_are_dropped() -> None:
    ledger, (first, second, third) = ledger_of(3)
    assert [taken(ledger, A), taken(ledger, A)] == [first, second]
    assert ledger.lost(A) == 2
    assert [taken(ledger, B) for _ in range(3)] == [first, second, third]
    assert ledger.group(group(first), B)
    assert not ledger.group(group(first), B)
    assert ledger.open == [second, third]
    assert (ledger.stats.reissued, ledger.stats.duplicates, ledger.stats.groups) == (2, 1, 1)


def test_the_dead_may_be_late_but_not_wrong() -> None:
    ledger, (first, second) = ledger_of(2, version=4)
    ledger.take(A)
    ledger.lost(A)
    assert not ledger.group(group(first, version=3), A)
    assert ledger.group(group(first, version=4), A)
    assert taken(ledger, B) == second
    other = group_tickets(2, "other run", 0, 2, [GAME], num_samples=1)[1]
    assert not ledger.group(group(other, version=4), B)
    assert not ledger.failure(failure(second), A)
    assert ledger.open == [second]


def test_a_ticket_that_fails_too_often_is_set_aside() -> None:
    ledger, (first, second) = ledger_of(2)
    for _ in range(MAX_FAILURES):
        assert taken(ledger, A) == first
        assert ledger.failure(failure(first), A)
    assert "ZeroDivisionError" in ledger.failed[first.index]
    assert ledger.open == [second]


def test_a_ticket_that_kills_workers_does_not_drag_others_along() -> None:
    ledger, (deadly, innocent) = ledger_of(2)
    for _ in range(SUSPECT_LOSSES):
        assert [taken(ledger, A), taken(ledger, A)] == [deadly, innocent]
        ledger.lost(A)
    assert ledger.has_suspects
    assert not ledger.has_pending
    for number in range(MAX_FAILURES):
        assert ledger.take_suspect(A)[0] == deadly
        if number == 1:  # the other one is played meanwhile
            assert ledger.take_suspect(B)[0] == innocent
            assert ledger.group(group(innocent), B)
        ledger.lost(A)
    assert "its worker died while it held this ticket and no other" in ledger.failed[deadly.index]
    assert (ledger.open, list(ledger.done), ledger.num_pending) == ([], [innocent.index], 0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 3}, r"policy version \{3\}, where 4 is wanted"),
        ({"samples": [SAMPLE, SAMPLE], "scores": [SCORE, SCORE]}, r"\{2\} answers to a state, where 1 are wanted"),
        (None, "0 rounds of siblings"),
    ],
)
def test_a_wrong_result_is_a_failure_of_its_holder(changes: dict[str, Any] | None, why: str) -> None:
    ledger, (ticket,) = ledger_of(1, version=4)
    good = group(ticket, version=4)
    rounds = [] if changes is None else [msgspec.structs.replace(good.rounds[0], **changes)]
    wrong = msgspec.structs.replace(good, rounds=rounds)
    for number in range(MAX_FAILURES):
        assert taken(ledger, A) == ticket
        assert not ledger.group(wrong, B)
        assert ledger.stats.failures == number
        assert not ledger.group(wrong, A)
    assert re.search(why, ledger.failed[ticket.index])


def test_indices_are_given_out_once() -> None:
    ledger, given_out = ledger_of(2)
    with pytest.raises(ValueError, match="must differ"):
        ledger.submit(given_out[:1])
    ledger.withdraw([0, 1])
    assert ledger.num_pending == 0
    ledger.submit(given_out)
    with pytest.raises(ValueError, match="must differ"):
        Ledger().submit([given_out[0], given_out[0]])


@given(st.lists(st.tuples(st.sampled_from(["take", "lost", "group", "again"]), st.sampled_from([A, B]))))
def test_exactly_once_whatever_happens(events: list[tuple[str, bytes]]) -> None:
    ledger, given_out = ledger_of(4)
    held: dict[bytes, list[Ticket]] = {A: [], B: []}
    counted: list[int] = []
    for event, worker in events:
        if event == "take" and ledger.num_pending:
            held[worker].append(taken(ledger, worker))
        elif event == "lost":
            ledger.lost(worker)  # what it held may still come, late
        elif event in ("group", "again") and held[worker]:
            ticket = held[worker][0] if event == "again" else held[worker].pop(0)
            counted += [ticket.index] if ledger.group(group(ticket), worker) else []
    ledger.lost(A)
    ledger.lost(B)
    while ledger.num_pending:
        ticket = taken(ledger, A)
        counted += [ticket.index] if ledger.group(group(ticket), A) else []
    assert sorted(counted + list(ledger.failed)) == [ticket.index for ticket in given_out]
    assert ledger.done.keys() == set(counted)


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[Dispatcher]:
    with Dispatcher(f"ipc://{tmp_path}/trainer") as one:
        yield one


@pytest.fixture
def worker(dispatcher: Dispatcher) -> Iterator[Foreign]:
    with connected(dispatcher.address) as foreign:
        yield foreign


def test_a_foreign_worker_gets_no_more_than_its_credit(dispatcher: Dispatcher, worker: Foreign) -> None:
    given_out = tickets(3)
    dispatcher.submit(given_out)
    worker.say(JOIN)
    assert worker.hear()["type"] == "welcome"
    worker.say({"type": "pull", "credit": 2})
    work = worker.hear()
    assert [ticket["index"] for ticket in work["tickets"]] == [0, 1]
    worker.send(b"not a message")
    assert worker.hear()["type"] == "fault"
    worker.say({"type": "pull", "credit": 0})
    assert "a credit of 0" in worker.hear()["reason"]
    worker.say({"type": "pull", "credit": wire.MAX_CREDIT + 1})
    assert f"beside 2 that you have; {wire.MAX_CREDIT} is the limit" in worker.hear()["reason"]
    worker.send(wire.encode(group(given_out[1])))
    assert [one.index for one in dispatcher.gather(given_out[1:2], deadline_s=30.0)] == [1]
    worker.say({"type": "leave"})
    processes.eventually(lambda: dispatcher.stats.reissued == 1)
    stats = dispatcher.stats
    assert (stats.workers, stats.groups, stats.faults) == (0, 1, 3)
    assert dispatcher.outstanding == [given_out[0], given_out[2]]
    worker.say({"type": "pull", "credit": 1})
    assert worker.hear()["rejoin"]


def test_a_name_that_joins_again_replaces_itself(dispatcher: Dispatcher, worker: Foreign) -> None:
    dispatcher.submit(tickets(1))
    worker.say(JOIN)
    worker.say({"type": "pull", "credit": 1})
    assert [worker.hear()["type"], worker.hear()["type"]] == ["welcome", "work"]
    worker.say({**JOIN, "pid": 2})
    worker.say({"type": "pull", "credit": 1})
    assert [worker.hear()["type"], worker.hear()["type"]] == ["welcome", "work"]
    assert dispatcher.stats.reissued == 1


def test_a_suspect_is_played_alone(dispatcher: Dispatcher, worker: Foreign) -> None:
    given_out = tickets(4)
    dispatcher.submit(given_out)

    def held_after_death(pid: int) -> list[int]:
        """Indices of what the worker gets when it is started anew."""
        worker.say({**JOIN, "pid": pid})
        assert worker.hear()["type"] == "welcome"
        worker.say({"type": "pull", "credit": 8})
        return [ticket["index"] for ticket in worker.hear()["tickets"]]

    for pid in range(SUSPECT_LOSSES):
        assert held_after_death(pid) == [0, 1, 2, 3]
    for pid in range(MAX_FAILURES):
        assert held_after_death(10 + pid) == [0]
    assert held_after_death(20) == [1]
    aside: list[Ticket] = []
    assert dispatcher.gather(given_out[:1], on_failed=lambda ticket, why: aside.append(ticket)) == []
    assert aside == given_out[:1]
    for number in (1, 2, 3):
        worker.send(wire.encode(group(given_out[number])))
        if number < 3:
            assert [ticket["index"] for ticket in worker.hear()["tickets"]] == [number + 1]
    assert len(dispatcher.gather(given_out[1:], deadline_s=30.0)) == 3
    more = group_tickets(1, "test", 1, 4, [GAME], num_samples=1)
    dispatcher.submit(more)
    assert len(worker.hear()["tickets"]) == 4  # nobody is suspect any more


def test_silent_workers_are_given_up(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/impatient"
    with Dispatcher(address, timeout_s=0.1) as dispatcher, connected(address) as worker:
        worker.say(JOIN)
        assert worker.hear()["type"] == "welcome"
        processes.eventually(lambda: dispatcher.stats.workers == 0)


def test_waiting_for_workers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("g1train.tickets.dispatch.FIRST_NOTICE_S", 0.0)
    notices: list[str] = []
    with Dispatcher(f"ipc://{tmp_path}/trainer", on_notice=notices.append) as dispatcher:
        with pytest.raises(WorkerError, match=r"0 of 1 tickets were played within 0\.01 s"):
            dispatcher.play(tickets(1), deadline_s=0.01)
        with pytest.raises(WorkerError, match=r"0 of 1 tickets were played within 0\.6 s"):
            dispatcher.play(tickets(1), deadline_s=0.6)
    assert f"waiting for a worker at ipc://{tmp_path}/trainer; start one with: g1 pool" in notices[0]


def test_a_busy_port_is_named() -> None:
    with Dispatcher("tcp://127.0.0.1:0") as dispatcher, pytest.raises(ConnectError) as raised:
        Dispatcher(dispatcher.address)
    assert str(raised.value).startswith(f"cannot listen at {dispatcher.address}: Address already in use; stop")
    with pytest.raises(ConnectError, match="needs keys"):
        Dispatcher("tcp://0.0.0.0:0")


def test_a_crash_of_its_thread_is_told_and_hangs_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, "g1"), Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher:
        dispatcher._gateway.hub.beat = lambda: 1 // 0  # type: ignore[method-assign, assignment]
        with pytest.raises(WorkerError, match="the dispatcher's thread ended: ZeroDivisionError"):
            dispatcher.play(tickets(1), deadline_s=30.0)
        with pytest.raises(WorkerError, match="the dispatcher's thread ended: ZeroDivisionError"):
            dispatcher.submit(tickets(2))


def test_who_is_cut_off_is_known_before_its_silence_is_long(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher.submit(tickets(1))
    with caplog.at_level(logging.INFO, "g1"):
        with connected(dispatcher.address) as foreign:
            foreign.say(JOIN, {"type": "pull", "credit": 1})
            assert foreign.hear()["type"] == "welcome"
            assert foreign.hear()["type"] == "work"
        processes.eventually(lambda: dispatcher.stats.workers == 0)
    assert "worker foreign is cut off; 1 tickets are issued again" in caplog.text


def test_who_does_not_read_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "MAX_PARCELS_WAITING", 5)
    address = f"ipc://{tmp_path}/trainer"
    with caplog.at_level(logging.INFO, "g1"), Dispatcher(address), connected(address) as foreign:
        foreign.socket.set_hwm(1)  # for the connection that it makes now
        foreign.socket.disconnect(address)
        foreign.socket.connect(address)
        foreign.say(JOIN)
        assert foreign.hear()["type"] == "welcome"
        for _ in range(3000):  # each is answered with a fault of some hundred bytes, which nobody reads
            foreign.say({"type": "pull", "credit": -1})
        processes.eventually(lambda: "worker foreign does not read what it is sent" in caplog.text)


def test_only_workers_bring_results(dispatcher: Dispatcher, worker: Foreign) -> None:
    (ticket,) = tickets(1)
    dispatcher.submit([ticket])
    worker.say({**JOIN, "role": "monitor"})
    assert worker.hear()["type"] == "welcome"
    worker.send(wire.encode(group(ticket)))
    assert "a monitor cannot send Group to a trainer" in worker.hear()["reason"]
    assert dispatcher.stats.groups == 0


def test_strangers_cost_nobody_the_lock(dispatcher: Dispatcher, worker: Foreign) -> None:
    turns = [{"text": ""}] * wire.MAX_CREDIT
    ask = {"type": "ask", "id": 1, "turns": turns, "num_samples": 1, "seed": 1, "temperature": 1.0, "max_tokens": 1}
    parcel = msgpack.packb([ask] * 1000)
    assert len(parcel) > 27 << 20
    worker.say(JOIN)
    assert worker.hear()["type"] == "welcome"
    with connected(dispatcher.address) as stranger:
        for _ in range(3):
            stranger.send(parcel)
        waits = []
        while dispatcher.report().counts.get("strange_parcels", 0) < 3:
            began = time.monotonic()
            worker.say({"type": "pull", "credit": -1})
            assert worker.hear()["type"] == "fault"
            waits.append(time.monotonic() - began)
            assert len(waits) < 100_000
        assert stranger.hear()["rejoin"]
    assert max(waits) < 1.0
    assert dispatcher.stats.workers == 1


def test_what_a_worker_says_of_its_failures_is_limited(
    dispatcher: Dispatcher, worker: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    given_out = tickets(100)
    dispatcher.submit(given_out)
    with caplog.at_level(logging.WARNING, "g1"):
        worker.say(JOIN, {"type": "pull", "credit": 100})
        assert [worker.hear()["type"], worker.hear()["type"]] == ["welcome", "work"]
        for ticket in given_out:
            worker.send(wire.encode(msgspec.structs.replace(failure(ticket), traceback="\x1b[2J" + "x" * 19_000)))
        processes.eventually(lambda: dispatcher.stats.failures == 100)
    assert 0 < len(caplog.messages) <= 30
    assert "\x1b" not in caplog.text
