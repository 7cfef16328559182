"""A server's clients: who has joined, who is silent, what leaves for whom. Trainer and node each have one. No sockets.

    parcel ─▶ receive ─┬─ Join, Beat, Leave, Look, strangers, what does not decode: dealt with here
                       └─ (peer, message) ─▶ owner ─▶ post ─▶ outgoing: one parcel a peer

A server forgets whom it has not heard for a while, but not when it was itself asleep: their beats are still unread.
"""

import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.errors import WireError
from engine.net import wire

log = logging.getLogger("g1")
MAX_PEERS = 1024
LEFT = "left"  # why a peer that said goodbye is gone
STRANGER = wire.Fault("you are not known here: send Join first", rejoin=True)


@dataclass
class Peer:
    """One client; servers add what else they keep of it in a subclass."""

    identity: bytes
    join: wire.Join
    heard: float
    joined: float
    load: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> int:
        """What of ours it has, for reports."""
        return 0


P = TypeVar("P", bound=Peer)


class Hub(Generic[P]):
    """`counts` has joins, parcels, bytes, faults, refused keys; owners add theirs. `on_gone` gets a peer and why."""

    def __init__(
        self,
        make: Callable[[bytes, wire.Join, float, float], P],
        welcome: Callable[[], wire.Welcome],
        report: Callable[[], wire.Report],
        on_gone: Callable[[P, str], None],
        timeout_s: float = wire.DEATH_S,
        max_peers: int = MAX_PEERS,
    ) -> None:
        self.peers: dict[bytes, P] = {}
        self.counts: Counter[str] = Counter(refused_keys=0)
        self._make, self._welcome, self._report, self._on_gone = make, welcome, report, on_gone
        self._timeout_s, self._max_peers = timeout_s, max_peers
        self._outbox: dict[bytes, list[bytes]] = {}
        self._told_of: set[str] = set()
        self._began = self._beaten = time.monotonic()

    def refused(self, who: str) -> None:
        """Count somebody with an unknown key, or none; may be called from any thread."""
        self.counts["refused_keys"] += 1  # it is there from the start, so that no other thread sees it come
        if who not in self._told_of and len(self._told_of) < MAX_PEERS:
            self._told_of.add(who)
            log.warning("refused %s (said once)", who)

    def receive(
        self, identity: bytes, parts: Sequence[bytes], key_of: Callable[[], str] = str
    ) -> Iterator[tuple[P, wire.AnyMessage]]:
        """What of a parcel is the owner's business. `key_of` gives the name of the sender's key; empty without keys."""
        self.counts["parcels_in"] += 1
        self.counts["bytes_in"] += sum(len(part) for part in parts)
        try:
            messages = wire.decode(parts)
        except WireError as error:
            self.fault(identity, str(error))
            return
        for message in messages:
            peer = self.peers.get(identity)
            if peer is not None:
                peer.heard = time.monotonic()
            match message:
                case wire.Join():
                    self._join(identity, message, key_of())
                case wire.Fault():
                    log.warning("%s reports: %s", "a stranger" if peer is None else peer.join.name, message.reason)
                case wire.Leave():
                    self._drop(peer, LEFT)
                case _ if peer is None:
                    self.post(identity, STRANGER)
                    return
                case wire.Beat():
                    peer.load = message.load
                case wire.Look():
                    self.post(identity, self._report())
                case _:
                    yield peer, message

    def fault(self, identity: bytes, reason: str) -> None:
        """Count a message that could not be used, and tell its sender why."""
        self.counts["faults"] += 1
        self.post(identity, wire.Fault(wire.clip(reason)))

    def beat(self) -> None:
        """Forget the silent and beat for the others; call it every `HEARTBEAT_S`."""
        now = time.monotonic()
        asleep, self._beaten = now - self._beaten > 2 * wire.HEARTBEAT_S, now
        for peer in [] if asleep else list(self.peers.values()):
            if now - peer.heard > self._timeout_s:
                self._drop(peer, f"has been silent for {now - peer.heard:.0f} s")
        for identity in self.peers:
            self.post(identity, wire.Beat())

    def post(self, identity: bytes, message: wire.AnyMessage) -> None:
        """Have it leave with the next parcel to that peer. Raises `WireError` if it is too long."""
        self._outbox.setdefault(identity, []).append(wire.pack(message))

    def outgoing(self) -> Iterator[tuple[bytes, bytes]]:
        """(identity, parcel) of all that was posted since the last call."""
        outbox, self._outbox = self._outbox, {}
        for identity, packed in outbox.items():
            for parcel in wire.parcels(packed):
                self.counts["parcels_out"] += 1
                self.counts["bytes_out"] += len(parcel)
                yield identity, parcel

    def undelivered(self, identity: bytes, why: str) -> None:
        """A parcel did not leave: forget that client, which will join anew if it lives."""
        self.counts["undelivered"] += 1
        self._drop(self.peers.get(identity), why)

    def report(self, name: str, run: str, version: int, gauges: dict[str, float], backend: str = "") -> wire.Report:
        """How things stand, with the owner's own figures."""
        now = time.monotonic()
        peers = [
            wire.PeerReport(
                join.name, join.role, join.pid, now - peer.joined, now - peer.heard, peer.holds, dict(peer.load)
            )
            for peer in self.peers.values()
            if (join := peer.join).role != "monitor"
        ]
        up_s, host = now - self._began, socket.gethostname()
        return wire.Report(name, host, os.getpid(), run, up_s, version, peers, dict(self.counts), gauges, backend)

    def _join(self, identity: bytes, join: wire.Join, key: str) -> None:
        """Add a client in place of an earlier life of it, or say why not."""
        if join.role == "trainer" and key not in ("", "trainer"):
            self.fault(identity, f"the key '{key}' is no trainer's: only the one named 'trainer' may send weights")
            return
        if join.protocol != wire.PROTOCOL:
            reason = f"{join.name} speaks protocol {join.protocol}, this side {wire.PROTOCOL}: install the same version"
            self.fault(identity, reason)
            return
        lives = [peer for peer in self.peers.values() if (peer.join.role, peer.join.name) == (join.role, join.name)]
        if any(peer.join.pid == join.pid and peer.join.attempt > join.attempt for peer in lives):
            return  # a connection that this client gave up before it made the one that it has
        for peer in [*lives, self.peers.get(identity)]:
            self._drop(peer, "joined anew")
        if len(self.peers) >= self._max_peers:
            self.fault(identity, f"{len(self.peers)} clients are here already, which is the limit")
            return
        now = time.monotonic()
        self.peers[identity] = self._make(identity, join, now, now)
        self.counts["joins"] += 1
        self.post(identity, self._welcome())

    def _drop(self, peer: P | None, why: str) -> None:
        if peer is not None and self.peers.get(peer.identity) is peer:
            del self.peers[peer.identity]
            self._outbox.pop(peer.identity, None)
            self._on_gone(peer, why)
