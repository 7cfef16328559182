"""A client's connection to a trainer or a node: it joins, beats, and starts over when the other side is gone.

    Link ── Join, then a Beat every second and the owner's messages ──▶ server (engine/net/hub.py)
         ◀── Welcome, Beats, messages; Fault(rejoin) to a stranger ────

What is sent in one turn of the owner's loop leaves in one parcel, at `flush`. A link that is told to join again, that
hears nothing, or whose connection breaks, starts over on a fresh socket, so that nothing said before a restart arrives
after it.
"""

import itertools
import logging
import os
import secrets
import time
from collections.abc import Iterator
from typing import Literal

import msgspec
import zmq
from zmq.utils.monitor import parse_monitor_message

from engine.errors import WireError
from engine.net import sockets, wire

log = logging.getLogger("g1")
Role = Literal["worker", "trainer", "monitor"]
Server = Literal["trainer", "node"]
JOIN_AGAIN_S = 3.0
KNOCK_AGAIN_S = 1.0
TRY_AGAIN_S = 0.05
FIRST_NOTICE_S, NOTICE_EVERY_S = 3.0, 10.0
_attempts = itertools.count(1)  # of all links of this process: a client may follow an earlier one with the same Join
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


class Link:
    """Call `tick`, `messages` and `flush` often. What `send` is given while `joined` is false goes nowhere.

    `messages` hands out a `Welcome` whenever the server knows this link anew: what was in flight is to be sent again.
    """

    def __init__(
        self,
        context: sockets.Context,
        address: str,
        server: Server,
        join: wire.Join,
        keys: sockets.Keys | None = None,
        first_notice_s: float = FIRST_NOTICE_S,
    ) -> None:
        self.address, self.server = address, server
        self.welcome: wire.Welcome | None = None
        self.load: dict[str, int] = {}
        """What the next beats say about the owner."""
        self.trouble = ""
        """Why the server does not let us in, once that is known."""
        self._context, self._join, self._keys = context, join, keys
        self._broken = self._told_of_alias = False
        self._first_notice_s = first_notice_s
        self._notice_at = time.monotonic() + first_notice_s
        self._outbox: list[bytes] = []
        self._monitor: sockets.Socket
        self.socket = self._open()

    @property
    def joined(self) -> bool:
        return self.welcome is not None

    def _open(self) -> sockets.Socket:
        socket: sockets.Socket = self._context.socket(zmq.DEALER)
        self._monitor = socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL if self._keys is None else REFUSED
        )
        sockets.connect(socket, self.address, self._keys, self.server)
        self._heard = self._beat_at = time.monotonic()
        self._asked, self._again_at = False, 0.0
        return socket

    def _close(self, linger_ms: int) -> None:
        self.socket.disable_monitor()
        self._monitor.close(linger=0)
        self.socket.close(linger=linger_ms)

    def renew(self, reason: str) -> None:
        """Drop the connection and everything under way on it, and begin again."""
        if self.welcome is not None:
            log.warning("lost the %s at %s (%s); joining again", self.server, self.address, reason)
            self._notice_at = time.monotonic() + self._first_notice_s
        self.welcome, self._broken = None, False
        self._outbox.clear()
        self._close(0)
        self.socket = self._open()

    def tick(self) -> None:
        """Join, beat and notice silence, each when it is due."""
        now = time.monotonic()
        silent = now - self._heard
        if silent > (wire.DEATH_S if self.joined else JOIN_AGAIN_S) and (self.joined or self._asked):
            self.renew(f"nothing heard for {silent:.0f} s")
        self._look_for_refusal()
        if self._again_at and now >= self._again_at:
            self.renew(self.trouble)
        if not self.joined and now >= self._notice_at:
            log.warning("waiting for the %s at %s%s", self.server, self.address, self.trouble and f": {self.trouble}")
            self._notice_at = now + NOTICE_EVERY_S
        if now < self._beat_at:
            return
        if self.joined:
            self._beat_at = now + wire.HEARTBEAT_S
            self.send(wire.Beat(self.load))
        elif not self._asked:
            self._asked = self._put(wire.encode(msgspec.structs.replace(self._join, attempt=next(_attempts))))
            self._beat_at = now + TRY_AGAIN_S
            self._heard = now

    def _look_for_refusal(self) -> None:
        """libzmq does not always try again after a handshake that failed, so we do."""
        if not self._monitor.poll(0):
            return
        event = parse_monitor_message(self._monitor.recv_multipart())["event"]
        if not self.trouble:
            self._notice_at = 0.0
        self.trouble = self._why_refused(event)
        self._again_at = self._again_at or time.monotonic() + KNOCK_AGAIN_S

    def _why_refused(self, event: int) -> str:
        if self._keys is None:
            return "it wants keys: give this process its secret key file with --keys"
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return f"it refuses the key '{self._keys.name}': give it {self._keys.name}.public"
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return "it speaks without keys: give it its own, or do without them here"
        wrong = f"{self._keys.folder / self.server}.public is not its key"  # or the node hung up before that was clear:
        return f"{wrong}, or it speaks without keys: copy the right one here, or do without"

    def _put(self, parcel: bytes) -> bool:
        try:
            self.socket.send(parcel, flags=zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def send(self, message: wire.AnyMessage) -> None:
        """Have it leave with the next parcel. Raises `WireError` if it is too long."""
        if self.joined:
            self._outbox.append(wire.pack(message))

    def flush(self) -> None:
        """Let everything leave; a connection that takes nothing is broken: renewed once all that came is read."""
        outbox, self._outbox = self._outbox, []
        for parcel in wire.parcels(outbox):
            if not self._broken and not self._put(parcel):
                self._broken = True

    def messages(self) -> Iterator[wire.AnyMessage]:
        """What has arrived, less beats and calls to join again."""
        while True:
            try:
                parts = self.socket.recv_multipart(flags=zmq.NOBLOCK)
            except zmq.Again:
                if self._broken:
                    self.renew("the connection broke")
                return
            self._heard = time.monotonic()
            try:
                parcel = wire.decode(parts)
            except WireError as error:
                log.warning("the %s at %s sent what is not of the protocol: %s", self.server, self.address, error)
                continue
            for message in parcel:
                if isinstance(message, wire.Fault) and message.rejoin:
                    self.renew(message.reason)
                    return
                if isinstance(message, wire.Welcome):
                    self.welcome, self.trouble = message, ""
                    log.info("joined the %s at %s", self.server, self.address)
                    self._note_alias(message.known_as)
                if not isinstance(message, wire.Beat):
                    yield message

    def leave(self) -> None:
        """Say goodbye, if anybody listens, and begin again on a fresh socket."""
        self.close()
        self.welcome, self._broken = None, False
        self.socket = self._open()

    def _note_alias(self, known_as: str) -> None:
        """Say once that another client has our name."""
        if known_as and not self._told_of_alias:
            who = f"another {self._join.role} is called {self._join.name} at the {self.server} at {self.address}"
            log.warning("%s: this one goes by %s there; give each a --name of its own", who, known_as)
            self._told_of_alias = True

    def close(self) -> None:
        """Say goodbye, if anybody listens, and close."""
        self.send(wire.Leave())
        self.flush()
        self._close(500)


def join_as(role: Role, name: str, life: str = "") -> wire.Join:
    """What a client of that name joins with, again and again; `life` is what its supervisor gave it."""
    return wire.Join(role, name, os.getpid(), life=life or secrets.token_hex(8))
