"""The inference node: a ROUTER socket in front of a backend. It answers all asks at once, and takes weights in between.

    worker, trainer ──Join, Atlas, Ask──▶ frames to pixels ─▶ gate ─▶ backend.generate ──Answer, Refusal──▶
    trainer ──WeightCall──▶ one after another ─▶ gate ─▶ backend.weight_call ──WeightDone──▶

What does not decode is answered with a Fault and counted. Answers for a peer that is gone are dropped, and its asks
cancelled. An exception of the backend that is no `ValueError` ends the node: better dead and restarted than wrong.

    python -m g1train.inference.node --player oracle --bind tcp://127.0.0.1:5602
"""

import argparse
import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zmq
import zmq.asyncio

from engine import process, sockets, wire
from engine.errors import WeightsError, WireError
from engine.link import STRANGER, Peer, Peers, greeting
from g1train.inference.backend import Backend, Image
from g1train.inference.frames import AtlasStore
from g1train.inference.gate import Gate, Refused
from g1train.inference.scripted import PLAYERS, Scripted

log = logging.getLogger("g1")
Buffers = Sequence[bytes | memoryview]


@dataclass
class Client(Peer):
    """A connected worker or trainer, its atlases and its asks in flight."""

    atlases: AtlasStore = field(default_factory=AtlasStore)
    asks: set[asyncio.Task[None]] = field(default_factory=set)


class Node:
    """`run` serves until it is cancelled. `counts` has asks, answers, refusals, faults."""

    def __init__(
        self,
        backend: Backend,
        socket: zmq.asyncio.Socket,
        run: str,
        version: int,
        max_asks: int,
        weights_timeout_s: float,
    ) -> None:
        self.backend, self.gate, self.counts = backend, Gate(version), Counter[str]()
        self.peers: Peers[Client] = Peers(Client)
        self._socket, self._run, self._max_asks = socket, run, max_asks
        self._weights_timeout_s = weights_timeout_s
        self._calls: asyncio.Queue[tuple[bytes, wire.WeightCall]] = asyncio.Queue()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._beat())
            self._tasks.create_task(self._take_weights())
            while True:
                identity, *parts = await self._socket.recv_multipart()
                await self._receive(identity, parts)

    async def _receive(self, identity: bytes, parts: Sequence[bytes]) -> None:
        peer = self.peers.hear(identity)
        try:
            message, buffers = wire.decode(parts)
            if isinstance(message, wire.Join):
                self._forget(self.peers.join(identity, message))
                version = self.gate.version
                welcome = wire.Welcome("node", self._run, self.backend.name, self.backend.needs_state, version)
                await self._send(identity, greeting(message, welcome))
            elif peer is not None:
                await self._handle(peer, message, buffers)
            elif not isinstance(message, wire.Leave | wire.Fault):
                await self._send(identity, STRANGER)
        except WireError as error:
            self.counts["faults"] += 1
            await self._send(identity, wire.Fault(str(error)))

    async def _handle(self, peer: Client, message: wire.AnyMessage, buffers: Buffers) -> None:
        match message:
            case wire.Ask():
                self.counts["asks"] += 1
                await self._begin(peer, message)
            case wire.Atlas():
                peer.atlases.add(message, buffers)
            case wire.WeightCall() if peer.join.role == "trainer":
                self._calls.put_nowait((peer.identity, message))
            case wire.Leave():
                self.peers.leave(peer.identity)
                self._forget([peer])
            case wire.Fault():
                log.warning("%s reports: %s", peer.join.name, message.reason)
            case wire.Beat():
                pass
            case _:
                raise WireError(f"a {peer.join.role} cannot send {type(message).__name__} to a node")

    async def _begin(self, peer: Client, ask: wire.Ask) -> None:
        """Draw the frames now, in the order of arrival, then answer in a task of its own."""
        if len(peer.asks) >= self._max_asks:
            await self._refuse(peer, ask, f"{self._max_asks} asks of yours are in flight already", retry=True)
            return
        try:
            if ask.num_samples < 1 or ask.max_tokens < 1 or not ask.turns:
                raise ValueError("num_samples and max_tokens are at least 1, and there is at least one turn")
            images = [peer.atlases.pixels(turn.frame) for turn in ask.turns if turn.frame is not None]
        except ValueError as error:
            await self._refuse(peer, ask, str(error), retry=False)
            return
        task = self._tasks.create_task(self._answer(peer, ask, images))
        peer.asks.add(task)
        task.add_done_callback(peer.asks.discard)

    async def _answer(self, peer: Client, ask: wire.Ask, images: list[Image]) -> None:
        try:
            async with self.gate.ask(ask.version) as version:
                prompt_token_ids, samples = await self.backend.generate(ask, images)
        except Refused as reason:
            await self._refuse(peer, ask, str(reason), retry=True)
        except ValueError as error:
            await self._refuse(peer, ask, str(error), retry=False)
        else:
            self.counts["answers"] += 1
            await self._send(peer.identity, wire.Answer(ask.id, prompt_token_ids, samples, version))

    async def _refuse(self, peer: Client, ask: wire.Ask, reason: str, retry: bool) -> None:
        self.counts["refusals"] += 1
        await self._send(peer.identity, wire.Refusal(ask.id, reason, retry))

    async def _take_weights(self) -> None:
        while True:
            identity, call = await self._calls.get()
            error = ""
            try:
                async with asyncio.timeout(self._weights_timeout_s):
                    await self._weights(call)
            except TimeoutError:
                error = f"{call.phase!r} did not end within {self._weights_timeout_s:.0f} s"
            except WeightsError as reason:
                error = str(reason)
            if error and self.gate.transferring:
                self.gate.fail(error)
            await self._send(identity, wire.WeightDone(call.id, self.gate.version, error))

    async def _weights(self, call: wire.WeightCall) -> None:
        self.gate.check(call)
        if call.phase == "start":
            await self.gate.close()
        await self.backend.weight_call(call)
        if call.phase in ("finish", "confirm"):
            self.gate.open(call.version)
            log.info("serving policy version %d", call.version)

    async def _beat(self) -> None:
        while True:
            asleep = time.monotonic()
            await asyncio.sleep(wire.HEARTBEAT_S)
            stalled = time.monotonic() - asleep > 2 * wire.HEARTBEAT_S  # then their beats are still unread
            gone = [] if stalled else self.peers.expire()
            for peer in gone:
                log.warning("%s has not been heard for %.0f s; its asks are dropped", peer.join.name, wire.DEATH_S)
            self._forget(gone)
            for peer in self.peers:
                await self._send(peer.identity, wire.Beat())

    def _forget(self, gone: Sequence[Client]) -> None:
        for peer in gone:
            for task in peer.asks:
                task.cancel()

    async def _send(self, identity: bytes, message: wire.AnyMessage) -> None:
        await self._socket.send_multipart([identity, *wire.encode(message)])


