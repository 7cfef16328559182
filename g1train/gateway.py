"""The thread behind the dispatcher: a ROUTER socket that gives workers tickets and takes their results.

    Join ─▶ Welcome        Pull ─▶ credit ─▶ Work        Group, Failure ─▶ Ledger        Leave, silence ─▶ issued again

It shares its ledger with the main thread under the condition `changed`, which it notifies of every result.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import zmq

from engine import sockets, wire
from engine.errors import WireError
from engine.link import STRANGER, Peer, Peers, greeting
from engine.ticket import Ticket
from g1train.ledger import Ledger

log = logging.getLogger("g1")
MAX_CREDIT = 4096


@dataclass
class WorkerPeer(Peer):
    """A connected worker, and how many more tickets it can hold."""

    credit: int = 0


class Gateway:
    """Listens from construction to `close`. `crash` holds the exception that ended the thread, if one did."""

    def __init__(self, address: str, run: str, keys: sockets.Keys | None, timeout_s: float) -> None:
        self.changed = threading.Condition()
        self.ledger, self.workers = Ledger(), Peers(WorkerPeer, timeout_s)
        self.faults = 0
        self.crash: Exception | None = None
        self._run, self._closing, self._drain_asked = run, False, False
        context: sockets.Context = zmq.Context.instance()
        self._router: sockets.Socket = context.socket(zmq.ROUTER)
        try:
            self.address = sockets.bind(self._router, address, keys)
        except Exception:
            self._router.close()
            raise
        self._bell: sockets.Socket = context.socket(zmq.PAIR)
        self._door: sockets.Socket = context.socket(zmq.PAIR)
        self._door.bind(f"inproc://g1-gateway-{id(self)}")
        self._bell.connect(f"inproc://g1-gateway-{id(self)}")
        self._thread = threading.Thread(target=self._serve, name="g1-gateway", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """Wake the thread: there are new tickets. Call it with `changed` held."""
        self._bell.send(b"")

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
                with self.changed:
                    self._read_all()
                    if time.monotonic() >= beat_at:
                        self._beat()
                        beat_at = time.monotonic() + wire.HEARTBEAT_S
                    self._hand_out()
        except Exception as error:
            self.crash = error
        finally:
            self._router.close(linger=500)
            self._door.close(linger=0)
            with self.changed:
                self.changed.notify_all()

    def _read_all(self) -> None:
        while self._door.poll(0):
            self._door.recv()
        while self._router.poll(0):
            identity, *parts = self._router.recv_multipart()
            try:
                self._receive(identity, wire.decode(parts)[0])
            except WireError as error:
                self.faults += 1
                self._send(identity, wire.Fault(str(error)))

    def _receive(self, identity: bytes, message: wire.AnyMessage) -> None:
        worker = self.workers.hear(identity)
        match message:
            case wire.Join():
                self._forget(self.workers.join(identity, message), "joined anew")
                self._send(identity, greeting(message, wire.Welcome("trainer", self._run)))
                log.info("worker %s joined", message.name)
            case wire.Group():
                self.ledger.group(message)
                self.changed.notify_all()
            case wire.Failure():
                if self.ledger.failure(message, identity):
                    log.warning("ticket %d failed in %s:\n%s", message.index, message.worker, message.traceback)
                self.changed.notify_all()
            case wire.Pull() if worker is not None:
                if not 0 < message.credit <= MAX_CREDIT - worker.credit:
                    raise WireError(f"a credit of {message.credit} after {worker.credit}; at most {MAX_CREDIT} in all")
                worker.credit += message.credit
            case wire.Leave():
                if worker is not None and self.workers.leave(identity) is not None:
                    self._forget([worker], "left")
            case wire.Fault():
                log.warning("%s reports: %s", identity.hex() if worker is None else worker.join.name, message.reason)
            case wire.Beat() if worker is not None:
                pass
            case _ if worker is not None:
                raise WireError(f"a {worker.join.role} cannot send {type(message).__name__} to a trainer")
        if worker is None and not isinstance(message, wire.Join | wire.Leave | wire.Fault):
            self._send(identity, STRANGER)

    def _beat(self) -> None:
        self._forget(self.workers.expire(), "is silent")
        for worker in self.workers:
            self._send(worker.identity, wire.Beat())

    def _forget(self, gone: Sequence[WorkerPeer], why: str) -> None:
        for worker in gone:
            lost = self.ledger.lost(worker.identity)
            log.info("worker %s %s; %d tickets are issued again", worker.join.name, why, lost)
        if gone:
            self.changed.notify_all()

    def _hand_out(self) -> None:
        """Tickets one by one to whoever has the most credit left, then one message a worker."""
        if self._drain_asked:
            self._drain_asked = False
            for worker in self.workers:
                worker.credit = 0
                self._send(worker.identity, wire.Drain())
        work: dict[bytes, list[Ticket]] = defaultdict(list)
        while self.ledger.num_pending and len(self.workers):
            worker = max(self.workers, key=lambda one: one.credit)
            if not worker.credit:
                break
            worker.credit -= 1
            work[worker.identity].append(self.ledger.take(worker.identity))
        for identity, tickets in work.items():
            self._send(identity, wire.Work(tickets))

    def _send(self, identity: bytes, message: wire.AnyMessage) -> None:
        self._router.send_multipart([identity, *wire.encode(message)])
