"""The books of the dispatcher: whatever workers do, every ticket is counted exactly once."""

import functools
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
from g1train.tickets import dispatch
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.entries import SUSPECT_LOSSES, Hand
from g1train.tickets.ledger import FIRST_LIMIT_S, LEAST_LIMIT_S, MAX_FAILURES, MAX_REFUSED, Ledger
from g1train.tickets.rollout import OneGame, group_tickets
from g1train.tickets.verify import verified
from tests import groups, processes
from tests.foreign import JOIN, Foreign, connected

GAME = OneGame(GameSpec("2048"))
SAMPLE, SCORE = wire.Sample.of("", [1], [0.0]), wire.Score(-1, 0.0, 0.0, 0.0, 0, False, False)


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def tickets(number: int, version: int = -1) -> list[Ticket]:
    return group_tickets(1, "test", 0, number, [GAME], num_samples=1, version=version)


@functools.cache
def _group(ticket: bytes, version: int, worker: str) -> wire.Group:
    wanted = msgspec.structs.replace(msgspec.msgpack.decode(ticket, type=Ticket), version=version)
    return groups.played([wanted], worker)[0]


def group(ticket: Ticket, version: int = 0, worker: str = "foreign") -> wire.Group:
    return _group(msgspec.msgpack.encode(ticket), version, worker)


def failure(ticket: Ticket) -> wire.Failure:
    return wire.Failure(ticket.index, ticket_hash(ticket), "worker", "ZeroDivisionError")


def ledger_of(number: int, version: int = -1) -> tuple[Ledger, list[Ticket], Hand]:
    """A ledger, its tickets and the hand of a worker that is there."""
    ledger, given_out = Ledger(), tickets(number, version)
    ledger.submit(given_out)
    return ledger, given_out, ledger.join("foreign")


def taken(ledger: Ledger, hand: Hand) -> Ticket:
    found = ledger.take(hand) if ledger.has_pending else ledger.take_suspect(hand)
    assert found is not None
    assert found[1] == ticket_hash(found[0])
    return found[0]


def counts(ledger: Ledger, group: wire.Group, hand: Hand) -> bool:
    """As the dispatcher does: claimed, verified, counted or refused."""
    ledger.claim(group, hand)
    claims, ledger.claims = ledger.claims, []
    for claim, verdict in zip(claims, verified(claims), strict=True):
        if isinstance(verdict, wire.Group):
            return ledger.count(claim, verdict)
        ledger.refuse(claim, verdict)
    return False


def test_lost_tickets_come_first_and_duplicates_are_dropped() -> None:
    ledger, (first, second, third), a = ledger_of(3)
    assert [taken(ledger, a), taken(ledger, a)] == [first, second]
    assert ledger.gone(a, died=True) == 2
    b = ledger.join("foreign")
    assert [taken(ledger, b) for _ in range(3)] == [first, second, third]
    assert counts(ledger, group(first), b)
    assert not counts(ledger, group(first), b)
    assert ledger.open == [second, third]
    assert (ledger.stats.reissued, ledger.stats.duplicates, ledger.stats.groups) == (2, 1, 1)


def test_the_dead_may_be_late_but_not_wrong() -> None:
    ledger, (first, second, third), a = ledger_of(3, version=4)
    assert [taken(ledger, a), taken(ledger, a)] == [first, second]
    ledger.gone(a, died=True)
    assert not counts(ledger, group(first, version=3), a)
    assert ledger.stats.failures == 0
    assert counts(ledger, group(second, version=4), a)
    assert not counts(ledger, group(third, version=4), a)  # which it never held
    b = ledger.join("foreign")
    assert [taken(ledger, b), taken(ledger, b)] == [first, third]
    other = group_tickets(2, "other run", 0, 2, [GAME], num_samples=1)[1]
    assert not counts(ledger, group(other, version=4), b)
    assert not ledger.failure(failure(third), a)
    assert ledger.open == [first, third]


def test_a_ticket_that_fails_too_often_is_set_aside() -> None:
    ledger, (first, second), a = ledger_of(2)
    for _ in range(MAX_FAILURES):
        assert taken(ledger, a) == first
        assert ledger.failure(failure(first), a)
    assert "ZeroDivisionError" in ledger.failed[first.index]
    assert ledger.open == [second]