async def serve(
    backend: Backend,
    address: str,
    *,
    run: str = "",
    version: int = -1,
    keys: sockets.Keys | None = None,
    max_asks: int = 4096,
    weights_timeout_s: float = 600.0,
    on_ready: Callable[[str], None] | None = None,
    handle_signals: bool = True,
) -> None:
    """Load the backend and serve until SIGINT or SIGTERM, or until cancelled.

    `version` is what asks may want before a trainer has spoken; `max_asks` may be in flight for one peer; `on_ready`
    gets the address that was bound. Raises `ConnectError` before anything is loaded if the address is taken.
    """
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as socket:
        bound = sockets.bind(socket, address, keys)
        node = Node(backend, socket, run, version, max_asks, weights_timeout_s)
        told_to_stop = _cancel_on_signal() if handle_signals else asyncio.Event()
        try:
            await backend.start()
            print(f"node ready at {bound} ({backend.name}, version {version})", flush=True)
            if on_ready is not None:
                on_ready(bound)
            await node.run()
        except asyncio.CancelledError:
            log.info("node ends: %s", dict(node.counts))
            if not told_to_stop.is_set():
                raise
        finally:
            await backend.stop()


def _cancel_on_signal() -> asyncio.Event:
    """Cancel the current task on SIGINT or SIGTERM; the event tells this from other cancellations."""
    task, told = asyncio.current_task(), asyncio.Event()
    assert task is not None

    def stop() -> None:
        told.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m g1train.inference.node", description="A node of a scripted player."
    )
    parser.add_argument("--player", choices=sorted(PLAYERS), default="oracle")
    parser.add_argument("--bind", default="tcp://127.0.0.1:5602", help="port 0 takes any free one")
    parser.add_argument("--version", type=int, default=-1, help="policy version served before a trainer confirms one")
    parser.add_argument("--keys", type=Path, help="key file, needed beyond loopback")
    parser.add_argument("--parent", type=int, help="process id to die with")
    chosen = parser.parse_args(arguments)
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    with process.reported("g1 serve"):
        keys = None if chosen.keys is None else sockets.read_keys(chosen.keys)
        asyncio.run(serve(Scripted(chosen.player), chosen.bind, version=chosen.version, keys=keys))


if __name__ == "__main__":
    main()
