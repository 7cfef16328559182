"""A server's clients, without sockets: who is let in, who is forgotten, what leaves for whom."""

import logging

import pytest

from engine.net import hub as hubs
from engine.net import outbox, said, wire
from engine.net.hub import Hub, Peer


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    for module in (hubs, outbox, said):
        monkeypatch.setattr(module, "time", one)
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


def test_two_clients_of_one_name_are_told_apart(hub: Hub[Peer], gone: list[tuple[str, str]]) -> None:
    say(hub, b"1", wire.Join("worker", "a", 1, life="one"))
    say(hub, b"2", wire.Join("worker", "a", 1, life="two"))  # in another container, say
    assert gone == []
    assert [peer.name for peer in hub.peers.values()] == ["a", "a~2"]
    assert heard(hub) == {  # to the first a beat, which does not arrive if it is dead
        b"1": [wire.Welcome("server"), wire.Beat()],
        b"2": [wire.Welcome("server", known_as="a~2")],
    }
    say(hub, b"3", wire.Join("worker", "a", 1, attempt=2, life="two"))
    assert gone == [("a", "joined anew")]
    assert [(who, peer.name) for who, peer in hub.peers.items()] == [(b"1", "a"), (b"3", "a~2")]
    hub.undelivered(b"1", "is cut off")
    say(hub, b"4", wire.Join("worker", "a", 1, attempt=3, life="two"))
    assert [(who, peer.name) for who, peer in hub.peers.items()] == [(b"4", "a")]


def test_what_a_supervisor_starts_again_takes_its_own_place(hub: Hub[Peer], gone: list[tuple[str, str]]) -> None:
    say(hub, b"1", wire.Join("worker", "a", 100, attempt=7, life="one"))
    say(hub, b"2", wire.Join("worker", "a", 200, attempt=1, life="one"))
    assert gone == [("a", "joined anew")]
    assert [(who, peer.name) for who, peer in hub.peers.items()] == [(b"2", "a")]


def test_of_a_stranger_nothing_is_decoded_but_a_join(hub: Hub[Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    decode = wire.decode

    def counting(parts: list[bytes]) -> list[wire.AnyMessage]:
        decoded.append(len(parts[0]))
        return decode(parts)

    monkeypatch.setattr(wire, "decode", counting)
    group = wire.encode(wire.Failure(1, "join", "worker", "x" * wire.MAX_REASON))
    assert list(hub.receive(b"a", [group])) == []
    assert list(hub.receive(b"a", [b"\xc1" * 100])) == []
    assert list(hub.receive(b"a", [b"", b""])) == []
    assert decoded == []
    assert hub.counts["strange_parcels"] == 3
    assert {who for who, _ in hub.outgoing()} == {b"a"}
    say(hub, b"a", wire.Join("worker", "a", 1))
    assert [type(one) for _, one in hub.receive(b"a", [group])] == [wire.Failure]


def test_strangers_are_answered_so_often_and_no_more(hub: Hub[Peer], clock: Clock) -> None:
    def answers() -> int:
        for number in range(2 * hubs.TOLD_AT_ONCE):
            list(hub.receive(b"%d" % number, [b"\xc1"]))
        return len(list(hub.outgoing()))

    assert [answers(), answers()] == [hubs.TOLD_AT_ONCE, 0]
    clock.now += 2.0
    assert answers() == 2 * hubs.TOLD_A_SECOND


def test_what_peers_report_is_limited_and_harmless(hub: Hub[Peer], caplog: pytest.LogCaptureFixture) -> None:
    say(hub, b"a", wire.Join("worker", "a\x1b[2J", 1))
    with caplog.at_level(logging.WARNING, "g1"):
        for _ in range(100):
            say(hub, b"a", *[wire.Fault("\x1b]0;owned\x07" + "x" * 19_000)] * 10)
        list(hub.receive(b"stranger", [wire.encode(wire.Fault("let me in"))]))
    assert len(caplog.messages) == hubs.SAID_AT_ONCE
    assert hub.counts["lines_unshown"] == 1000 - hubs.SAID_AT_ONCE
    assert sum(map(len, caplog.messages)) < 200_000
    assert "\x1b" not in caplog.text
    assert caplog.messages[0].startswith("a\\x1b[2J reports: \\x1b]0;owned\\x07xxx")
    assert "let me in" not in caplog.text


def test_many_looks_are_one_report(hub: Hub[Peer]) -> None:
    say(hub, b"m", wire.Join("monitor", "m", 1))
    for _ in range(20):
        say(hub, b"m", *[wire.Look()] * wire.MAX_MESSAGES)
    assert [type(one) for one in heard(hub)[b"m"]] == [wire.Welcome, wire.Report]


def test_a_report_waits_until_the_last_one_is_read(hub: Hub[Peer], clock: Clock) -> None:
    read = False
    say(hub, b"m", wire.Join("monitor", "m", 1), wire.Look())
    for identity, parcel in hub.outgoing():
        hub.sent(identity, len(parcel), lambda: read)
    say(hub, b"m", wire.Look())
    assert heard(hub) == {}
    read = True
    assert [type(one) for one in heard(hub)[b"m"]] == [wire.Report]
    assert heard(hub) == {}


def test_who_does_not_read_is_given_up(hub: Hub[Peer], gone: list[tuple[str, str]]) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1))
    say(hub, b"b", wire.Join("worker", "b", 1))
    answer = wire.Answer(1, bytes(wire.MAX_PARCEL_BYTES // 2), [], 0)
    for _ in range(5):
        hub.post(b"a", answer)
        for identity, parcel in hub.outgoing():
            hub.sent(identity, len(parcel), lambda: False)
    assert gone == [("a", "does not read what it is sent")]
    assert sorted(hub.peers) == [b"b"]


def test_who_reads_nothing_for_long_is_given_up(hub: Hub[Peer], gone: list[tuple[str, str]], clock: Clock) -> None:
    say(hub, b"a", wire.Join("worker", "a", 1))
    for identity, parcel in hub.outgoing():
        hub.sent(identity, len(parcel), lambda: False)
    while not gone:
        say(hub, b"a", wire.Beat())
        hub.beat()
        clock.now += 1.0
    assert gone == [("a", "has read nothing for 60 s")]
    assert clock.now == pytest.approx(62.0, abs=1.5)
