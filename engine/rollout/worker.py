"""A worker: one process that plays tickets, asking an inference node what to do.

    trainer ──Work──▶ tickets held ──▶ plays ──Ask──▶ node
            ◀─Group──             ◀──────────Answer──

It holds up to `capacity` tickets and has all their asks in flight at once, so that the node never waits. Whatever has
arrived by the time it looks is dealt with together: tickets are opened, answers scored and messages sent in batches.
Trainer and node may start later than the worker, and may be restarted: after a node's restart open asks are sent again,
after a trainer's the tickets held are dropped, because a restarted trainer issues them anew. A worker whose node stays
away gives its tickets back and takes none until it is there again; what goes wrong with a node is told to the trainer.

    python -m engine.rollout.worker --trainer tcp://127.0.0.1:5601 --node tcp://127.0.0.1:5602 --name host/0
"""

import argparse
import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import zmq

from engine.errors import ConnectError, WireError
from engine.net import codec, process, sockets, wire
from engine.net.link import Link, join_as
from engine.rollout import episode
from engine.rollout.asker import Asker, Flight
from engine.ticket import Ticket

log = logging.getLogger("g1")
IDLE_S = 0.25
LOOK_EVERY_S = 1.0  # after nodes and answers that stay away
NODE_PATIENCE_S = 15.0  # with the tickets that it holds, for a node that is away
T = TypeVar("T")
R = TypeVar("R")


class Worker:
    """`run` plays until it is told to drain. Everything happens in one thread."""

    def __init__(
        self,
        trainer: str,
        node: str,
        name: str,
        capacity: int = 32,
        keys: sockets.Keys | None = None,
        frames: codec.Setting = "auto",
        wait_s: float = 0.0,
        life: str = "",
    ) -> None:
        context: sockets.Context = zmq.Context.instance()
        self.name, self.capacity = name, min(capacity, wire.MAX_CREDIT)
        join = join_as("worker", name, life)
        self.trainer = Link(context, trainer, "trainer", join, keys)
        node_link = Link(context, node, "node", join, keys)
        self.node = Asker(node_link, frames, self._give_up)
        self.draining = False
        self._waiting: list[tuple[Ticket, str]] = []  # with their names
        self._plays: dict[int, episode.Play] = {}  # by id(play)
        self._credit = self._done = 0
        now = time.monotonic()
        self._node_seen, self._look_at = now, now
        self._give_up_at = now + wait_s if wait_s else None

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._plays

    def run(self, stop: process.Stop) -> None:
        """Play until drained; says goodbye to both sides at the end. Without a node nothing can be finished: then what
        it holds is left to others."""
        while not (self.draining and (self.idle or not self.node.link.joined)):
            if stop.asked and not self.draining:
                log.info("finishing %d tickets; once more to stop at once", len(self._waiting) + len(self._plays))
                self.draining = True
            self.turn()
            self._check_patience()
        self.trainer.close()
        self.node.close()

    def turn(self) -> None:
        """Wait for something to happen and deal with all of it."""
        node = self.node.link
        sockets.wait((self.trainer.socket, node.socket), self._patience_s())
        for message in self.trainer.messages():
            self._from_trainer(message)
        self._answered(self.node.arrived())
        if time.monotonic() >= self._look_at:
            self._look_after_node()
        for link in (self.trainer, node):
            link.tick()  # after reading: beats that waited while a kernel compiled are signs of life
        if not self.trainer.joined and not self.idle:
            self._drop_all()
        if node.joined:
            self.node.retry_due()
            waiting, self._waiting = self._waiting, []
            self._open(waiting)
        if self._credit and not self.draining and self.trainer.joined and self._node_is_near:
            self.trainer.send(wire.Pull(self._credit))
            self._credit = 0
        self.trainer.flush()
        node.flush()

    def _look_after_node(self) -> None:
        """Ask anew for answers that stay away; without a node leave what is held to others. Tells both, and how things
        stand, to those who look on."""
        now = time.monotonic()
        self._look_at = now + LOOK_EVERY_S
        if self.node.link.joined:
            self._node_seen = now
        if reason := self.node.renew_if_overdue():
            self.trainer.send(wire.Fault(reason))
        if not self._node_is_near and self.trainer.joined and not self.idle:
            held, away_s = len(self._waiting) + len(self._plays), now - self._node_seen
            reason = f"no node at {self.node.link.address} for {away_s:.0f} s: {held} tickets go back"
            log.warning("%s", reason)
            self.trainer.send(wire.Fault(reason))
            self.trainer.send(wire.Leave())  # all that it holds; it is told to join again at its next beat
            self._drop_all()
        load = {"waiting": len(self._waiting), "asking": len(self.node.flights), "done": self._done}
        load |= {"node_away_s": int(now - self._node_seen), "oldest_ask_s": int(self.node.waited_s)}
        self.trainer.load = self.node.link.load = load

    @property
    def _node_is_near(self) -> bool:
        return time.monotonic() - self._node_seen < NODE_PATIENCE_S

    def _check_patience(self) -> None:
        """Until both sides were there once, waiting has an end; a restart of theirs later may take as long as it likes.

        Raises `ConnectError` past `wait_s`.
        """
        if self._give_up_at is None:
            return
        missing = [link for link in (self.node.link, self.trainer) if not link.joined]
        if not missing:
            self._give_up_at = None
        elif time.monotonic() > self._give_up_at:
            raise ConnectError("; ".join(_unreachable(link) for link in missing))

    def _patience_s(self) -> float:
        due = self.node.next_retry_s
        limit = IDLE_S if self.trainer.joined and self.node.link.joined else 0.05
        return limit if due is None else min(max(due, 0.001), limit)

    def _from_trainer(self, message: wire.AnyMessage) -> None:
        match message:
            case wire.Welcome():
                self._drop_all()
                self._credit = self.capacity
                if last_words := os.environ.pop(process.LAST_WORDS, ""):
                    self.trainer.send(wire.Fault(wire.clip(last_words)))
            case wire.Work(tickets=tickets, names=names):
                self._waiting += zip(tickets, names, strict=True)
            case wire.Drain():
                self.draining = True
            case _:
                log.warning("from the trainer: %s", message)

    def _open(self, tickets: list[tuple[Ticket, str]]) -> None:
        plays = self._isolated(tickets, _opened, lambda pair, reason: self._fail(*pair, reason))
        self._plays.update((id(play), play) for play in plays)
        self._ask([(play, chain) for play in plays for chain in play.chains])

    def _answered(self, flights: list[tuple[Flight, wire.Answer]]) -> None:
        """Give chains their answers; send what they ask next, or the group when that was the last of it."""
        settled = self._isolated(flights, _settled, lambda pair, reason: self._give_up(pair[0].play, reason))
        self._ask([(flight.play, flight.chain) for flight, _ in settled if not flight.chain.ended])
        for flight, _ in settled:
            if flight.chain.ended and id(flight.play) in self._plays:
                group = flight.play.group(self.name)
                if group is not None:
                    del self._plays[id(flight.play)]
                    self._finish(flight.play, group)

    def _ask(self, lines: list[tuple[episode.Play, episode.Chain]]) -> None:
        lines = [line for line in lines if id(line[0]) in self._plays]
        asked = self._isolated(lines, _looked, lambda line, reason: self._give_up(line[0], reason))
        for play, chain, ask in asked:
            if id(play) in self._plays:
                self.node.ask(play, chain, ask)

    def _isolated(
        self, things: list[T], work: Callable[[list[T]], list[R]], on_failure: Callable[[T, str], None]
    ) -> list[R]:
        """Work on all together; if that raises, on each alone, so that only what is to blame fails."""
        if not things:
            return []
        try:
            return work(things)
        except Exception:
            if len(things) > 1:
                return [result for thing in things for result in self._isolated([thing], work, on_failure)]
            on_failure(things[0], traceback.format_exc())
            return []

    def _finish(self, play: episode.Play, group: wire.Group) -> None:
        try:
            self._report(group)
        except WireError as error:
            self._fail(play.ticket, play.name, f"{error}; let the ticket have fewer turns or samples")

    def _give_up(self, play: episode.Play, reason: str) -> None:
        """A play that cannot go on, whichever of its chains was to blame."""
        if self._plays.pop(id(play), None) is not None:
            self.node.drop(play)
            self._fail(play.ticket, play.name, reason)

    def _fail(self, ticket: Ticket, name: str, reason: str) -> None:
        self._report(wire.Failure(ticket.index, name, self.name, wire.clip(reason)))

    def _report(self, result: wire.Group | wire.Failure) -> None:
        """Give a result home; another ticket is asked for in its place. Raises `WireError` if it is too long."""
        self.trainer.send(result)
        self._credit += 1
        self._done += 1

    def _drop_all(self) -> None:
        self._waiting.clear()
        self._plays.clear()
        self.node.clear()
        self._credit = 0


