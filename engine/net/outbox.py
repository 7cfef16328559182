"""What is on its way to a server's clients, counted in bytes, so that nobody who does not read costs much memory.

    post ─▶ waiting ─outgoing─▶ parcel ─send─▶ libzmq's queue ─▶ the network
            └────────────── unread: at most so much for one client, and for all ──────────────┘

libzmq's own limit counts parcels, of which each may have 64 MiB. What it still has is known by its trackers: a parcel
is done when the network has taken it, or its connection is gone. No sockets here: `sent` is told of each parcel.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.net import wire

MAX_UNREAD_BYTES = 2 * wire.MAX_PARCEL_BYTES  # of one client
MAX_ALL_UNREAD_BYTES = 4 * wire.MAX_PARCEL_BYTES  # of all; beyond, a client may still have one parcel of ordinary size
ROOM_BYTES = wire.MAX_PARCEL_BYTES // 2  # who has more unread is to be made no more answers for now


@dataclass
class Mail:
    """Of one client: what waits to be sent, and (bytes, is it done) of each parcel that libzmq was given."""

    waiting: list[bytes] = field(default_factory=list)
    waiting_bytes: int = 0
    sent: deque[tuple[int, Callable[[], bool]]] = field(default_factory=deque)
    sent_bytes: int = 0
    moved: float = 0.0
    """When the network last took something of it, or it had nothing unread."""

    @property
    def unread(self) -> int:
        return self.waiting_bytes + self.sent_bytes

    def settle(self) -> int:
        """Forget the parcels that are done; returns how many bytes those were."""
        done = 0
        while self.sent and self.sent[0][1]():
            done += self.sent.popleft()[0]
        if done or not self.sent:
            self.moved = time.monotonic()
        self.sent_bytes -= done
        return done


class Outbox:
    """By identity; who is not a client may have mail, too."""

    def __init__(self) -> None:
        self.unread_bytes = 0
        """Of all."""
        self._mail: defaultdict[bytes, Mail] = defaultdict(Mail)
        self._posted: dict[bytes, None] = {}  # who has something waiting, in order

    def post(self, identity: bytes, packed: bytes) -> bool:
        """Let it leave with the next parcel, if there is room for it."""
        mail, size = self._mail[identity], len(packed)
        if not self._fits(mail, size):
            self.settle()
            mail = self._mail[identity]
            if not self._fits(mail, size):
                return False
        mail.waiting.append(packed)
        mail.waiting_bytes += size
        self.unread_bytes += size
        self._posted[identity] = None
        return True

    def outgoing(self) -> Iterator[tuple[bytes, bytes]]:
        """(identity, parcel) of all that waits."""
        posted, self._posted = self._posted, {}
        for identity in posted:
            if (mail := self._mail.get(identity)) is not None:
                waiting = mail.waiting
                self._forget_waiting(mail)
                for parcel in wire.parcels(waiting):
                    yield identity, parcel

    def sent(self, identity: bytes, num_bytes: int, done: Callable[[], bool]) -> None:
        """libzmq has taken a parcel; `done` says from time to time whether the network has, too."""
        mail = self._mail[identity]
        self.unread_bytes += num_bytes - mail.settle()
        mail.sent.append((num_bytes, done))
        mail.sent_bytes += num_bytes

    def drop(self, identity: bytes) -> None:
        """Nothing more is to be sent there. What libzmq has of it counts until it is done."""
        if (mail := self._mail.get(identity)) is not None:
            self._forget_waiting(mail)
            if not mail.sent:
                del self._mail[identity]

    def in_transit(self, identity: bytes) -> bool:
        """Does libzmq still have something of it?"""
        mail = self._mail.get(identity)
        if mail is None:
            return False
        self.unread_bytes -= mail.settle()
        return bool(mail.sent)

    def has_room(self, identity: bytes) -> bool:
        """Should more answers be made for it now? Who has read everything always has room."""
        self.in_transit(identity)
        mail = self._mail.get(identity)
        if mail is None or not mail.unread:
            return True
        return mail.unread <= ROOM_BYTES and self.unread_bytes <= MAX_ALL_UNREAD_BYTES // 2

    def stuck_s(self, identity: bytes) -> float:
        """For how long the network has taken nothing of what libzmq has of it."""
        return time.monotonic() - self._mail[identity].moved if self.in_transit(identity) else 0.0

    def settle(self) -> None:
        """Look through the mail of all, and forget who has none."""
        for identity, mail in list(self._mail.items()):
            self.unread_bytes -= mail.settle()
            if not mail.unread:
                del self._mail[identity]

    def _fits(self, mail: Mail, size: int) -> bool:
        unread = mail.unread + size
        return unread <= MAX_UNREAD_BYTES and (
            self.unread_bytes + size <= MAX_ALL_UNREAD_BYTES or unread <= wire.PARCEL_BYTES
        )

    def _forget_waiting(self, mail: Mail) -> None:
        self.unread_bytes -= mail.waiting_bytes
        mail.waiting, mail.waiting_bytes = [], 0