def test_a_ticket_that_kills_workers_does_not_drag_others_along() -> None:
    ledger, (deadly, innocent), a = ledger_of(2)
    for _ in range(SUSPECT_LOSSES):
        assert [taken(ledger, a), taken(ledger, a)] == [deadly, innocent]
        ledger.gone(a, died=True)
        a = ledger.join("foreign")
    assert ledger.has_suspects
    assert not ledger.has_pending
    b = ledger.join("foreign")
    for number in range(MAX_FAILURES):
        assert taken(ledger, a) == deadly
        if number == 1:  # the other one is played meanwhile
            assert taken(ledger, b) == innocent
            assert counts(ledger, group(innocent), b)
        ledger.gone(a, died=True)
        a = ledger.join("foreign")
    assert "its worker died while it held this ticket and no other" in ledger.failed[deadly.index]
    assert (ledger.open, list(ledger.done), ledger.num_pending) == ([], [innocent.index], 0)


def test_a_clean_leave_makes_no_suspects() -> None:
    ledger, given_out, a = ledger_of(3)
    for _ in range(2 * SUSPECT_LOSSES):
        assert [taken(ledger, a) for _ in given_out] == given_out
        assert ledger.gone(a, died=False) == 3
        a = ledger.join("foreign")
        assert (ledger.has_suspects, ledger.num_pending) == (False, 3)
    assert (ledger.stats.failures, ledger.failed) == (0, {})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 3}, r"policy version \{3\}, where 4 is wanted"),
        ({"samples": [SAMPLE, SAMPLE], "scores": [SCORE, SCORE]}, r"\{2\} answers to a state, where 1 are wanted"),
        (None, "0 rounds of siblings"),
        ({"truth": "2 2"}, "in its round 0 truth does not follow from ticket and answers"),
    ],
)
def test_a_wrong_result_is_a_failure_of_its_holder(changes: dict[str, Any] | None, why: str) -> None:
    ledger, (ticket,), a = ledger_of(1, version=4)
    good = group(ticket, version=4)
    rounds = [] if changes is None else [msgspec.structs.replace(good.rounds[0], **changes)]
    wrong = msgspec.structs.replace(good, rounds=rounds)
    for number in range(MAX_FAILURES):
        assert taken(ledger, a) == ticket
        assert not counts(ledger, wrong, Hand("who never took it"))
        assert ledger.stats.failures == number
        assert not counts(ledger, wrong, a)
    assert re.search(why, ledger.failed[ticket.index])
    assert ledger.stats.refused == 2 * MAX_FAILURES


def test_what_was_refused_is_played_by_others_while_there_are_any() -> None:
    ledger, (first, second), a = ledger_of(2)
    b = ledger.join("another")
    assert taken(ledger, a) == first
    assert not counts(ledger, msgspec.structs.replace(group(first), start_hash=1), a)
    assert taken(ledger, a) == second
    assert ledger.take(a) is None
    assert taken(ledger, b) == first
    ledger.gone(b, died=False)
    assert taken(ledger, a) == first  # there is nobody else


def test_whoever_is_refused_too_often_holds_nothing_more() -> None:
    ledger, given_out, a = ledger_of(5)
    for _ in given_out:
        taken(ledger, a)
    for ticket in given_out[:MAX_REFUSED]:
        assert not ledger.barred(a)
        assert not counts(ledger, msgspec.structs.replace(group(ticket), start_hash=1), a)
    assert ledger.barred(a)
    assert ledger.barred(ledger.join("foreign"))  # in its next life, too
    assert not a.held
    assert ledger.num_pending == 5
    assert not ledger.has_suspects


def test_an_old_copy_of_a_ticket_that_was_submitted_again_is_no_forgery() -> None:
    ledger, (ticket,), a = ledger_of(1, version=4)
    assert taken(ledger, a) == ticket
    ledger.withdraw([ticket.index])
    (again,) = tickets(1, version=5)
    ledger.submit([again])
    assert taken(ledger, a) == again
    assert not counts(ledger, group(ticket, version=4), a)
    assert (ledger.stats.duplicates, ledger.stats.refused, ledger.num_pending) == (1, 0, 1)
    assert taken(ledger, a) == again
    assert counts(ledger, group(again, version=5), a)


