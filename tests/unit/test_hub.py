"""A server's clients, without sockets: who is let in, who is forgotten, what leaves for whom."""

import logging

import pytest

from engine.net import hub as hubs
from engine.net import wire
from engine.net.hub import Hub, Peer


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(hubs, "time", one)
    return one


@pytest.fixture
def gone() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def hub(clock: Clock, gone: list[tuple[str, str]]) -> Hub[Peer]:
    one: Hub[Peer] = Hub(
        Peer,
        lambda: wire.Welcome("server"),
        lambda: one.report("server", "run", 3, {"depth": 1.0}),
        lambda peer, why: gone.append((peer.join.name, why)),
        timeout_s=5.0,
        max_peers=2,
    )
    return one


def say(hub: Hub[Peer], who: bytes, *messages: wire.AnyMessage) -> list[wire.AnyMessage]:
    return [message for _, message in hub.receive(who, [wire.encode(*messages)])]


def heard(hub: Hub[Peer]) -> dict[bytes, list[wire.AnyMessage]]:
    return {who: wire.decode([parcel]) for who, parcel in hub.outgoing()}


def test_whoever_joins_is_welcome_and_what_is_for_the_owner_gets_through(hub: Hub[Peer]) -> None:
    assert say(hub, b"a", wire.Join("worker", "a", 1), wire.Beat({"asking": 2}), wire.Pull(3)) == [wire.Pull(3)]
    assert heard(hub) == {b"a": [wire.Welcome("server")]}
    assert hub.peers[b"a"].load == {"asking": 2}
    assert heard(hub) == {}


def test_strangers_are_told_to_join(hub: Hub[Peer]) -> None:
    assert say(hub, b"a", wire.Pull(3), wire.Pull(4)) == []
    assert heard(hub) == {b"a": [hubs.STRANGER]}


def test_a_connection_given_up_earlier_does_not_replace_the_one_of_now(hub: Hub[Peer]) -> None:
    say(hub, b"new", wire.Join("worker", "a", 1, attempt=3))
    say(hub, b"old", wire.Join("worker", "a", 1, attempt=2))
    assert sorted(hub.peers) == [b"new"]
    say(hub, b"next life", wire.Join("worker", "a", 2, attempt=1))
    assert sorted(hub.peers) == [b"next life"]


def test_there_is_room_for_so_many_and_no_more(hub: Hub[Peer], gone: list[tuple[str, str]]) -> None:
    for name in ("a", "b", "c"):
        say(hub, name.encode(), wire.Join("worker", name, 1))
    assert sorted(hub.peers) == [b"a", b"b"]
    (refusal,) = heard(hub)[b"c"]
    assert isinstance(refusal, wire.Fault)
    assert "2 clients are here already, which is the limit" in refusal.reason
    say(hub, b"d", wire.Join("worker", "b", 2))  # the same worker in another life takes its own place
    assert sorted(hub.peers) == [b"a", b"d"]
    assert gone == [("b", "joined anew")]


def test_another_protocol_is_refused(hub: Hub[Peer]) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1, protocol=99))
    (refusal,) = heard(hub)[b"a"]
    assert isinstance(refusal, wire.Fault)
    assert "a speaks protocol 99, this side 2" in refusal.reason
    assert not hub.peers


def test_the_silent_are_forgotten_but_not_by_a_server_that_slept(
    hub: Hub[Peer], clock: Clock, gone: list[tuple[str, str]]
) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1))
    say(hub, b"b", wire.Join("worker", "b", 1))
    clock.now = 60.0
    hub.beat()
    assert len(hub.peers) == 2
    say(hub, b"b", wire.Beat())
    clock.now = 61.0
    hub.beat()
    assert gone == [("a", "has been silent for 61 s")]
    assert heard(hub)[b"b"][-1] == wire.Beat()


def test_leaving_is_at_once_and_takes_what_was_posted_along(hub: Hub[Peer], gone: list[tuple[str, str]]) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1), wire.Leave())
    assert gone == [("a", "left")]
    assert heard(hub) == {}


def test_a_monitor_gets_a_report_without_itself(hub: Hub[Peer]) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1))
    hub.counts["groups"] = 7
    say(hub, b"m", wire.Join("monitor", "m", 1), wire.Look())
    report = heard(hub)[b"m"][-1]
    assert isinstance(report, wire.Report)
    assert [peer.name for peer in report.peers] == ["a"]
    assert (report.run, report.version, report.counts["groups"], report.gauges) == ("run", 3, 7, {"depth": 1.0})


def test_what_does_not_decode_is_counted_and_answered(hub: Hub[Peer], caplog: pytest.LogCaptureFixture) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1))
    assert list(hub.receive(b"a", [b"\xc1"])) == []
    assert hub.counts["faults"] == 1
    (_, fault) = heard(hub)[b"a"]
    assert isinstance(fault, wire.Fault)
    with caplog.at_level(logging.WARNING, "g1"):
        say(hub, b"a", wire.Fault("it hurts"))
    assert "a reports: it hurts" in caplog.text
