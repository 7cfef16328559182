"""What a node does with what it is asked: frames to pixels, the gate, the backend, answers; and weights in between.

    worker, trainer ──Join, Atlas, Ask──▶ frames to pixels ─▶ gate ─▶ backend.generate ──Answer, Refusal──▶
    trainer ──WeightCall──▶ one after another ─▶ gate ─▶ backend.weight_call ──WeightDone──▶

Everything that has come by the time it looks is begun together; what was posted in one turn of the event loop leaves
together. What does not decode is answered with a Fault and counted. Asks of a peer that is gone are cancelled.
"""

import asyncio
import logging
import math
import os
import socket as socketlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import zmq
import zmq.asyncio

from engine.errors import WeightsError, WireError
from engine.net import codec, sockets, wire
from engine.net.hub import Hub, Peer
from engine.ticket import MAX_TEMPERATURE, MIN_TEMPERATURE
from g1train.inference.backend import Backend, BackendError, Image
from g1train.inference.frames import AtlasStore
from g1train.inference.gate import Gate, Refused

log = logging.getLogger("g1")
READ_AT_ONCE = 64  # parcels, before answers are given a chance
NUM_LATENCIES = 4096
LAST_WORDS_MS = 2000
READ_WITHIN_S = 0.5
MAX_IMAGE_BYTES, MAX_ALL_IMAGE_BYTES = 256 << 20, 512 << 20  # of one peer's asks in flight, and of all
MAX_WEIGHT_CALLS = 64  # that wait
READS_AGAIN_S = 0.01  # how often is looked whether a client that has much to read has read it


@dataclass
class Client(Peer):
    """A connected worker or trainer, its atlases and its asks in flight."""

    atlases: AtlasStore = field(default_factory=AtlasStore)
    asks: set[asyncio.Task[None]] = field(default_factory=set)
    image_bytes: int = 0  # of its asks in flight

    @property
    def holds(self) -> int:
        return len(self.asks)


