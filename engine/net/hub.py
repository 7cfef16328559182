"""A server's clients: who has joined, who is silent, what leaves for whom. Trainer and node each have one. No sockets.

    parcel ─▶ receive ─┬─ Join, Beat, Leave, Look, strangers, what does not decode: dealt with here
                       └─ (peer, message) ─▶ owner ─▶ post ─▶ outgoing: one parcel a peer

A server forgets whom it has not heard for a while, but not when it was itself asleep: their beats are still unread.

Who has not joined is a stranger: of what it sends nothing is decoded but a Join. Two clients of one name are told apart
by the `life` in their Join: the same life is the same client on a new connection, or started again by its supervisor,
and takes its own place; another life is let in under another name, and told so.
"""

import itertools
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from engine.errors import WireError
from engine.net import wire
from engine.net.outbox import Outbox
from engine.net.said import Allowance

log = logging.getLogger("g1")
MAX_PEERS = 1024
LEFT = "left"  # why a peer that said goodbye is gone
UNREAD_S = 60.0  # a client of whose parcels the network takes nothing for so long does not read
REPORT_EVERY_S = 0.05  # whoever looks more often is told the same again
SAID_AT_ONCE, SAID_A_SECOND = 20, 0.5  # lines on the console that clients can cause
TOLD_AT_ONCE, TOLD_A_SECOND = MAX_PEERS, 50.0  # strangers that are answered
STRANGER = wire.Fault("you are not known here: send Join first", rejoin=True)


@dataclass
class Peer:
    """One client; servers add what else they keep of it in a subclass."""

    identity: bytes
    join: wire.Join
    heard: float
    joined: float
    alias: str = ""
    """What it goes by here, where another client has its name."""
    load: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.alias or self.join.name

    @property
    def holds(self) -> int:
        """What of ours it has, for reports."""
        return 0


P = TypeVar("P", bound=Peer)


@dataclass(frozen=True)
class Read:
    """A parcel that was received: what it says, or why it cannot be used."""

    num_bytes: int
    messages: Sequence[wire.AnyMessage] = ()
    flaw: str = ""


