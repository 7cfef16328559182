"""The thread behind the dispatcher: a ROUTER socket that gives workers tickets and takes their results.

    Join ─▶ Welcome        Pull ─▶ credit ─▶ Work        Group, Failure ─▶ Ledger        Leave, silence ─▶ issued again
                                             └─ held for much longer than is usual ─▶ lent to idle workers as well

It shares its ledger with the main thread under the condition `changed`, which it notifies of results.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import zmq

from engine.errors import WorkerError
from engine.net import sockets, wire
from engine.net.hub import LEFT, Hub, Read
from g1train.tickets import standing
from g1train.tickets.entries import Claim, Hand
from g1train.tickets.giver import Giver, WorkerPeer
from g1train.tickets.ledger import MAX_REFUSED, Ledger

log = logging.getLogger("g1")
READ_AT_ONCE = 256  # parcels
READ_BYTES = 4 << 20  # of them, as soon as there are so many
MAX_REASON = 300  # characters on a line of the console
Letter = tuple[bytes, Read, Callable[[], str]]
"""Who sent it, what it says, and how to learn whose key brought it."""


class Gateway:
    """Listens from construction to `close`. `crash` holds the exception that ended the thread, if one did."""

    def __init__(self, address: str, run: str, keys: sockets.Keys | None, timeout_s: float) -> None:
        self.changed = threading.Condition()
        self.ledger = Ledger()
        self.hub: Hub[WorkerPeer] = Hub(self._arrived, self._welcome, self.report, self._gone, timeout_s)
        self._giver = Giver(self.hub, self.ledger)
        self.version = -1
        """Policy version of the newest tickets, for reports."""
        self.crash: Exception | None = None
        self._run, self._closing, self._drain_asked = run, False, False
        context: sockets.Context = zmq.Context.instance()
        self._router: sockets.Socket = context.socket(zmq.ROUTER)
        try:
            self.address = sockets.bind(self._router, address, keys, self.hub.refused)
        except Exception:
            self._router.close()
            raise
        self._bell: sockets.Socket = context.socket(zmq.PAIR)
        self._door: sockets.Socket = context.socket(zmq.PAIR)
        self._door.bind(f"inproc://g1-gateway-{id(self)}")
        self._bell.connect(f"inproc://g1-gateway-{id(self)}")
        self._thread = threading.Thread(target=self._serve, name="g1-gateway", daemon=True)
        self._thread.start()

    @property
    def workers(self) -> list[WorkerPeer]:
        return self._giver.workers

    def ring(self) -> None:
        """Wake the thread: there are new tickets. Call it with `changed` held."""
        with contextlib.suppress(zmq.Again):  # the thread has ended, of itself or of a crash
            self._bell.send(b"", zmq.NOBLOCK)

    def check(self) -> None:
        """Raises `WorkerError` if the thread has crashed."""
        if self.crash is not None:
            raise WorkerError(f"the dispatcher's thread ended: {self.crash!r}") from self.crash

    def drain(self) -> None:
        """Tell all workers to finish and leave."""
        with self.changed:
            self._drain_asked = True
            self.ring()

    def close(self) -> None:
        """End the thread. Workers wait for the next trainer at this address."""
        with self.changed:
            self._closing = True
            self.ring()
        self._thread.join()
        self._bell.close(linger=0)

    def _serve(self) -> None:
        try:
            beat_at = time.monotonic()
            while not self._closing:
                sockets.wait((self._router, self._door), max(beat_at - time.monotonic(), 0.0))
                letters = self._read_some()
                with self.changed:
                    for letter in letters:
                        self._take(letter)
                    if self._drain_asked:
                        self._drain()
                    self._giver.hand_out()
                    if time.monotonic() >= beat_at:
                        self.hub.beat()
                        self._giver.lend()
                        beat_at = time.monotonic() + wire.HEARTBEAT_S
                    outgoing = list(self.hub.outgoing())
                for identity, parcel in outgoing:
                    self._send(identity, parcel)
        except Exception as error:
            log.exception("the dispatcher's thread ends")
            self.crash = error
        finally:
            self._router.close(linger=500)
            sockets.unbind(self.address)
            self._door.close(linger=0)
            with self.changed:
                self.changed.notify_all()

    def _read_some(self) -> list[Letter]:
        """What has come, decoded, while the main thread has the lock. A stranger's that may be a Join is the last: what
        it says next is read when that is decided."""
        while self._door.poll(0):
            self._door.recv()
        letters: list[Letter] = []
        num_bytes, strange = 0, False
        while len(letters) < READ_AT_ONCE and num_bytes < READ_BYTES and not strange and self._router.poll(0):
            head, *frames = self._router.recv_multipart(copy=False)
            identity = head.bytes
            read = self.hub.read(identity, [frame.buffer for frame in frames])
            letters.append((identity, read, partial(sockets.key_of, frames)))
            num_bytes += read.num_bytes
            strange = bool(read.messages) and identity not in self.hub.peers
        return letters

    def _take(self, letter: Letter) -> None:
        for peer, message in self.hub.take(*letter):
            self._receive(peer, message)

    def _send(self, identity: bytes, parcel: bytes) -> None:
        try:
            tracker = self._router.send_multipart([identity, parcel], zmq.NOBLOCK, copy=False, track=True)
        except zmq.ZMQError as error:
            with self.changed:
                self.hub.undelivered(identity, sockets.why_undelivered(error))
        else:
            self.hub.sent(identity, len(parcel), sockets.is_done(tracker))

    def _receive(self, worker: WorkerPeer, message: wire.AnyMessage) -> None:
        match message:
            case wire.Group() if worker.join.role == "worker":
                if reason := self.ledger.claim(message, worker.hand):
                    self._tell_refused(worker.hand, message, reason)
                if len(self.ledger.claims) >= self.ledger.enough:
                    self.changed.notify_all()
            case wire.Failure() if worker.join.role == "worker":
                if self.ledger.failure(message, worker.hand):
                    self.hub.said(worker, f"failed in ticket {message.index}:\n{message.traceback}")
                self.changed.notify_all()
            case wire.Pull() if worker.join.role == "worker":
                has = worker.credit + worker.holds
                if 0 < message.credit <= wire.MAX_CREDIT - has:
                    worker.credit += message.credit
                else:
                    reason = f"a credit of {message.credit} beside {has} that you have; {wire.MAX_CREDIT} is the limit"
                    self.hub.fault(worker.identity, reason)
            case _:
                reason = f"a {worker.join.role} cannot send {type(message).__name__} to a trainer"
                self.hub.fault(worker.identity, reason)

    def _welcome(self) -> wire.Welcome:
        return wire.Welcome("trainer", self._run)

    def report(self) -> wire.Report:
        """How things stand; call it with `changed` held."""
        for name, count in asdict(self.ledger.stats).items():
            self.hub.counts[name] = count
        gauges = {
            "tickets_pending": self.ledger.num_pending,
            "tickets_in_flight": self.ledger.num_held,
            "groups_to_collect": len(self.ledger.done),
            "tickets_set_aside": len(self.ledger.failed),
        }
        return self.hub.report("trainer", self._run, self.version, dict(gauges))

    def standing(self) -> str:
        """Who waits for what; call it with `changed` held."""
        holders = [standing.Holder(worker.hand, worker.credit, worker.load) for worker in self.workers]
        return standing.line(self.ledger, holders)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Turn a group down, and tell everybody why; call it with `changed` held."""
        reason = reason[:MAX_REASON]
        if self.ledger.refuse(claim, reason):
            self._tell_refused(claim.hand, claim.group, reason)
            self.ring()

    def _tell_refused(self, hand: Hand, group: wire.Group, reason: str) -> None:
        """One line here and one to the worker; none here of a worker that is given nothing any more."""
        line = f"a group of ticket {group.index} is refused: {reason}"
        barred = self.ledger.refusals(hand) - MAX_REFUSED
        if barred == 0:
            line += f"; that is the last of {MAX_REFUSED}, and this worker is given no more tickets"
        if barred <= 0:
            log.warning("worker %s: %s", hand.worker, line)
        for worker in self.workers:
            if worker.hand is hand:
                self.hub.post(worker.identity, wire.Fault(line))

    def _arrived(self, identity: bytes, join: wire.Join, heard: float, joined: float, alias: str) -> WorkerPeer:
        name = alias or join.name
        hand = self.ledger.join(name) if join.role == "worker" else Hand(name)
        return WorkerPeer(identity, join, heard, joined, alias, hand=hand)

    def _gone(self, worker: WorkerPeer, why: str) -> None:
        if worker.join.role == "worker":
            lost = self.ledger.gone(worker.hand, died=why != LEFT)
            log.info("worker %s %s; %d tickets are issued again", worker.name, why, lost)
            self.changed.notify_all()

    def _drain(self) -> None:
        self._drain_asked = False
        for worker in self.workers:
            worker.credit = 0
            self.hub.post(worker.identity, wire.Drain())