def test_what_is_held_for_long_is_lent_and_the_first_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("g1train.tickets.ledger.time", clock)
    ledger, (first, second, third), a = ledger_of(3)
    b = ledger.join("another")
    assert [taken(ledger, a), taken(ledger, a)] == [first, second]
    clock.now = FIRST_LIMIT_S - 1
    assert ledger.overdue() == []  # nothing is known yet of how long it takes
    assert counts(ledger, group(second), a)
    assert taken(ledger, a) == third
    for number in range(64):  # from now on it is known: a second
        ledger.usual(first).add(1.0)
        assert number < 4 or ledger.usual(first).limit_s == LEAST_LIMIT_S
    assert [(entry.ticket, hand) for entry, hand in ledger.overdue()] == [(first, a)]
    ((entry, _),) = ledger.overdue()
    assert ledger.lend(entry, a) is None
    assert ledger.lend(entry, b) == (first, ticket_hash(first))
    assert ledger.overdue() == []
    clock.now += LEAST_LIMIT_S + 1  # the third is late now; the first was lent a moment ago, and has twice the time
    assert [(entry.ticket, hand) for entry, hand in ledger.overdue()] == [(third, a)]
    ledger.gone(a, died=True)
    assert ledger.num_pending == 1  # the third: the other has the first
    assert counts(ledger, group(first, worker="another"), b)
    assert not counts(ledger, group(first), a)
    assert (ledger.stats.lent, ledger.stats.duplicates, ledger.open) == (1, 1, [third])


def test_indices_are_given_out_once() -> None:
    ledger, given_out, _ = ledger_of(2)
    with pytest.raises(ValueError, match="must differ"):
        ledger.submit(given_out[:1])
    ledger.withdraw([0, 1])
    assert ledger.num_pending == 0
    ledger.submit(given_out)
    with pytest.raises(ValueError, match="must differ"):
        Ledger().submit([given_out[0], given_out[0]])


EVENTS = st.sampled_from(["take", "lost", "left", "group", "again", "wrong", "lend", "withdraw"])


@given(st.lists(st.tuples(EVENTS, st.sampled_from([0, 1]))))
def test_exactly_once_whatever_happens(events: list[tuple[str, int]]) -> None:
    ledger, given_out, first = ledger_of(4)
    hands = [first, ledger.join("another")]
    held: list[list[Ticket]] = [[], []]
    counted: list[int] = []
    right = {ticket.index: [group(ticket, worker=name) for name in ("foreign", "another")] for ticket in given_out}
    for event, who in events:
        hand = hands[who]
        if event == "take" and (found := ledger.take(hand) or ledger.take_suspect(hand)):
            held[who].append(found[0])
        elif event in ("lost", "left"):
            ledger.gone(hand, died=event == "lost")  # what it held may still come, late
            hands[who] = ledger.join(hand.worker)
        elif event == "lend" and held[1 - who]:
            entry = ledger._open.get(ticket_hash(held[1 - who][0]))
            if entry and entry.name in hands[1 - who].held and ledger.lend(entry, hand):
                held[who].append(held[1 - who][0])
        elif event == "withdraw":
            again = [ticket for ticket in ledger.open if ticket.index == 0]
            ledger.withdraw([ticket.index for ticket in again])
            ledger.submit(again)
        elif event in ("group", "again", "wrong") and held[who]:
            ticket = held[who].pop(0) if event == "group" else held[who][0]
            brought = right[ticket.index][who]
            brought = msgspec.structs.replace(brought, start_hash=0) if event == "wrong" else brought
            counted += [ticket.index] if counts(ledger, brought, hand) else []
    for hand in hands:
        ledger.gone(hand, died=False)
    last = ledger.join("last")
    while found := ledger.take(last) or ledger.take_suspect(last):
        counted += [found[0].index] if counts(ledger, group(found[0], worker="last"), last) else []
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


def pulled(worker: Foreign, name: str, num_tickets: int) -> list[int]:
    """Join under a name and take tickets: their indices."""
    worker.say({**JOIN, "name": name, "pid": 7}, {"type": "pull", "credit": num_tickets})
    assert worker.hear()["type"] == "welcome"
    return [ticket["index"] for ticket in worker.hear()["tickets"]]


