"""Which worker gets which ticket: by credit, suspects alone, and what is held for too long to others as well.

pending ──hand_out──▶ whoever has the most credit left
held for much longer than is usual ──lend──▶ an idle worker too
"""

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field

from engine.net import wire
from engine.net.hub import Hub, Peer
from engine.ticket import Ticket
from g1train.tickets import standing
from g1train.tickets.entries import Hand
from g1train.tickets.ledger import Ledger

log = logging.getLogger("g1")
Taken = tuple[Ticket, str] | None


@dataclass
class WorkerPeer(Peer):
    """A connected worker: what the ledger knows it to hold, and how many more it can."""

    credit: int = 0
    hand: Hand = field(default_factory=lambda: Hand(""))

    @property
    def holds(self) -> int:
        return len(self.hand.held)


class Giver:
    """Posts `Work` to the workers of a hub, out of a ledger."""

    def __init__(self, hub: Hub[WorkerPeer], ledger: Ledger) -> None:
        self._hub, self._ledger = hub, ledger
        self._cell: WorkerPeer | None = None  # the worker that is kept clear for suspects

    @property
    def workers(self) -> list[WorkerPeer]:
        return [peer for peer in self._hub.peers.values() if peer.join.role == "worker"]

    def hand_out(self) -> None:
        """Pending tickets one by one to whoever has the most credit left, then one message a worker."""
        ledger, work = self._ledger, Work(self._hub)
        cell = self._cell = self._choose_cell()
        if cell is not None and cell.credit and not cell.holds:
            work.give(cell, ledger.take_suspect(cell.hand))
        ready = self._ready()
        while ledger.has_pending and ready:
            worker = max(ready, key=lambda one: one.credit)
            if not work.give(worker, ledger.take(worker.hand)) or not worker.credit:
                ready.remove(worker)
        work.post()

    def lend(self) -> None:
        """What is held for much longer than is usual is given to idle workers as well; call it once a second."""
        ledger, work = self._ledger, Work(self._hub)
        ready = [worker for worker in self._ready() if not standing.is_cut_off(worker.load)]
        lent: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
        for entry, holder in ledger.overdue() if ready else []:
            for worker in sorted((one for one in ready if one.credit), key=lambda one: -one.credit):
                if work.give(worker, ledger.lend(entry, worker.hand)):
                    held_s = time.monotonic() - holder.held[entry.name]
                    lent[holder.worker, worker.join.name].append((held_s, str(ledger.usual(entry.ticket))))
                    break
        work.post()
        for (holder_name, helper), held in lent.items():
            longest_s, usual = max(held)
            what = f"{len(held)} tickets for up to {longest_s:.0f} s ({usual})"
            log.warning("worker %s has held %s: worker %s plays them too", holder_name, what, helper)

    def _ready(self) -> list[WorkerPeer]:
        """Workers that can take more, but for the one that is kept clear."""
        return [
            worker
            for worker in self.workers
            if worker.credit and worker is not self._cell and not self._ledger.barred(worker.hand)
        ]

    def _choose_cell(self) -> WorkerPeer | None:
        """While there are suspects, one worker is kept clear for them, until it has played the last."""
        able = [worker for worker in self.workers if not self._ledger.barred(worker.hand)]
        cell = next((worker for worker in able if worker is self._cell), None)
        if self._ledger.has_suspects:
            return cell or min(able, key=lambda one: one.holds, default=None)
        return cell if cell is not None and cell.holds else None


class Work:
    """Tickets on their way out: one message a worker."""

    def __init__(self, hub: Hub[WorkerPeer]) -> None:
        self._hub = hub
        self._given: dict[bytes, list[tuple[Ticket, str]]] = defaultdict(list)

    def give(self, worker: WorkerPeer, taken: Taken) -> bool:
        """Against a credit, if there is anything to give."""
        if taken is not None:
            worker.credit -= 1
            self._given[worker.identity].append(taken)
        return taken is not None

    def post(self) -> None:
        for identity, pairs in self._given.items():
            self._hub.post(identity, wire.Work([ticket for ticket, _ in pairs], [name for _, name in pairs]))
