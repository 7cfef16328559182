"""A worker's side towards the node: asks in flight, put off, sent again; atlases and frames on their way.

ask ─▶ flight ─▶ (atlas, if the node has not got it) Ask ─▶ node ─▶ Answer ─▶ landed
          ▲                                             │
          └─ after a pause, or at the next Welcome ─────┴─ Refusal for now; for good: `on_refused`

An ask that has waited for much longer than is usual is asked again on a new connection, with all the others.
"""

import heapq
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from engine.errors import WireError
from engine.net import codec, wire
from engine.net.link import Link
from engine.rollout import episode
from engine.rollout.usual import Usual

log = logging.getLogger("g1")
FIRST_RETRY_S, LAST_RETRY_S = 0.02, 1.0
REFUSALS_UNTIL_NOTICE = 10
FIRST_LIMIT_S, LEAST_LIMIT_S = 600.0, 60.0  # of an ask: while nothing is known, and ever


@dataclass
class Flight:
    """An ask that waits for its answer; `frame` lies in shared memory until that has come, if it went that way. Times
    are those of its first asking, and of when the node was last asked it or put it off."""

    play: episode.Play
    chain: episode.Chain
    ask: wire.Ask
    refusals: int = 0
    frame: wire.Frame | None = None
    asked: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)


class AtlasLedger:
    """Which atlases the node still has: it forgets the least recently used one, and so does this."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._known

    def use(self, digest: bytes) -> None:
        """Note that it was sent, or named by a frame."""
        self._known[digest] = None
        self._known.move_to_end(digest)
        while len(self._known) > wire.ATLAS_SLOTS:
            self._known.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()


class Asker:
    """`arrived` reads the link and gives back what has been answered."""

    def __init__(self, link: Link, frames: codec.Setting, on_refused: Callable[[episode.Play, str], None]) -> None:
        self.link = link
        self.flights: dict[int, Flight] = {}  # by ask id
        self._retries: list[tuple[float, int]] = []  # heap of (when, ask id)
        self._ids = itertools.count()
        self._atlases = AtlasLedger()
        self._frames, self._memory = frames, codec.Memory()
        self._on_refused = on_refused
        self._usual, self._patience = Usual(FIRST_LIMIT_S, LEAST_LIMIT_S), 1

    def ask(self, play: episode.Play, chain: episode.Chain, ask: wire.Ask) -> None:
        number = next(self._ids)
        self.flights[number] = Flight(play, chain, msgspec.structs.replace(ask, id=number))
        self._send(number)

    def arrived(self) -> list[tuple[Flight, wire.Answer]]:
        """Flights that have landed, with their answers."""
        landed = []
        for message in self.link.messages():
            match message:
                case wire.Answer():
                    if flight := self.flights.pop(message.id, None):
                        self._usual.add(time.monotonic() - flight.asked)
                        self._patience = 1
                        self._release(flight)
                        landed.append((flight, message))
                case wire.Refusal():
                    if message.id in self.flights:
                        self._refused(self.flights[message.id], message)
                case wire.Welcome():
                    self._atlases.clear()
                    self._retries.clear()
                    for number in list(self.flights):
                        self._send(number)
                case _:
                    log.warning("from the node: %s", message)
        return landed

    def retry_due(self) -> None:
        """Send what was put off and is due again."""
        now = time.monotonic()
        while self._retries and self._retries[0][0] <= now:
            _, number = heapq.heappop(self._retries)
            self._send(number)

    @property
    def next_retry_s(self) -> float | None:
        return self._retries[0][0] - time.monotonic() if self._retries else None

    @property
    def waited_s(self) -> float:
        """For how long the node has owed an answer."""
        now = time.monotonic()
        return max((now - flight.heard for flight in self.flights.values()), default=0.0)

    def renew_if_overdue(self) -> str:
        """Start over with a node that owes an answer for much longer than is usual, and say so; empty if it does not.
        Each time until it answers, patience doubles."""
        waited_s = self.waited_s
        if not self.link.joined or waited_s <= self._patience * self._usual.limit_s:
            return ""
        self._patience *= 2
        reason = f"it has owed {len(self.flights)} answers for up to {waited_s:.0f} s ({self._usual})"
        self.link.renew(reason)
        return f"the node at {self.link.address} beats, but {reason}; asking again on a new connection"

    def drop(self, play: episode.Play) -> None:
        """Expect no answers for this play any more."""
        for number in [number for number, flight in self.flights.items() if flight.play is play]:
            self._release(self.flights.pop(number))

    def clear(self) -> None:
        """Expect none at all."""
        for flight in self.flights.values():
            self._release(flight)
        self.flights.clear()
        self._retries.clear()

    def close(self) -> None:
        self.link.close()
        self._memory.close()

    def _send(self, number: int) -> None:
        """Send an ask, if it is still wanted; without a connection it goes out at the next welcome."""
        welcome, flight = self.link.welcome, self.flights.get(number)
        if welcome is None or flight is None:
            return
        try:
            self._send_to(welcome, flight)
        except WireError as error:
            self._on_refused(flight.play, str(error))
        flight.heard = time.monotonic()

    def _send_to(self, welcome: wire.Welcome, flight: Flight) -> None:
        """With the atlas first if the node has not got it. Raises `WireError` for what is too long."""
        ask = flight.ask
        if not welcome.needs_state:
            ask = msgspec.structs.replace(ask, game=None, state=b"")
        game = flight.chain.game
        atlas = game.atlas if game.offers("atlas") else None
        same_machine = welcome.machine == codec.machine() != ""
        chosen = codec.choose(self._frames, atlas.layout.num_bytes if atlas else 0, welcome.codecs, same_machine)
        if chosen != "sprites":
            self._release(flight)
            frame = codec.encode(game.render(flight.chain.record)[0], chosen, self._memory)
            flight.frame = frame if chosen == "shared" else None
            ask = msgspec.structs.replace(ask, turns=[wire.Turn(ask.turns[0].text, frame)])
        elif atlas is not None:
            if atlas.digest not in self._atlases:
                self.link.send(wire.Atlas(atlas.digest, atlas.to_bytes()))
            self._atlases.use(atlas.digest)
        self.link.send(ask)

    def _release(self, flight: Flight) -> None:
        """The node needs its frame no more."""
        if flight.frame is not None:
            self._memory.free(flight.frame)
            flight.frame = None

    def _refused(self, flight: Flight, refusal: wire.Refusal) -> None:
        """Ask again after a pause that doubles, or give the ticket up if the node says that it never will answer."""
        if not refusal.retry:
            self._on_refused(flight.play, f"the node refused the ask: {refusal.reason}")
            return
        pause_s = min(FIRST_RETRY_S * 2 ** min(flight.refusals, 10), LAST_RETRY_S)
        flight.refusals += 1
        flight.heard = time.monotonic()
        if flight.refusals % REFUSALS_UNTIL_NOTICE == 0:
            log.warning("ticket %d: the node puts it off: %s", flight.play.ticket.index, refusal.reason)
        heapq.heappush(self._retries, (time.monotonic() + pause_s, flight.ask.id))
