"""Frames arrive as they were: every registered game in every codec, through a node in another process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.game import game_names, start_states
from engine.net import codec, wire
from engine.rollout.episode import frame_of
from engine.start import make_game
from engine.ticket import GameSpec
from g1train.inference.client import NodeClient
from tests import processes
from tests.digests import digest

CODECS: tuple[wire.Codec, ...] = ("sprites", "pixels", "lz4", "shared")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeClient]:
    """Of a node that answers with the digests of the frames that it sees."""
    address = f"ipc://{tmp_path_factory.mktemp('digests')}/node"
    with processes.started("tests.digests", address), NodeClient(address, timeout_s=60.0) as client:
        yield client


def seen(client: NodeClient, frame: wire.Frame, name: str) -> str:
    ask = wire.Ask(0, [wire.Turn("What do you see?", frame)], 1, 0, 1.0, 64)
    return client.ask(ask, atlas=make_game(GameSpec(name)).atlas).samples[0].text


@pytest.mark.parametrize("name", game_names())
@pytest.mark.parametrize("how", CODECS)
def test_the_receiver_sees_the_same_pixels(client: NodeClient, name: str, how: wire.Codec) -> None:
    game, memory = make_game(GameSpec(name)), codec.Memory()
    records = start_states(game, [1, 2, 3], 10)
    for place, pixels in enumerate(game.render(records)):
        is_grid = how == "sprites"
        frame = frame_of(game, records[place : place + 1]) if is_grid else codec.encode(pixels, how, memory)
        assert seen(client, frame, name) == digest(pixels)
        ask = wire.Ask(1, [wire.Turn("", frame)], 1, 0, 1.0, 1)
        assert len(wire.encode(ask)) <= 1000 or how in ("pixels", "lz4")
    memory.close()


def test_memory_is_used_again_and_leaves_nothing() -> None:
    before = set(os.listdir("/dev/shm"))
    memory, pixels = codec.Memory(), np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    first, second = (codec.encode(pixels + number, "shared", memory) for number in range(2))
    assert first.data != second.data
    memory.free(first)
    third = codec.encode(pixels + 2, "shared", memory)
    assert third.data == first.data
    assert np.array_equal(codec.decode(third), pixels + 2)
    assert np.array_equal(codec.decode(second), pixels + 1)
    memory.close()
    assert set(os.listdir("/dev/shm")) <= before
    with pytest.raises(ValueError, match="cannot be read"):
        codec.decode(third)


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 x 4 pixels"):
        codec.decode(wire.Frame("pixels", 0, 4, b""))
    with pytest.raises(ValueError, match="the limits are"):
        codec.decode(wire.Frame("lz4", 1 << 20, 1 << 20, b""))
    with pytest.raises(ValueError, match="did not unpack"):
        codec.decode(wire.Frame("lz4", 4, 4, b"\xff\xff"))
    with pytest.raises(ValueError, match="no place in shared memory"):
        codec.decode(wire.Frame("shared", 4, 4, b"here"))
    secret = (tmp_path / "secret").open("wb")
    place = np.array([os.getpid(), secret.fileno(), 0], "<i8").tobytes()
    with secret, pytest.raises(ValueError, match="is no memory of frames"):
        codec.decode(wire.Frame("shared", 4, 4, place))


def test_the_codec_chosen() -> None:
    everything = codec.READABLE
    assert codec.choose("auto", 1000, everything, True) == "sprites"
    assert codec.choose("auto", 0, everything, True) == "shared"
    assert codec.choose("auto", 0, everything, False) == "lz4"
    assert codec.choose("auto", 0, ("sprites", "pixels"), True) == "pixels"
    assert codec.choose("auto", codec.MAX_ATLAS_BYTES, everything, True) == "sprites"
    assert codec.choose("auto", codec.MAX_ATLAS_BYTES + 1, everything, True) == "shared"
    assert codec.choose("auto", codec.MAX_ATLAS_BYTES + 1, everything, False) == "lz4"
    assert codec.choose("lz4", 1000, everything, True) == "lz4"
    refused: list[tuple[Callable[[], wire.Codec], str]] = [
        (lambda: codec.choose("sprites", 0, everything, True), "no sprites"),
        (lambda: codec.choose("sprites", 17 << 20, everything, True), "17 MiB of sprites, and 16 can be given away"),
        (lambda: codec.choose("shared", 1000, everything, False), "cannot read this process's memory"),
        (lambda: codec.choose("lz4", 1000, ("pixels",), False), "reads only pixels"),
    ]
    for choice, reason in refused:
        with pytest.raises(ConfigError, match=reason):
            choice()