def test_nothing_forged_counts_and_the_run_goes_on(
    dispatcher: Dispatcher, worker: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    """Rewards raised, groups of tickets never pulled, all kinds of NaN: an honest worker plays them all again."""
    given_out = tickets(8)
    dispatcher.submit(given_out)
    assert pulled(worker, "forger", 4) == [0, 1, 2, 3]

    def forged(ticket: Ticket, reward: float) -> wire.Group:
        good = group(ticket, worker="forger")
        (one,) = good.rounds
        scores = [msgspec.structs.replace(one.scores[0], game_reward=reward)]
        return msgspec.structs.replace(good, rounds=[msgspec.structs.replace(one, scores=scores)])

    with caplog.at_level(logging.WARNING, "g1"), connected(dispatcher.address) as honest:
        worker.send(wire.encode(group(given_out[7], worker="forger")))  # right, but never pulled
        assert "it was not given that ticket" in worker.hear()["reason"]
        for ticket, reward in ((given_out[0], 7.0), (given_out[1], float("nan"))):
            worker.send(wire.encode(forged(ticket, reward)))
        with pytest.raises(WorkerError, match="0 of 8 tickets"):
            dispatcher.gather(given_out, deadline_s=1.0)
        assert "in its round 0 scores does not follow from ticket and answers" in worker.hear()["reason"]
        assert "this worker is given no more tickets" in worker.hear()["reason"]
        for _ in range(100):
            worker.send(wire.encode(*[forged(ticket, 7.0) for ticket in given_out]))
        processes.eventually(lambda: dispatcher.stats.refused == 801)  # two that it held are looked at
        assert sorted(pulled(honest, "honest", 8)) == list(range(8))
        for ticket in given_out:
            honest.send(wire.encode(group(ticket, worker="honest")))
        found = dispatcher.gather(given_out, deadline_s=30.0)
    assert found == [group(ticket, worker="honest") for ticket in given_out]
    assert dispatcher.stats.groups == 8
    assert dispatcher.report().counts["refused"] == dispatcher.stats.refused == 803
    assert caplog.text.count("worker forger: a group of ticket") == 3


def test_a_clean_leave_gives_everything_back_at_once(dispatcher: Dispatcher, worker: Foreign) -> None:
    dispatcher.submit(tickets(20))
    for _ in range(2 * SUSPECT_LOSSES):
        assert pulled(worker, "foreign", 20) == list(range(20))
        worker.say({"type": "leave"})
    assert pulled(worker, "foreign", 20) == list(range(20))


def test_long_held_tickets_go_to_the_idle_and_both_are_named(
    dispatcher: Dispatcher, worker: Foreign, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("g1train.tickets.ledger.FIRST_LIMIT_S", 0.5)
    given_out = tickets(3)
    dispatcher.submit(given_out)
    assert pulled(worker, "only beats", 3) == [0, 1, 2]
    with caplog.at_level(logging.WARNING, "g1"), connected(dispatcher.address) as other:
        assert pulled(other, "idle", 3) == [0, 1, 2]
        for ticket in given_out:
            other.send(wire.encode(group(ticket, worker="idle")))
        assert len(dispatcher.gather(given_out, deadline_s=30.0)) == 3
    assert re.search(
        r"worker only beats has held 3 tickets for up to \d s \(nothing is known .*\): worker idle plays them too",
        caplog.text,
    )
    assert dispatcher.stats.lent == 3
    worker.send(wire.encode(group(given_out[0], worker="only beats")))
    processes.eventually(lambda: dispatcher.stats.duplicates == 1)


def test_who_waits_for_what_is_said_within_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dispatch.QUIET_S + dispatch.NOTICE_EVERY_S < 60
    monkeypatch.setattr("g1train.tickets.dispatch.FIRST_NOTICE_S", 0.1)
    monkeypatch.setattr("g1train.tickets.dispatch.QUIET_S", 0.5)
    notices: list[str] = []
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer", on_notice=notices.append) as dispatcher,
        connected(dispatcher.address) as frozen,
        connected(dispatcher.address) as alone,
    ):
        dispatcher.submit(tickets(3))
        assert pulled(frozen, "frozen", 2) == [0, 1]
        frozen.say({"type": "beat", "load": {"asking": 2, "oldest_ask_s": 41}})
        alone.say({**JOIN, "name": "alone"}, {"type": "beat", "load": {"node_away_s": 38}})
        assert alone.hear()["type"] == "welcome"
        with pytest.raises(WorkerError, match="0 of 3 tickets"):
            dispatcher.gather(tickets(3), deadline_s=1.5)
    assert re.fullmatch(
        r"no group has come for \d s: 2 tickets are out and 1 wait: frozen holds 2 for \d s, waits for 2 answers of"
        r" its node, for 41 s; alone holds 0, has had no node for 38 s",
        notices[0],
    )


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
