"""Attacks on the memory of a trainer and a node, which are real processes: each stays below 1 GB, and goes on.

The figures are those with which earlier versions took 7, 5.5 and 2 GB.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from engine.game import start_states
from engine.net import wire
from engine.render.atlas import Atlas, Grid, Layout
from engine.start import make_game
from engine.ticket import GameSpec
from g1train.inference.client import NodeClient
from g1train.run.status import Monitor
from tests import processes
from tests.foreign import JOIN, Foreign, connected

LIMIT_BYTES = 1_000_000_000
NUM_PEERS = 300
LOOK_BYTES = 901_000
ASK_BYTES = 41_000
ATTACK_S = 5.0
GAME = GameSpec("2048", {"tile_px": 28, "strip": False})
TRAINER = """
import sys, time
from engine.net.process import die_with_parent
from g1train.tickets.dispatch import Dispatcher
with Dispatcher(sys.argv[1]) as dispatcher:
    print("ready", flush=True)
    time.sleep(600)
"""


@contextmanager
def trainer(address: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", TRAINER, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def server(which: str, address: str) -> Any:
    return trainer(address) if which == "trainer" else processes.node(address, "oracle")


def peak_bytes(process: "subprocess.Popen[str]") -> int:
    """The most memory that it ever had."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def watch(process: "subprocess.Popen[str]", seconds: float = ATTACK_S) -> None:
    """Ends at once when it takes too much, so that it takes no more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None
        assert peak_bytes(process) < LIMIT_BYTES
        time.sleep(0.02)


@pytest.mark.parametrize("which", ["trainer", "node"])
def test_looks_beside_many_peers(tmp_path: Path, which: str) -> None:
    address, nobody = f"ipc://{tmp_path}/server", "ipc:///nowhere"
    looks = msgpack.packb([{"type": "look"}] * wire.MAX_MESSAGES)
    load = {f"{number:0100d}": number for number in range(64)}
    with server(which, address) as process, zmq.Context() as context, ExitStack() as stack:
        for number in range(NUM_PEERS):
            peer = stack.enter_context(context.socket(zmq.DEALER))
            peer.linger = 0
            peer.connect(address)
            Foreign(peer).say({**JOIN, "name": f"peer {number}"}, {"type": "beat", "load": load})
        attacker = stack.enter_context(connected(address))
        assert attacker.exchange({**JOIN, "role": "monitor", "name": "looks"})["type"] == "welcome"
        for _ in range(LOOK_BYTES // len(looks) + 1):
            attacker.send(looks)
        watch(process)
        trainer_address, node_address = (address, nobody) if which == "trainer" else (nobody, address)
        with Monitor(trainer_address, node_address) as monitor:
            report = monitor.look(2.0)[which]
        assert report is not None


def an_ask(number: int) -> dict[str, Any]:
    ask = {"type": "ask", "id": number, "turns": [{"text": ""}], "seed": 1, "temperature": 1.0, "max_tokens": 1}
    game = {"name": GAME.name, "settings": GAME.settings}
    state = start_states(make_game(GAME), [1], 10).tobytes()
    return {**ask, "num_samples": wire.MAX_SAMPLES, "game": game, "state": state}


def test_a_client_that_asks_much_and_reads_nothing(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/node"
    asks = [an_ask(number) for number in range(ASK_BYTES // len(msgpack.packb(an_ask(0))) + 1)]
    with processes.node(address, "oracle") as process, connected(address) as slow, connected(address) as other:
        assert slow.exchange({**JOIN, "name": "slow"})["type"] == "welcome"
        slow.say(*asks)
        watch(process)
        other.say({**JOIN, "name": "reads"}, *asks[:20])
        heard = [other.hear() for _ in range(21)]
        assert [len(one["samples"]) for one in heard[1:]] == [wire.MAX_SAMPLES] * 20
        assert peak_bytes(process) < LIMIT_BYTES


def an_atlas(number: int, megabytes: int) -> Atlas:
    layout = Layout(height=1024, width=1024, grids=(Grid("board", 0, 0, 1, 1, 1024, 1024, megabytes // 3),))
    ground = np.full((1024, 1024, 3), number, np.uint8)
    return Atlas(layout, ground, {"board": np.zeros((megabytes // 3, 1024, 1024, 3), np.uint8)})


def test_large_atlases_on_many_connections(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/node"
    with processes.node(address, "random") as process, ExitStack() as stack:
        for number in range(5):
            one = stack.enter_context(connected(address))
            assert one.exchange({**JOIN, "name": f"painter {number}"})["type"] == "welcome"
            for slot in range(wire.ATLAS_SLOTS):
                atlas = an_atlas(number * wire.ATLAS_SLOTS + slot, 27)
                one.send(wire.encode(wire.Atlas(atlas.digest, atlas.to_bytes())))
                watch(process, 0.05)
        watch(process)
        with NodeClient(address, timeout_s=20.0) as client:
            assert client.join().backend == "random"