def _unreachable(link: Link) -> str:
    start = {"trainer": "g1 train CONFIG --external", "node": "g1 serve CONFIG"}[link.server]
    trouble = link.trouble or f"start one ({start}) or mend the address, or wait longer with --wait"
    if sockets.host_is_unknown(link.address):
        trouble = "the name of its host is not known here; mend the address"
    return f"no {link.server} can be reached at {link.address}: {trouble}"


def _opened(pairs: list[tuple[Ticket, str]]) -> list[episode.Play]:
    return episode.open_plays([ticket for ticket, _ in pairs], [name for _, name in pairs])


def _looked(lines: list[tuple[episode.Play, episode.Chain]]) -> list[tuple[episode.Play, episode.Chain, wire.Ask]]:
    asks = episode.look([chain for _, chain in lines])
    return [(play, chain, ask) for (play, chain), ask in zip(lines, asks, strict=True)]


def _settled(pairs: list[tuple[Flight, wire.Answer]]) -> list[tuple[Flight, wire.Answer]]:
    episode.settle([flight.chain for flight, _ in pairs], [answer for _, answer in pairs])
    return pairs


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m engine.rollout.worker", description="One worker; a pool starts several."
    )
    parser.add_argument("--trainer", required=True, help="address that gives out tickets")
    parser.add_argument("--node", required=True, help="address that answers")
    parser.add_argument("--name", required=True, help="host/number; one that differs from all others' tells them apart")
    parser.add_argument("--capacity", type=int, default=32, help="tickets held at once")
    parser.add_argument("--codec", choices=codec.SETTINGS, default="auto", help="how frames travel to the node")
    parser.add_argument("--keys", type=Path, help="this pool's secret key file, needed beyond loopback")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds until it gives up; 0 never does")
    parser.add_argument("--parent", type=int, help="process id to die with")
    chosen = parser.parse_args(arguments)
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    with process.reported("g1 worker"):
        keys = None if chosen.keys is None else sockets.read_keys(chosen.keys)
        life = os.environ.pop(process.LIFE, "")
        worker = Worker(
            chosen.trainer, chosen.node, chosen.name, chosen.capacity, keys, chosen.codec, chosen.wait, life
        )
        stop = process.Stop()
        print(process.READY_LINE, flush=True)
        worker.run(stop)
    if stop.asked:
        raise SystemExit(process.TOLD_TO_STOP_STATUS)


if __name__ == "__main__":
    main()
