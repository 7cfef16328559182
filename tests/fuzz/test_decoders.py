"""Whatever bytes come, decoders and servers go on, and take no more memory than the message is worth."""

import random
import tracemalloc
from pathlib import Path

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import WireError
from engine.net import wire
from engine.ticket import GameSpec
from g1train.inference.client import NodeClient
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes
from tests.foreign import JOIN, connected
from tests.fuzz.decoders import DECODERS, seeds

SEEDS = seeds()
GROWTH = 40  # bytes of objects that one byte may become: {"type": "beat"} is 11 bytes and two objects
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KINDS = sorted(kind.__struct_config__.tag for kind in wire.AnyMessage.__args__)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, repeated, cut out or cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if place < len(changed):
                changed[place] = chance.randrange(256)
            case 1:
                changed[place:place] = changed[place : place + chance.randrange(20)]
            case 2:
                del changed[place : place + chance.randrange(5)]
            case _:
                changed[place : place + 4] = chance.randbytes(4)
    return bytes(changed)


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=300))
def test_any_bytes(name: str, data: bytes) -> None:
    DECODERS[name](data)


@pytest.mark.parametrize("name", DECODERS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_input(name: str, seed: int) -> None:
    chance = random.Random(seed)
    DECODERS[name](damaged(chance.choice(SEEDS[name]), chance))


@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.text(max_size=9), VALUES, max_size=5))
def test_known_kinds_with_any_fields(kind: str, fields: dict[str, object]) -> None:
    DECODERS["parcel"](msgpack.packb([{**fields, "type": kind}]))


@given(seed=st.integers(0, 2**32), value=VALUES)
def test_a_field_of_another_type(seed: int, value: object) -> None:
    chance = random.Random(seed)
    (message,) = msgpack.unpackb(chance.choice(SEEDS["parcel"][:-1]), strict_map_key=False)
    message[chance.choice(sorted(message))] = value
    DECODERS["parcel"](msgpack.packb([message]))


@given(depth=st.integers(1, 5000), step=st.sampled_from([b"\x91", b"\x81\xa4type"]))
@settings(max_examples=20)
def test_deep_nesting(depth: int, step: bytes) -> None:
    DECODERS["parcel"](step * depth)


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\xdc\xff\xff" + b"\x81\xa4type\xa4beat" * 65535,
        b"\xdc\x0f\xff" + b"\x81\xa4type\xa4beat" * 4095,
        b"\x91\x82\xa4type\xa5atlas\xa6digest\xc6\xff\xff\xff\xff",
        b"\x91\x82\xa4type\xa4beat\xa4load\xdf\xff\xff\xff\xff",
        b"\x91\x82\xa4type\xa4work\xa7tickets\xdd\x7f\xff\xff\xff" + b"\x80" * 100_000,
    ],
)
def test_no_more_memory_than_a_message_is_worth(data: bytes) -> None:
    tracemalloc.start()
    try:
        wire.decode([data])
    except WireError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < GROWTH * len(data) + 100_000


def test_servers_go_on(tmp_path: Path) -> None:
    chance, node_address = random.Random(0), f"ipc://{tmp_path}/node"
    tickets = group_tickets(1, "after", 0, 5, [OneGame(GameSpec("2048"))], 2)
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher,
        processes.node(node_address, "oracle"),
        processes.pool(dispatcher.address, node_address, 1),
    ):
        for address in (dispatcher.address, node_address):
            with connected(address) as fuzzer:
                fuzzer.exchange(JOIN)
                for _ in range(500):
                    fuzzer.send(*[damaged(chance.choice(SEEDS["parcel"]), chance)] * chance.choice([1, 1, 1, 2]))
                    if chance.random() < 0.1:
                        fuzzer.say(JOIN)
                fuzzer.say(JOIN, {"type": "leave"})
        assert len(dispatcher.play(tickets, deadline_s=60.0)) == 5
        assert dispatcher.stats.faults > 50
        with NodeClient(node_address) as client:
            assert client.join().backend == "oracle"


def test_too_long_a_message_is_refused_and_its_sender_told(tmp_path: Path) -> None:
    with Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher, connected(dispatcher.address) as fuzzer:
        fuzzer.exchange(JOIN)
        fuzzer.send(bytes(wire.MAX_PARCEL_BYTES + 1))
        assert f"the limit is {wire.MAX_PARCEL_BYTES}" in fuzzer.hear()["reason"]
        assert dispatcher.stats.faults == 1
