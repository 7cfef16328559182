"""The thread behind the dispatcher: a ROUTER socket that gives workers tickets and takes their results.

    Join ─▶ Welcome        Pull ─▶ credit ─▶ Work        Group, Failure ─▶ Ledger        Leave, silence ─▶ issued again

It shares its ledger with the main thread under the condition `changed`, which it notifies of results.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial

import zmq

from engine.errors import WorkerError
from engine.net import sockets, wire
from engine.net.hub import Hub, Peer, Read
from engine.ticket import Ticket
from g1train.tickets.ledger import Ledger

log = logging.getLogger("g1")
READ_AT_ONCE = 256  # parcels
READ_BYTES = 4 << 20  # of them, as soon as there are so many
Letter = tuple[bytes, Read, Callable[[], str]]
"""Who sent it, what it says, and how to learn whose key brought it."""


@dataclass
class WorkerPeer(Peer):
    """A connected worker: the names of the tickets that it was sent, and how many more it can hold."""

    credit: int = 0
    held: set[str] = field(default_factory=set)

    @property
    def holds(self) -> int:
        return len(self.held)


class Gateway:
    """Listens from construction to `close`. `crash` holds the exception that ended the thread, if one did."""

    def __init__(self, address: str, run: str, keys: sockets.Keys | None, timeout_s: float) -> None:
        self.changed = threading.Condition()
        self.ledger = Ledger()
        self.hub: Hub[WorkerPeer] = Hub(WorkerPeer, self._welcome, self.report, self._gone, timeout_s)
        self.version = -1
        """Policy version of the newest tickets, for reports."""
        self.crash: Exception | None = None
        self._run, self._closing, self._drain_asked = run, False, False
        self._cell = b""  # identity of the worker that is kept clear for suspects
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
        return [peer for peer in self.hub.peers.values() if peer.join.role == "worker"]

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
                    if time.monotonic() >= beat_at:
                        self.hub.beat()
                        beat_at = time.monotonic() + wire.HEARTBEAT_S
                    self._hand_out()
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
                worker.held.discard(message.ticket)
                self.ledger.group(message, worker.identity)
                self.changed.notify_all()
            case wire.Failure() if worker.join.role == "worker":
                worker.held.discard(message.ticket)
                if self.ledger.failure(message, worker.identity):
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
            "tickets_in_flight": self.ledger.num_open - self.ledger.num_pending,
            "groups_to_collect": len(self.ledger.done),
            "tickets_set_aside": len(self.ledger.failed),
        }
        return self.hub.report("trainer", self._run, self.version, dict(gauges))

    def _gone(self, worker: WorkerPeer, why: str) -> None:
        if worker.join.role == "worker":
            lost = self.ledger.lost(worker.identity)
            log.info("worker %s %s; %d tickets are issued again", worker.name, why, lost)
            self.changed.notify_all()

    def _choose_cell(self) -> WorkerPeer | None:
        """While there are suspects, one worker is kept clear for them, until it has played the last."""
        cell = next((worker for worker in self.workers if worker.identity == self._cell), None)
        if self.ledger.has_suspects:
            cell = cell or min(self.workers, key=lambda one: one.holds, default=None)
        elif cell is not None and not cell.held:
            cell = None
        self._cell = b"" if cell is None else cell.identity
        return cell

    def _hand_out(self) -> None:
        """Tickets one by one to whoever has the most credit left, then one message a worker."""
        if self._drain_asked:
            self._drain_asked = False
            for worker in self.workers:
                worker.credit = 0
                self.hub.post(worker.identity, wire.Drain())
        work: dict[bytes, list[tuple[Ticket, str]]] = defaultdict(list)

        def give(worker: WorkerPeer, take: Callable[[bytes], tuple[Ticket, str]]) -> None:
            ticket, name = take(worker.identity)
            worker.credit -= 1
            worker.held.add(name)
            work[worker.identity].append((ticket, name))

        cell = self._choose_cell()
        if cell is not None and cell.credit and not cell.held and self.ledger.has_suspects:
            give(cell, self.ledger.take_suspect)
        ready = [worker for worker in self.workers if worker.credit and worker is not cell]
        while self.ledger.has_pending and ready:
            worker = max(ready, key=lambda one: one.credit)
            give(worker, self.ledger.take)
            if not worker.credit:
                ready.remove(worker)
        for identity, pairs in work.items():
            self.hub.post(identity, wire.Work([ticket for ticket, _ in pairs], [name for _, name in pairs]))