class Hub(Generic[P]):
    """`counts` has joins, parcels, bytes, faults, refused keys; owners add theirs. `on_gone` gets a peer and why."""

    def __init__(
        self,
        make: Callable[[bytes, wire.Join, float, float, str], P],
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
        self._outbox = Outbox()
        self._lookers: set[bytes] = set()
        self._packed_report, self._report_at = b"", 0.0
        self._told_of: set[str] = set()
        self._lines = Allowance(SAID_AT_ONCE, SAID_A_SECOND)
        self._strangers = Allowance(TOLD_AT_ONCE, TOLD_A_SECOND)
        self._began = self._beaten = time.monotonic()

    def refused(self, who: str) -> None:
        """Count somebody with an unknown key, or none; may be called from any thread."""
        self.counts["refused_keys"] += 1  # it is there from the start, so that no other thread sees it come
        if who not in self._told_of and len(self._told_of) < MAX_PEERS:
            self._told_of.add(who)
            log.warning("refused %s (said once)", who)

    def receive(
        self, identity: bytes, parts: Sequence[wire.Part], key_of: Callable[[], str] = str
    ) -> Iterator[tuple[P, wire.AnyMessage]]:
        """What of a parcel is the owner's business. `key_of` gives the name of the sender's key; empty without keys."""
        return self.take(identity, self.read(identity, parts), key_of)

    def read(self, identity: bytes, parts: Sequence[wire.Part]) -> Read:
        """Decode a parcel, while nobody needs to wait for it. Of a stranger's only what may be a Join is looked at."""
        num_bytes = sum(len(part) for part in parts)
        if identity not in self.peers and not wire.may_join(parts):
            return Read(num_bytes)
        try:
            return Read(num_bytes, wire.decode(parts))
        except WireError as error:
            return Read(num_bytes, flaw=str(error))

    def take(self, identity: bytes, read: Read, key_of: Callable[[], str] = str) -> Iterator[tuple[P, wire.AnyMessage]]:
        """The rest of `receive`. What one parcel says may decide how the next is read."""
        self.counts["parcels_in"] += 1
        self.counts["bytes_in"] += read.num_bytes
        if read.flaw:
            self.fault(identity, read.flaw)
        elif identity not in self.peers and not (read.messages and isinstance(read.messages[0], wire.Join)):
            self._stranger(identity, STRANGER)
            return
        for message in read.messages:
            peer = self.peers.get(identity)
            if peer is not None:
                peer.heard = time.monotonic()
            match message:
                case wire.Join():
                    self._join(identity, message, key_of())
                case _ if peer is None:
                    self._stranger(identity, STRANGER)
                    return
                case wire.Fault():
                    self.said(peer, f"reports: {message.reason}")
                case wire.Leave():
                    self._drop(peer, LEFT)
                case wire.Beat():
                    peer.load = message.load
                case wire.Look():
                    self._lookers.add(identity)
                case _:
                    yield peer, message

    def said(self, peer: P, what: str) -> None:
        """A line on the console that a client causes; those beyond what anybody reads are only counted."""
        if self._lines.take():
            log.warning("%s %s", peer.name, what)
        else:
            self.counts["lines_unshown"] += 1

    def fault(self, identity: bytes, reason: str) -> None:
        """Count a message that could not be used, and tell its sender why."""
        self.counts["faults"] += 1
        fault = wire.Fault(wire.clip(reason))
        if identity in self.peers:
            self.post(identity, fault)
        else:
            self._stranger(identity, fault)

    def beat(self) -> None:
        """Forget the silent and beat for the others; call it every `HEARTBEAT_S`."""
        now = time.monotonic()
        asleep, self._beaten = now - self._beaten > 2 * wire.HEARTBEAT_S, now
        self._outbox.settle()
        for peer in [] if asleep else list(self.peers.values()):
            if now - peer.heard > self._timeout_s:
                self._drop(peer, f"has been silent for {now - peer.heard:.0f} s")
            elif self._outbox.stuck_s(peer.identity) > UNREAD_S:
                self._drop(peer, f"has read nothing for {UNREAD_S:.0f} s")
        for identity in list(self.peers):
            self.post(identity, wire.Beat())

    def post(self, identity: bytes, message: wire.AnyMessage) -> None:
        """Have it leave with the next parcel to that client, which is given up if too much waits for it already.

        Raises `WireError` if the message is too long.
        """
        self._post(identity, wire.pack(message))

    def has_room(self, identity: bytes) -> bool:
        """Should more be made for that client now, or has it much to read first?"""
        return self._outbox.has_room(identity)

    def outgoing(self) -> Iterator[tuple[bytes, bytes]]:
        """(identity, parcel) of all that was posted since the last call, and a report for those who look."""
        for identity in [one for one in self._lookers if not self._outbox.in_transit(one)]:
            self._lookers.discard(identity)
            self._post(identity, self._fresh_report())
        for identity, parcel in self._outbox.outgoing():
            self.counts["parcels_out"] += 1
            self.counts["bytes_out"] += len(parcel)
            yield identity, parcel

    def sent(self, identity: bytes, num_bytes: int, done: Callable[[], bool]) -> None:
        """A parcel has left; `done` says whether the network has taken all of it."""
        self._outbox.sent(identity, num_bytes, done)

    def undelivered(self, identity: bytes, why: str) -> None:
        """A parcel did not leave: forget that client, which will join anew if it lives."""
        self.counts["undelivered"] += 1
        self._drop(self.peers.get(identity), why)

    def report(self, name: str, run: str, version: int, gauges: dict[str, float], backend: str = "") -> wire.Report:
        """How things stand, with the owner's own figures."""
        now = time.monotonic()
        peers = [
            wire.PeerReport(
                peer.name, join.role, join.pid, now - peer.joined, now - peer.heard, peer.holds, dict(peer.load)
            )
            for peer in self.peers.values()
            if (join := peer.join).role != "monitor"
        ]
        up_s, host = now - self._began, socket.gethostname()
        return wire.Report(name, host, os.getpid(), run, up_s, version, peers, dict(self.counts), gauges, backend)

    def _join(self, identity: bytes, join: wire.Join, key: str) -> None:
        """Add a client in place of an earlier connection of it, or say why not."""
        if join.role == "trainer" and key not in ("", "trainer"):
            self.fault(identity, f"the key '{key}' is no trainer's: only the one named 'trainer' may send weights")
            return
        if join.protocol != wire.PROTOCOL:
            reason = f"{join.name} speaks protocol {join.protocol}, this side {wire.PROTOCOL}: install the same version"
            self.fault(identity, reason)
            return
        who = (join.role, join.name, join.life)
        earlier = [one for one in self.peers.values() if (one.join.role, one.join.name, one.join.life) == who]
        if any(peer.join.pid == join.pid and peer.join.attempt > join.attempt for peer in earlier):
            return  # a connection that this client gave up before it made the one that it has
        for peer in [*earlier, self.peers.get(identity)]:
            self._drop(peer, "joined anew")
        if len(self.peers) >= self._max_peers:
            self.fault(identity, f"{len(self.peers)} clients are here already, which is the limit")
            return
        now = time.monotonic()
        peer = self.peers[identity] = self._make(identity, join, now, now, self._alias(join))
        self.counts["joins"] += 1
        self.post(identity, msgspec.structs.replace(self._welcome(), known_as=peer.alias))

    def _alias(self, join: wire.Join) -> str:
        """A free name for a client whose own another has, which may be dead: then the beat to it does not arrive."""
        taken = {peer.name: peer for peer in self.peers.values() if peer.join.role == join.role}
        if join.name not in taken:
            return ""
        self.post(taken[join.name].identity, wire.Beat())
        alias = next(name for number in itertools.count(2) if (name := f"{join.name[:180]}~{number}") not in taken)
        log.warning("another %s here is called %s already: the new one goes by %s", join.role, join.name, alias)
        return alias

    def _stranger(self, identity: bytes, fault: wire.Fault) -> None:
        """Tell a stranger what is wrong, unless too many are told already: they may be anybody, and many."""
        self.counts["strange_parcels"] += 1
        if self._strangers.take():
            self._post(identity, wire.pack(fault))

    def _post(self, identity: bytes, packed: bytes) -> None:
        if not self._outbox.post(identity, packed):
            self._drop(self.peers.get(identity), "does not read what it is sent")

    def _fresh_report(self) -> bytes:
        """The owner's report as of now, or as of a moment ago."""
        now = time.monotonic()
        if now >= self._report_at:
            self._packed_report, self._report_at = wire.pack(self._report()), now + REPORT_EVERY_S
        return self._packed_report

    def _drop(self, peer: P | None, why: str) -> None:
        if peer is not None and self.peers.get(peer.identity) is peer:
            del self.peers[peer.identity]
            self._lookers.discard(peer.identity)
            self._outbox.drop(peer.identity)
            self._on_gone(peer, why)
