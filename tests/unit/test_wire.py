"""Messages survive the wire, and nothing else gets past `decode`: whatever arrives is a message or a WireError."""

import re
from typing import Any

import msgpack
import pytest
import zmq

from engine.errors import ConnectError, WireError
from engine.net import sockets, wire
from engine.ticket import GameSpec, Start, Ticket

FRAME = wire.Frame("sprites", 112, 112, bytes(32), atlas=b"digest")
SAMPLE = wire.Sample.of("<answer>0</answer>", [1, 2, 300], [-0.5, -1.25, 0.0])
SCORE = wire.Score(0, 1.0, 1.0, 0.0, 4, True, False)
ROUND = wire.Round(0, 0, 2**64 - 1, "2 0\n0 4", FRAME, wire.pack_ids([5, 6]), [SAMPLE], [SCORE], 3)
PEER = wire.PeerReport("a", "worker", 1, 1.0, 0.5, 4, {"asking": 3})
MESSAGES: list[wire.AnyMessage] = [
    wire.Join("worker", "host-1/0", 4242),
    wire.Welcome("node", "run", "oracle", True, 3, ("sprites", "lz4"), "here"),
    wire.Pull(8),
    wire.Work(
        [Ticket(5, 2**63 - 1, GameSpec("2048", {"tile_px": 28, "strip": False}), Start(1, 2, "eval"))],
        ["0123456789abcdef"],
    ),
    wire.Group(5, "0123456789abcdef", "host-1/0", 17, [ROUND]),
    wire.Failure(5, "0123456789abcdef", "host-1/0", "Traceback …"),
    wire.Atlas(b"digest", b"G1A1"),
    wire.Ask(1, [wire.Turn("Play.", FRAME), wire.Turn("Go on.")], 5, 2**63 - 1, 1.0, 64, 3, GameSpec("2048"), b"state"),
    wire.Answer(1, wire.pack_ids([1, 2]), [SAMPLE], 3),
    wire.Refusal(1, "later", True),
    wire.WeightCall(1, "update", '{"names": []}', 4),
    wire.WeightDone(1, 4, "no"),
    wire.Beat({"asking": 3}),
    wire.Look(),
    wire.Report("node", "host-1", 7, "run", 1.5, 3, [PEER], {"asks": 1}, {"latency_p50_s": 0.5}),
    wire.Drain(),
    wire.Leave(),
    wire.Fault("who are you?", True),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: wire.AnyMessage) -> None:
    assert wire.decode([wire.encode(message)]) == [message]


def test_arrays_come_back_as_numbers() -> None:
    assert (SAMPLE.token_ids, SAMPLE.logprobs, SAMPLE.num_tokens) == ([1, 2, 300], [-0.5, -1.25, 0.0], 3)
    assert ROUND.prompt_token_ids == [5, 6]
    assert SAMPLE.tokens == b"\x01\0\0\0\x02\0\0\0\x2c\x01\0\0"


def test_many_messages_travel_together(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = [wire.pack(message) for message in MESSAGES]
    assert [wire.decode([parcel]) for parcel in wire.parcels(packed)] == [MESSAGES]
    monkeypatch.setattr(wire, "PARCEL_BYTES", 600)
    parcels = list(wire.parcels(packed))
    assert len(parcels) > 3
    assert [message for parcel in parcels for message in wire.decode([parcel])] == MESSAGES
    assert list(wire.parcels([])) == []


def test_every_message_has_an_example_here() -> None:
    assert {type(message) for message in MESSAGES} == set(wire.AnyMessage.__args__)


def test_other_libraries_read_and_write_it() -> None:
    (header,) = msgpack.unpackb(wire.encode(wire.Join("worker", "host-1/0", 4242)))
    assert header == {
        "type": "join",
        "role": "worker",
        "name": "host-1/0",
        "pid": 4242,
        "protocol": wire.PROTOCOL,
        "attempt": 0,
        "life": "",
    }
    assert wire.decode([msgpack.packb([{"type": "pull", "credit": 3}])]) == [wire.Pull(3)]


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"type": "beat"},
        [{"type": "nothing"}],
        [{"type": "pull"}],
        [{"type": "pull", "credit": "many"}],
        [{"type": "pull", "credit": 1, "more": 2}],
        [{"type": "join", "role": "king", "name": "x", "pid": 1}],
        [{"type": "join", "role": "worker", "name": "x" * 201, "pid": 1}],
        [{"type": "beat", "load": {str(number): 1 for number in range(65)}}],
        [{"type": "beat", "load": {"x" * 201: 1}}],
        [{"type": "atlas", "digest": bytes(65), "data": b""}],
        [{"type": "fault", "reason": "x" * (wire.MAX_REASON + 1)}],
        [{"type": "answer", "id": 1, "prompt": b"123", "samples": [], "version": 0}],
        [{"type": "beat"}] * (wire.MAX_MESSAGES + 1),
        [1, 2, 3],
    ],
)
def test_what_is_no_message(content: Any) -> None:
    with pytest.raises(WireError, match="did not decode"):
        wire.decode([msgpack.packb(content)])


def test_empty_and_oversized(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WireError, match="0 frames arrived"):
        wire.decode([])
    with pytest.raises(WireError, match="2 frames arrived"):
        wire.decode([b"", b""])
    monkeypatch.setattr(wire, "MAX_PARCEL_BYTES", 10)
    with pytest.raises(WireError, match="11 bytes arrived; the limit is 10"):
        wire.decode([bytes(11)])
    with pytest.raises(WireError, match="too long to be sent; the limit is 10"):
        wire.encode(wire.Fault("why"))


def test_a_long_reason_keeps_its_ends() -> None:
    text = "why" + "x" * wire.MAX_REASON + "because"
    assert wire.clip("why") == "why"
    assert len(wire.clip(text)) <= wire.MAX_REASON
    assert wire.clip(text).startswith("whyx")
    assert wire.clip(text).endswith("xbecause")


@pytest.mark.parametrize(
    "address", ["", "tcp:/x", "localhost:5555", "udp://127.0.0.1:7", "tcp://host", "tcp://h:99999"]
)
def test_what_is_no_address(address: str) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        for use in (sockets.bind, sockets.connect):
            with pytest.raises(ConnectError, match=re.escape(f"{address!r} is no address: give tcp://HOST:PORT")):
                use(socket, address)


def test_unknown_hosts() -> None:
    assert sockets.host_is_unknown("tcp://nohost.invalid:1")
    assert not sockets.host_is_unknown("tcp://127.0.0.1:1")
    assert not sockets.host_is_unknown("tcp://[::1]:1")
    assert not sockets.host_is_unknown("ipc:///x")
