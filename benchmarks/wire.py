"""Frames a second and bytes a frame on the wire, by codec and size; messages a second by how many share a parcel.

    g1 bench wire [--save]

A frame is counted from the game's state to pixels in the receiver's memory: drawn (or only named), packed, sent over
ipc from another process, unpacked, drawn. Bytes are of the whole ask but its prompt text.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import zmq
from common import Row, report

from engine.game import start_states
from engine.net import codec, wire
from engine.rollout.episode import frames_of
from engine.start import make_game
from engine.ticket import GameSpec
from g1train.inference.frames import AtlasStore

NUM_RUNS = 3
NUM_FRAMES = 2000
NUM_MESSAGES = 40_000
SIZES = {"112x112": {"tile_px": 28, "strip": False}, "672x840": {}}
CODECS: tuple[wire.Codec, ...] = ("sprites", "shared", "lz4", "pixels")


def send_frames(address: str, how: wire.Codec, size: str) -> None:
    """The other process: frames, each drawn anew, 32 of them ahead of the receiver at most."""
    game, memory = make_game(GameSpec("2048", SIZES[size])), codec.Memory()
    states = start_states(game, range(64), 20)
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.connect(address)
        socket.send(wire.encode(wire.Atlas(game.atlas.digest, game.atlas.to_bytes())))
        held: list[wire.Frame] = []
        for number in range(NUM_FRAMES):
            record = states[number % 64 : number % 64 + 1]
            if how == "sprites":
                frame = frames_of(game, record)[0]
            else:
                frame = codec.encode(game.render(record)[0], how, memory)
            socket.send(wire.encode(wire.Ask(number, [wire.Turn("", frame)], 8, number, 1.0, 64)))
            held.append(frame)
            if len(held) == 32:
                socket.recv()
                for frame in held if how == "shared" else ():
                    memory.free(frame)
                held.clear()
        socket.recv()


def frames(how: wire.Codec, size: str) -> Row:
    runs = [receive_frames(how, size) for _ in range(NUM_RUNS)]
    rate, num_bytes = (float(np.median(figures)) for figures in zip(*runs, strict=True))
    picture = "#" * round(rate**0.5 / 8)
    return {"what": f"frame {size} {how}", "per s": rate, "bytes": num_bytes, "picture": picture}


def receive_frames(how: wire.Codec, size: str) -> tuple[float, float]:
    """Frames a second, and bytes a frame."""
    with tempfile.TemporaryDirectory(prefix="g1-bench-") as folder, zmq.Context() as context:
        address = f"ipc://{folder}/socket"
        with context.socket(zmq.ROUTER) as socket:
            socket.bind(address)
            command = [sys.executable, __file__, "--send", address, how, size]
            with subprocess.Popen(command, env={**os.environ, "NUMBA_NUM_THREADS": "1"}) as sender:
                store, num_bytes, began = AtlasStore(), 0, 0.0
                for number in range(-1, NUM_FRAMES):
                    peer, parcel = socket.recv_multipart()
                    (message,) = wire.decode([parcel])
                    if isinstance(message, wire.Atlas):
                        store.add(message)
                        continue
                    assert isinstance(message, wire.Ask)
                    assert message.turns[0].frame is not None
                    store.pixels(message.turns[0].frame)
                    num_bytes += len(parcel)
                    if number == 31:
                        began = time.perf_counter()  # the first 32 are the warm-up
                    if number % 32 == 31 or number == NUM_FRAMES - 1:
                        socket.send_multipart([peer, b""])
                seconds = time.perf_counter() - began
                sender.wait()
    return (NUM_FRAMES - 32) / seconds, num_bytes / NUM_FRAMES


def messages(at_once: int) -> Row:
    """Encoded, sent, received and decoded in one process."""
    ask = wire.Ask(1, [wire.Turn("2048", wire.Frame("sprites", 112, 112, bytes(32), bytes(16)))], 8, 5, 1.0, 64)
    with zmq.Context() as context, context.socket(zmq.PAIR) as here, context.socket(zmq.PAIR) as there:
        there.bind("inproc://messages")
        here.connect("inproc://messages")
        times = []
        for _ in range(NUM_RUNS + 1):  # the first is the warm-up
            began = time.perf_counter()
            for _ in range(NUM_MESSAGES // at_once):
                here.send(wire.encode(*[ask] * at_once))
                wire.decode(there.recv_multipart())
            times.append(time.perf_counter() - began)
    rate = NUM_MESSAGES // at_once * at_once / float(np.median(times[1:]))
    size = len(wire.encode(*[ask] * at_once)) / at_once
    picture = "#" * round(rate**0.5 / 60)
    return {"what": f"messages, {at_once} a parcel", "per s": rate, "bytes": size, "picture": picture}


def main() -> None:
    if "--send" in sys.argv:
        address, how, size = sys.argv[2:]
        send_frames(address, how, size)  # type: ignore[arg-type]
        return
    rows = [frames(how, size) for size in SIZES for how in CODECS]
    rows += [messages(at_once) for at_once in (1, 8, 64)]
    report("wire", "Wire: 2048's frames from state to pixels in another process, and messages", rows, NUM_RUNS)


if __name__ == "__main__":
    main()
