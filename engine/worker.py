"""A worker: one process that plays tickets, asking an inference node what to do.

    trainer ──Work──▶ tickets held ──▶ plays ──Ask──▶ node
            ◀─Group──             ◀──────────Answer──

It holds up to `capacity` tickets and has all their asks in flight at once, so that the node never waits. Trainer and
node may start later than the worker, and may be restarted: after a node's restart open asks are sent again, after a
trainer's the tickets held are dropped, because a restarted trainer issues them anew.

    python -m engine.worker --trainer tcp://127.0.0.1:5601 --node tcp://127.0.0.1:5602 --name host/0
"""

import argparse
import heapq
import itertools
import logging
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from engine import episode, process, sockets, wire
from engine.link import Link, join_as
from engine.render.atlas import Atlas
from engine.ticket import Ticket, ticket_hash

log = logging.getLogger("g1")
IDLE_S = 0.25
FIRST_RETRY_S, LAST_RETRY_S = 0.02, 1.0
REFUSALS_UNTIL_NOTICE = 10


@dataclass
class Flight:
    """An ask that waits for its answer."""

    play: episode.Play
    sibling: int
    ask: wire.Ask
    refusals: int = 0


class AtlasLedger:
    """Which atlases the node still has: it forgets the least recently used one, and so does this."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def use(self, digest: bytes) -> bool:
        """Note a use; false if the atlas has to be sent first."""
        known = digest in self._known
        self._known[digest] = None
        self._known.move_to_end(digest)
        while len(self._known) > wire.ATLAS_SLOTS:
            self._known.popitem(last=False)
        return known

    def clear(self) -> None:
        self._known.clear()


class Worker:
    """`run` plays until it is told to drain. Everything happens in one thread."""

    def __init__(
        self, trainer: str, node: str, name: str, capacity: int = 32, keys: sockets.Keys | None = None
    ) -> None:
        context: sockets.Context = zmq.Context.instance()
        self.name, self.capacity = name, capacity
        self.trainer = Link(context, trainer, "trainer", join_as("worker", name), keys)
        self.node = Link(context, node, "inference node", join_as("worker", name), keys)
        self.draining = False
        self._waiting: deque[Ticket] = deque()
        self._plays: dict[int, episode.Play] = {}  # by id(play)
        self._flights: dict[int, Flight] = {}  # by ask id
        self._retries: list[tuple[float, int]] = []  # heap of (when, ask id)
        self._ids = itertools.count()
        self._atlases = AtlasLedger()

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._plays

    def run(self, stop: process.Stop) -> None:
        """Play until drained; says goodbye to both sides at the end."""
        while not (self.draining and self.idle):
            if stop.asked and not self.draining:
                log.info("finishing %d tickets; once more to stop at once", len(self._waiting) + len(self._plays))
                self.draining = True
            self.turn()
        self.trainer.close()
        self.node.close()

    def turn(self) -> None:
        """Wait for something to happen and deal with it."""
        sockets.wait((self.trainer.socket, self.node.socket), self._patience_s())
        for message, _ in self.trainer.messages():
            self._from_trainer(message)
        for message, _ in self.node.messages():
            self._from_node(message)
        for link in (self.trainer, self.node):
            link.tick()  # after reading: beats that waited while a kernel compiled are signs of life
        if not self.trainer.joined and not self.idle:
            self._drop_all()
        if self.node.joined:
            self._retry_due()
            if self._waiting:
                self._open(self._waiting.popleft())

    def _patience_s(self) -> float:
        if self._waiting and self.node.joined:
            return 0.0
        due = self._retries[0][0] - time.monotonic() if self._retries else IDLE_S
        return min(max(due, 0.001), IDLE_S if self.trainer.joined and self.node.joined else 0.05)

    def _from_trainer(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.Welcome():
                self._drop_all()
                if not self.draining:
                    self.trainer.send(wire.Pull(self.capacity))
            case wire.Work(tickets=tickets):
                self._waiting.extend(tickets)
            case wire.Drain():
                self.draining = True
            case _:
                log.warning("from the trainer: %s", message)

    def _from_node(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.Welcome():
                self._atlases.clear()
                self._retries.clear()
                for flight in self._flights.values():
                    self._send(flight)
            case wire.Answer(id=number):
                if number in self._flights:
                    flight = self._flights.pop(number)
                    self._advance(flight.play, flight.sibling, message)
            case wire.Refusal(id=number):
                if number in self._flights:
                    self._refused(self._flights[number], message)
            case _:
                log.warning("from the node: %s", message)

    def _open(self, ticket: Ticket) -> None:
        try:
            play = episode.open_play(ticket)
        except Exception:
            self._fail(ticket, traceback.format_exc(), None)
            return
        self._plays[id(play)] = play
        for sibling in range(len(play.chains)):
            self._advance(play, sibling, None)

    def _advance(self, play: episode.Play, sibling: int, answer: wire.Answer | None) -> None:
        """Give a chain its answer; send what it asks next, or the group when that was the last of it."""
        if id(play) not in self._plays:
            return
        try:
            ask = play.advance(sibling, answer)
        except Exception:
            self._fail(play.ticket, traceback.format_exc(), play)
            return
        if ask is not None:
            ask = msgspec.structs.replace(ask, id=next(self._ids))
            self._flights[ask.id] = Flight(play, sibling, ask)
            self._send(self._flights[ask.id])
        elif (group := play.group(self.name)) is not None:
            self._finish(play, group)

    def _send(self, flight: Flight) -> None:
        """Send an ask, its atlas first if the node has not got it. What cannot be sent goes out at the next welcome."""
        if self.node.welcome is None:
            return
        ask, atlas = flight.ask, flight.play.atlas
        if not self.node.welcome.needs_state:
            ask = msgspec.structs.replace(ask, game=None, state=b"")
        if not self._atlases.use(atlas.digest):
            self._send_atlas(atlas)
        self.node.send(ask)

    def _send_atlas(self, atlas: Atlas) -> None:
        self.node.send(wire.Atlas(atlas.digest), atlas.to_bytes())

    def _refused(self, flight: Flight, refusal: wire.Refusal) -> None:
        """Ask again after a pause that doubles, or give the ticket up if the node says that it never will answer."""
        if not refusal.retry:
            self._fail(flight.play.ticket, f"the node refused the ask: {refusal.reason}", flight.play)
            return
        pause_s = min(FIRST_RETRY_S * 2 ** min(flight.refusals, 10), LAST_RETRY_S)
        flight.refusals += 1
        if flight.refusals % REFUSALS_UNTIL_NOTICE == 0:
            log.warning("ticket %d: the node puts it off: %s", flight.play.ticket.index, refusal.reason)
        heapq.heappush(self._retries, (time.monotonic() + pause_s, flight.ask.id))

    def _retry_due(self) -> None:
        now = time.monotonic()
        while self._retries and self._retries[0][0] <= now:
            _, number = heapq.heappop(self._retries)
            if number in self._flights:
                self._send(self._flights[number])

    def _finish(self, play: episode.Play, result: wire.Group | wire.Failure) -> None:
        del self._plays[id(play)]
        self._report(result)

    def _fail(self, ticket: Ticket, reason: str, play: episode.Play | None) -> None:
        failure = wire.Failure(ticket.index, ticket_hash(ticket), self.name, reason)
        if play is None:
            self._report(failure)
        elif id(play) in self._plays:
            self._flights = {number: flight for number, flight in self._flights.items() if flight.play is not play}
            self._finish(play, failure)

    def _report(self, result: wire.Group | wire.Failure) -> None:
        """Give a result home, and ask for another ticket in its place."""
        self.trainer.send(result)
        if not self.draining:
            self.trainer.send(wire.Pull(1))

    def _drop_all(self) -> None:
        self._waiting.clear()
        self._plays.clear()
        self._flights.clear()
        self._retries.clear()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.worker", description="One worker; a pool starts several.")
    parser.add_argument("--trainer", required=True, help="address that gives out tickets")
    parser.add_argument("--node", required=True, help="address that answers")
    parser.add_argument("--name", required=True, help="host/number; a worker of the same name replaces it")
    parser.add_argument("--capacity", type=int, default=32, help="tickets held at once")
    parser.add_argument("--keys", type=Path, help="key file, needed beyond loopback")
    parser.add_argument("--parent", type=int, help="process id to die with")
    chosen = parser.parse_args(arguments)
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    with process.reported("g1 worker"):
        keys = None if chosen.keys is None else sockets.read_keys(chosen.keys)
        worker = Worker(chosen.trainer, chosen.node, chosen.name, chosen.capacity, keys)
    stop = process.Stop()
    print(process.READY_LINE, flush=True)
    worker.run(stop)


if __name__ == "__main__":
    main()
