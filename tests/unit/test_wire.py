"""Messages survive the wire, and nothing else gets past `decode`: whatever arrives is a message or a WireError."""

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import wire
from engine.errors import WireError
from engine.ticket import GameSpec, Start, Ticket

FRAME = wire.Frame("sprites", 112, 112, bytes(32), atlas=b"digest")
SAMPLE = wire.Sample("<answer>0</answer>", [1, 2, 300], [-0.5, -1.25, 0.0])
SCORE = wire.Score(0, 1.0, 1.0, 0.0, 4, True, False)
ROUND = wire.Round(0, 0, 2**64 - 1, "2 0\n0 4", FRAME, [5, 6], [SAMPLE], [SCORE], 3)
MESSAGES: list[wire.AnyMessage] = [
    wire.Join("worker", "host-1/0", 4242),
    wire.Welcome("node", "run", "oracle", True, 3),
    wire.Pull(8),
    wire.Work([Ticket(5, 2**63 - 1, GameSpec("2048", {"tile_px": 28, "strip": False}), Start(1, 2, "eval"))]),
    wire.Group(5, "0123456789abcdef", "host-1/0", 17, [ROUND]),
    wire.Failure(5, "0123456789abcdef", "host-1/0", "Traceback …"),
    wire.Atlas(b"digest"),
    wire.Ask(1, [wire.Turn("Play.", FRAME), wire.Turn("Go on.")], 5, 2**63 - 1, 1.0, 64, 3, GameSpec("2048"), b"state"),
    wire.Answer(1, [1, 2], [SAMPLE], 3),
    wire.Refusal(1, "later", True),
    wire.WeightCall(1, "update", '{"names": []}', 4),
    wire.WeightDone(1, 4, "no"),
    wire.Beat(),
    wire.Drain(),
    wire.Leave(),
    wire.Fault("who are you?", True),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: wire.AnyMessage) -> None:
    parts = wire.encode(message, b"first", memoryview(b"second"))
    decoded, buffers = wire.decode(parts)
    assert decoded == message
    assert list(buffers) == [b"first", b"second"]


def test_every_message_has_an_example_here() -> None:
    assert {type(message) for message in MESSAGES} == set(wire.AnyMessage.__args__)


def test_other_libraries_read_and_write_it() -> None:
    header = msgpack.unpackb(wire.encode(wire.Join("worker", "host-1/0", 4242))[0])
    assert header == {"type": "join", "role": "worker", "name": "host-1/0", "pid": 4242, "protocol": 1}
    assert wire.decode([msgpack.packb({"type": "pull", "credit": 3})])[0] == wire.Pull(3)


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"type": "nothing"},
        {"type": "pull"},
        {"type": "pull", "credit": "many"},
        {"type": "pull", "credit": 1, "more": 2},
        {"type": "join", "role": "king", "name": "x", "pid": 1},
        [1, 2, 3],
    ],
)
def test_what_is_no_message(content: Any) -> None:
    with pytest.raises(WireError, match="did not decode"):
        wire.decode([msgpack.packb(content)])


def test_empty_and_oversized(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WireError, match="empty"):
        wire.decode([])
    monkeypatch.setattr(wire, "MAX_HEADER_BYTES", 10)
    with pytest.raises(WireError, match="11 bytes arrived; the limit is 10"):
        wire.decode([bytes(11)])


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_random_bytes(parts: list[bytes]) -> None:
    only_messages_or_wire_errors(parts)


@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_messages(message: wire.AnyMessage, data: st.DataObject) -> None:
    damaged = bytearray(wire.encode(message)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    only_messages_or_wire_errors([bytes(damaged[: data.draw(st.integers(0, len(damaged)))])])


@given(st.integers(1, 5000), st.sampled_from([b"\x91", b"\x81\xa4type"]))
def test_deep_nesting(depth: int, step: bytes) -> None:
    only_messages_or_wire_errors([step * depth])


def only_messages_or_wire_errors(parts: list[bytes]) -> None:
    try:
        message, _ = wire.decode(parts)
    except WireError:
        return
    assert isinstance(message, msgspec.Struct)
