"""Who is alive on the other side: `Link` is a client's connection, `Peers` is a server's list of its clients.

    Link ── Join, then a Beat every second and the owner's messages ──▶ server with Peers
         ◀── Welcome, Beats, messages; Fault(rejoin) to a stranger ────

A server forgets whom it has not heard for ten beats. A link that is told to join again, that hears nothing, or whose
connection breaks, starts over on a fresh socket, so that nothing said before a restart arrives after it.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import zmq

from engine import sockets, wire
from engine.errors import WireError

log = logging.getLogger("g1")
Role = Literal["worker", "trainer", "monitor"]
JOIN_AGAIN_S = 3.0
TRY_AGAIN_S = 0.05
FIRST_NOTICE_S, NOTICE_EVERY_S = 3.0, 10.0


class Link:
    """Call `tick` and `messages` often. What `send` is given while `joined` is false goes nowhere.

    `messages` hands out a `Welcome` whenever the server knows this link anew: what was in flight is to be sent again.
    """

    def __init__(
        self, context: sockets.Context, address: str, what: str, join: wire.Join, keys: sockets.Keys | None = None
    ) -> None:
        self.address = address
        self.welcome: wire.Welcome | None = None
        self._context, self._what, self._join, self._keys = context, what, join, keys
        self._notice_at = time.monotonic() + FIRST_NOTICE_S
        self.socket = self._open()

    @property
    def joined(self) -> bool:
        return self.welcome is not None

    def _open(self) -> sockets.Socket:
        socket: sockets.Socket = self._context.socket(zmq.DEALER)
        sockets.connect(socket, self.address, self._keys)
        self._heard = self._beat_at = time.monotonic()
        self._asked = False
        return socket

    def renew(self, reason: str) -> None:
        """Drop the connection and everything under way on it, and begin again."""
        if self.welcome is not None:
            log.warning("lost the %s at %s (%s); joining again", self._what, self.address, reason)
            self._notice_at = time.monotonic() + FIRST_NOTICE_S
        self.welcome = None
        self.socket.close(linger=0)
        self.socket = self._open()

    def tick(self) -> None:
        """Join, beat and notice silence, each when it is due."""
        now = time.monotonic()
        silent = now - self._heard
        if silent > (wire.DEATH_S if self.joined else JOIN_AGAIN_S) and (self.joined or self._asked):
            self.renew(f"nothing heard for {silent:.0f} s")
        if not self.joined and now >= self._notice_at:
            log.warning("waiting for the %s at %s", self._what, self.address)
            self._notice_at = now + NOTICE_EVERY_S
        if now < self._beat_at:
            return
        if self.joined:
            self._beat_at = now + wire.HEARTBEAT_S
            self.send(wire.Beat())
        elif not self._asked:
            self._asked = self._put(self._join)
            self._beat_at = now + TRY_AGAIN_S
            self._heard = now

    def _put(self, message: wire.AnyMessage, *buffers: bytes) -> bool:
        try:
            self.socket.send_multipart(wire.encode(message, *buffers), flags=zmq.NOBLOCK, copy=True)
        except zmq.Again:
            return False
        return True

    def send(self, message: wire.AnyMessage, *buffers: bytes) -> bool:
        """Whether it was sent; a connection that takes nothing is broken, and is renewed."""
        if not self.joined:
            return False
        if self._put(message, *buffers):
            return True
        self.renew("the connection broke")
        return False

    def messages(self) -> Iterator[tuple[wire.AnyMessage, Sequence[bytes | memoryview]]]:
        """What has arrived, less beats and calls to join again."""
        while True:
            try:
                parts = self.socket.recv_multipart(flags=zmq.NOBLOCK)
            except zmq.Again:
                return
            self._heard = time.monotonic()
            try:
                message, buffers = wire.decode(parts)
            except WireError as error:
                log.warning("the %s at %s sent what is not of the protocol: %s", self._what, self.address, error)
                continue
            if isinstance(message, wire.Fault) and message.rejoin:
                self.renew(message.reason)
                return
            if isinstance(message, wire.Welcome):
                self.welcome = message
                log.info("joined the %s at %s", self._what, self.address)
            if not isinstance(message, wire.Beat):
                yield message, buffers

    def close(self) -> None:
        """Say goodbye, if anybody listens, and close."""
        if self.joined:
            self._put(wire.Leave())
        self.socket.close(linger=500)


def join_as(role: Role, name: str) -> wire.Join:
    return wire.Join(role, name, os.getpid())


@dataclass
class Peer:
    """One client of a server; servers add what else they keep of it in a subclass."""

    identity: bytes
    join: wire.Join
    heard: float


P = TypeVar("P", bound=Peer)


class Peers(Generic[P]):
    """The clients of a ROUTER socket, by the identity that ZeroMQ gave their connection."""

    def __init__(self, make: Callable[[bytes, wire.Join, float], P], timeout_s: float = wire.DEATH_S) -> None:
        self._make, self._timeout_s = make, timeout_s
        self.by_identity: dict[bytes, P] = {}

    def __iter__(self) -> Iterator[P]:
        return iter(list(self.by_identity.values()))

    def __len__(self) -> int:
        return len(self.by_identity)

    def join(self, identity: bytes, join: wire.Join) -> list[P]:
        """Add a client; returns those that it replaces: the same connection, or an earlier life of the same name."""
        gone = [
            peer
            for peer in self
            if peer.identity == identity or (peer.join.role, peer.join.name) == (join.role, join.name)
        ]
        for peer in gone:
            del self.by_identity[peer.identity]
        self.by_identity[identity] = self._make(identity, join, time.monotonic())
        return gone

    def hear(self, identity: bytes) -> P | None:
        """The client that spoke, or None for a stranger."""
        peer = self.by_identity.get(identity)
        if peer is not None:
            peer.heard = time.monotonic()
        return peer

    def leave(self, identity: bytes) -> P | None:
        return self.by_identity.pop(identity, None)

    def expire(self) -> list[P]:
        """Remove and return those that have been silent for too long."""
        limit = time.monotonic() - self._timeout_s
        gone = [peer for peer in self if peer.heard < limit]
        for peer in gone:
            del self.by_identity[peer.identity]
        return gone


def greeting(join: wire.Join, welcome: wire.Welcome) -> wire.Welcome | wire.Fault:
    """What a server says to `Join`: `Welcome`, or why not."""
    if join.protocol == wire.PROTOCOL:
        return welcome
    return wire.Fault(
        f"{join.name} speaks protocol {join.protocol}, this side {wire.PROTOCOL}: install the same version"
    )


STRANGER = wire.Fault("you are not known here: send Join first", rejoin=True)