class Node:
    """`run` serves until it is cancelled. `hub.counts` has asks, answers, refusals, faults."""

    def __init__(
        self,
        backend: Backend,
        socket: zmq.asyncio.Socket,
        run: str,
        version: int,
        max_asks: int,
        weights_timeout_s: float,
    ) -> None:
        self.backend, self.gate = backend, Gate(version)
        self.hub: Hub[Client] = Hub(Client, self._welcome, self._report, self._gone)
        self._socket, self._run, self._max_asks = socket, run, max_asks
        self._weights_timeout_s = weights_timeout_s
        self._calls: asyncio.Queue[tuple[bytes, wire.WeightCall]] = asyncio.Queue()
        self._posted = asyncio.Event()
        self._latencies: deque[float] = deque(maxlen=NUM_LATENCIES)
        self._num_asks, self._empty_since, self._empty_s = 0, time.monotonic(), 0.0
        self._image_bytes = 0  # of all asks in flight
        self._leaving = False
        self._serving: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self._serving = asyncio.current_task()
        async with asyncio.TaskGroup() as self._tasks:
            for work in (self._beat, self._take_weights, self._send_all):
                self._tasks.create_task(work())
            while True:
                self._receive(await self._socket.recv_multipart(copy=False))
                for _ in range(READ_AT_ONCE):  # what else has come meanwhile is answered together
                    if not await self._socket.poll(0):
                        break
                    self._receive(await self._socket.recv_multipart(copy=False))
                await asyncio.sleep(0)  # pyzmq does not yield while there is more to read

    @property
    def is_serving(self) -> bool:
        return self._serving is not None

    def leave(self) -> None:
        """Answer what is asked already, refuse what comes, then end `run`; the second time end it at once."""
        if self._leaving:
            self._end()
        elif self._num_asks:
            log.info("answering %d asks; once more to stop at once", self._num_asks)
        self._leaving = True
        if self.gate.transferring:
            self.gate.fail("the node is leaving")
        self._socket.set(zmq.LINGER, LAST_WORDS_MS)  # the last answers are still on their way out when it is closed
        self._posted.set()

    def _end(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    def _receive(self, received: Sequence[zmq.Frame]) -> None:
        identity, *frames = received
        parts = [frame.buffer for frame in frames]
        for peer, message in self.hub.receive(identity.bytes, parts, partial(sockets.key_of, frames)):
            try:
                self._handle(peer, message)
            except WireError as error:
                self.hub.fault(peer.identity, str(error))
        self._posted.set()

    def _handle(self, peer: Client, message: wire.AnyMessage) -> None:
        match message:
            case wire.Ask() if peer.join.role != "monitor":
                self.hub.counts["asks"] += 1
                self._begin(peer, message)
            case wire.Atlas() if peer.join.role != "monitor":
                peer.atlases.add(message)
            case wire.WeightCall() if peer.join.role == "trainer":
                if self._calls.qsize() >= MAX_WEIGHT_CALLS:
                    raise WireError(f"{MAX_WEIGHT_CALLS} weight calls wait already; send one after the other")
                self._calls.put_nowait((peer.identity, message))
            case _:
                raise WireError(f"a {peer.join.role} cannot send {type(message).__name__} to a node")

    def _begin(self, peer: Client, ask: wire.Ask) -> None:
        """Draw the frames now, in the order of arrival, then answer in a task of its own."""
        frames = [turn.frame for turn in ask.turns if turn.frame is not None]
        for frame in frames:
            peer.atlases.use(frame.atlas)  # whatever becomes of the ask: its sender keeps the same books
        num_bytes = sum(abs(frame.height * frame.width) * 3 for frame in frames)
        if reason := self._why_later(peer, num_bytes):
            self._refuse(peer, ask, reason, retry=True)
            return
        try:
            _check(ask, num_bytes)
            images = self._images(peer, frames)
        except ValueError as error:
            self._refuse(peer, ask, str(error), retry=False)
            return
        self._count(1)
        peer.image_bytes += num_bytes
        self._image_bytes += num_bytes
        task = self._tasks.create_task(self._answer(peer, ask, images))
        peer.asks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            peer.asks.discard(task)
            peer.image_bytes -= num_bytes
            self._image_bytes -= num_bytes
            self._count(-1)

        task.add_done_callback(done)

    def _why_later(self, peer: Client, num_bytes: int) -> str:
        """Why an ask with so much of images cannot be begun now; empty if it can."""
        if self._leaving:
            return "this node is leaving"
        if len(peer.asks) >= self._max_asks:
            return f"{self._max_asks} asks of yours are in flight already"
        if peer.asks and peer.image_bytes + num_bytes > MAX_IMAGE_BYTES:
            return f"{peer.image_bytes >> 20} MB of your images are in flight already"
        if self._image_bytes and self._image_bytes + num_bytes > MAX_ALL_IMAGE_BYTES:
            return f"{self._image_bytes >> 20} MB of images are in flight already"
        return ""

    def _images(self, peer: Client, frames: list[wire.Frame]) -> list[Image]:
        if not self.backend.needs_state:
            return [peer.atlases.pixels(frame) for frame in frames]
        for frame in frames:
            peer.atlases.check(frame)
        return []

    async def _answer(self, peer: Client, ask: wire.Ask, images: list[Image]) -> None:
        came = time.monotonic()
        try:
            while not self.hub.has_room(peer.identity):
                await asyncio.sleep(READS_AGAIN_S)
            async with self.gate.ask(ask.version) as version:
                prompt, samples = await self.backend.generate(ask, images)
            self._post(peer.identity, wire.Answer(ask.id, prompt, samples, version))
        except Refused as reason:
            self._refuse(peer, ask, str(reason), retry=True)
        except BackendError:
            raise
        except (ValueError, WireError) as error:  # an impossible ask, or an answer too long to be sent
            self._refuse(peer, ask, str(error), retry=False)
        except Exception as error:  # of whatever library answers: it concerns this ask alone
            flaw = repr(_root(error))
            self.hub.said(peer, f"asked for what the backend cannot do: {flaw}")
            self._refuse(peer, ask, flaw, retry=False)
        else:
            self.hub.counts["answers"] += 1
            self.hub.counts["samples"] += len(samples)
            self._latencies.append(time.monotonic() - came)

    def _refuse(self, peer: Client, ask: wire.Ask, reason: str, retry: bool) -> None:
        self.hub.counts["refusals"] += 1
        self._post(peer.identity, wire.Refusal(ask.id, wire.clip(reason), retry))

    def _count(self, more: int) -> None:
        """Asks in flight, and for how long there were none."""
        now = time.monotonic()
        if not self._num_asks:
            self._empty_s += now - self._empty_since
        self._num_asks += more
        if not self._num_asks:
            self._empty_since = now
            self._posted.set()

    async def _take_weights(self) -> None:
        while True:
            try:
                patience_s = self._weights_timeout_s if self.gate.transferring else None
                identity, call = await asyncio.wait_for(self._calls.get(), patience_s)
            except TimeoutError:  # its trainer is gone, most likely; asks wait for the end of it
                self.gate.fail(f"no further step came for {self._weights_timeout_s:.0f} s")
                continue
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
            self._post(identity, wire.WeightDone(call.id, self.gate.version, error))

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
            await asyncio.sleep(wire.HEARTBEAT_S)
            self.hub.beat()
            self._posted.set()

    def _welcome(self) -> wire.Welcome:
        backend = self.backend
        return wire.Welcome(
            "node", self._run, backend.name, backend.needs_state, self.gate.version, codec.READABLE, codec.machine()
        )

    def _report(self) -> wire.Report:
        p50, p99 = np.percentile(self._latencies, [50, 99]).tolist() if self._latencies else (0.0, 0.0)
        empty_s = self._empty_s + (0.0 if self._num_asks else time.monotonic() - self._empty_since)
        gauges = {
            "asks_in_flight": float(self._num_asks),
            "asks_running": float(self.gate.running),
            "latency_p50_s": p50,
            "latency_p99_s": p99,
            "queue_empty_s": empty_s,
        }
        return self.hub.report("node", self._run, self.gate.version, gauges, self.backend.name)

    def _gone(self, peer: Client, why: str) -> None:
        if peer.asks:
            log.warning("%s %s; %d asks of it are dropped", peer.name, why, len(peer.asks))
        for task in peer.asks:
            task.cancel()

    def _post(self, identity: bytes, message: wire.AnyMessage) -> None:
        if identity in self.hub.peers:
            self.hub.post(identity, message)
            self._posted.set()

    async def _send_all(self) -> None:
        """Whatever was posted in one turn of the event loop leaves together."""
        while True:
            await self._posted.wait()
            self._posted.clear()
            await self._flush()
            if self._leaving and not self._num_asks:
                self._end()

    async def _flush(self) -> None:
        for identity, parcel in self.hub.outgoing():
            try:
                tracker = await self._socket.send_multipart([identity, parcel], zmq.NOBLOCK, copy=False, track=True)
            except zmq.ZMQError as error:
                self.hub.undelivered(identity, sockets.why_undelivered(error))
            else:
                self.hub.sent(identity, len(parcel), sockets.is_done(tracker))

    async def last_words(self, error: BaseException) -> None:
        """Tell everybody why this node ends: one of them has a console that somebody looks at."""
        where = f"{socketlib.gethostname()}, process {os.getpid()}"
        for identity in self.hub.peers:
            self.hub.post(identity, wire.Fault(wire.clip(f"the node on {where} ends: {error!r}")))
        self._socket.set(zmq.LINGER, LAST_WORDS_MS)
        await self._flush()
        await asyncio.sleep(READ_WITHIN_S)  # a client's socket drops what is not read when its connection breaks


def _root(error: BaseException) -> BaseException:
    """What an error was raised from in the first place: libraries wrap them in words that say nothing."""
    return error if error.__cause__ is None else _root(error.__cause__)


def _check(ask: wire.Ask, image_bytes: int) -> None:
    """Raises `ValueError` for an ask that no backend can answer."""
    if not ask.turns:
        raise ValueError("there is at least one turn")
    if not 1 <= ask.num_samples <= wire.MAX_SAMPLES or not 1 <= ask.max_tokens <= wire.MAX_TOKENS:
        found = f"{ask.num_samples} and {ask.max_tokens}"
        raise ValueError(f"num_samples is 1 to {wire.MAX_SAMPLES} and max_tokens 1 to {wire.MAX_TOKENS}, not {found}")
    if not 0.0 <= ask.temperature < math.inf:
        raise ValueError(f"temperature is at least 0 and finite, not {ask.temperature}")
    if ask.temperature and not MIN_TEMPERATURE <= ask.temperature <= MAX_TEMPERATURE:
        raise ValueError(f"temperature is 0, or {MIN_TEMPERATURE} to {MAX_TEMPERATURE}, not {ask.temperature}")
    if image_bytes > wire.MAX_PARCEL_BYTES:
        raise ValueError(f"{image_bytes} bytes of images; one ask may have {wire.MAX_PARCEL_BYTES}")
