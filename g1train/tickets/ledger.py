"""Which ticket is where: every one is counted exactly once, however often workers die. No sockets here.

    submit ─▶ pending ─take, lend─▶ in hands ─claim─▶ to be verified ─count─▶ done ─collect─▶
                 ▲                     │                    │
                 └── worker gone, ─────┴─ refused ──────────┴── failed three times: set aside
                     ticket failed

What a worker holds is in its `Hand` and nowhere else. A ticket may be in several hands: one that is held for much
longer than is usual is lent to others as well, and the first group that is right counts.

A ticket that was lost three times with its worker may be what kills them, and would drag along whatever is held beside
it: as a suspect it is given only to a worker that holds nothing else, and set aside when three more were lost with it.
A worker that says goodbye makes no suspects.

A group is looked at if its sender holds or held the ticket, and counts if it is verified (verify.py). One that is not
is refused, which is a failure of the ticket if it was in the sender's hand; it is then played by others while there are
any, and whoever was refused three times is given no more.
"""

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.net import wire
from engine.rollout.usual import Usual
from engine.ticket import Ticket, ticket_hash
from g1train.tickets.entries import Claim, Entry, Hand

MAX_FAILURES = 3
MAX_REFUSED = 3
MAX_NAMES = 4096  # of workers whose refused groups are remembered
FIRST_LIMIT_S, LEAST_LIMIT_S = 300.0, 15.0  # before a ticket is lent: while nothing is known, and ever
Queue = OrderedDict[str, None]  # of tickets, by name
Kind = tuple[str, int, int]  # of tickets that take about as long as each other


@dataclass
class Stats:
    """Counts since the start."""

    groups: int = 0
    samples: int = 0
    duplicates: int = 0
    reissued: int = 0
    lent: int = 0
    refused: int = 0
    failures: int = 0


@dataclass
class Ledger:
    """`done` and `failed` are by index; a failed one holds the reason. `claims` wait for `count` or `refuse`."""

    stats: Stats = field(default_factory=Stats)
    done: dict[int, wire.Group] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    enough: int = 1  # claims that whoever waits for them wants to hear of at once
    hands: list[Hand] = field(default_factory=list)
    _open: dict[str, Entry] = field(default_factory=dict)
    _pending: Queue = field(default_factory=OrderedDict)
    _suspects: Queue = field(default_factory=OrderedDict)
    _refusals: OrderedDict[str, int] = field(default_factory=OrderedDict)  # by worker
    _usual: dict[Kind, Usual] = field(default_factory=dict)

    @property
    def open(self) -> list[Ticket]:
        """Tickets whose group has not come, by index."""
        return sorted((entry.ticket for entry in self._open.values()), key=lambda ticket: ticket.index)

    @property
    def num_open(self) -> int:
        return len(self._open)

    @property
    def num_pending(self) -> int:
        """What nobody holds, suspects included."""
        return len(self._pending) + len(self._suspects)

    @property
    def num_held(self) -> int:
        """What somebody holds, or what has come and is to be verified."""
        return self.num_open - self.num_pending

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    @property
    def has_suspects(self) -> bool:
        return bool(self._suspects)

    def join(self, worker: str) -> Hand:
        """The hand of a worker that has come."""
        self.hands.append(Hand(worker))
        return self.hands[-1]

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Raises `ValueError` for an index that is under way already."""
        indices = [ticket.index for ticket in tickets]
        under_way = {*self.done, *self.failed, *(entry.ticket.index for entry in self._open.values())}
        if under_way.intersection(indices) or len(set(indices)) < len(indices):
            taken = sorted(under_way.intersection(indices))
            raise ValueError(f"ticket indices must differ; under way already: {taken}, given: {sorted(indices)}")
        for ticket in tickets:
            name = ticket_hash(ticket)
            self._open[name] = Entry(ticket, name, set(self._holders(name)))
            self._pending[name] = None

    def withdraw(self, indices: Iterable[int]) -> None:
        """Forget tickets: what still comes of them is dropped."""
        gone = set(indices)
        for entry in [entry for entry in self._open.values() if entry.ticket.index in gone]:
            self._close(entry)
        for index in gone:
            self.done.pop(index, None)
            self.failed.pop(index, None)

    def take(self, hand: Hand) -> tuple[Ticket, str] | None:
        """The next pending ticket and its name, which are in this hand from now on; None if there is none for it."""
        return self._take(self._pending, hand)

    def take_suspect(self, hand: Hand) -> tuple[Ticket, str] | None:
        """The next suspect and its name; the hand is to hold nothing beside it."""
        return self._take(self._suspects, hand)

    def _take(self, queue: Queue, hand: Hand) -> tuple[Ticket, str] | None:
        for name in queue:
            entry = self._open[name]
            if not self._better_elsewhere(entry, hand):
                del queue[name]
                return self._give(entry, hand)
        return None

    def _give(self, entry: Entry, hand: Hand) -> tuple[Ticket, str]:
        hand.held[entry.name] = time.monotonic()
        return entry.ticket, entry.name

    def _better_elsewhere(self, entry: Entry, hand: Hand) -> bool:
        """Was a group of it refused from this worker, and is somebody else here to play it?"""
        if hand.worker not in entry.refused:
            return False
        return any(one.worker not in entry.refused and not self.barred(one) for one in self.hands)

    def overdue(self) -> list[tuple[Entry, Hand]]:
        """Tickets that are held for much longer than is usual, and who was the last to take them; the oldest first."""
        now, late = time.monotonic(), []
        holders: dict[str, list[Hand]] = defaultdict(list)
        for hand in self.hands:
            for name in hand.held:
                holders[name].append(hand)
        limits = {kind: usual.limit_s for kind, usual in self._usual.items()}
        for name, hands in holders.items():
            entry = self._open.get(name)
            if entry is None or entry.suspect or entry.claims:
                continue
            last = max(hands, key=lambda hand: hand.held[name])
            limit_s = limits.get(_kind(entry.ticket), FIRST_LIMIT_S)
            if now - last.held[name] > limit_s * 2 ** (len(hands) - 1):
                late.append((entry, last))
        return sorted(late, key=lambda pair: pair[1].held[pair[0].name])

    def lend(self, entry: Entry, hand: Hand) -> tuple[Ticket, str] | None:
        """Give a ticket to somebody else as well; None where that makes no sense."""
        if entry.name in hand.held or self._better_elsewhere(entry, hand):
            return None
        self.stats.lent += 1
        return self._give(entry, hand)

    def usual(self, ticket: Ticket) -> Usual:
        """How long such a ticket is held."""
        return self._usual.setdefault(_kind(ticket), Usual(FIRST_LIMIT_S, LEAST_LIMIT_S))

    def barred(self, hand: Hand) -> bool:
        """Were too many groups of this worker refused? Then it holds nothing and is given nothing more."""
        return self.refusals(hand) >= MAX_REFUSED

    def refusals(self, hand: Hand) -> int:
        """How many groups of this worker were refused, in all its lives."""
        return self._refusals.get(hand.worker, 0)

    def gone(self, hand: Hand, died: bool) -> int:
        """A worker is gone: what it held is pending again, ahead of the rest. Returns how many tickets that were."""
        self.hands.remove(hand)
        return self._empty(hand, died)

    def _empty(self, hand: Hand, died: bool) -> int:
        entries = [self._open[name] for name in hand.held if name in self._open]
        hand.held.clear()
        for entry in sorted(entries, key=lambda entry: -entry.ticket.index):
            entry.past.add(hand)
            if died and entry.suspect:
                self._failed(entry, "its worker died while it held this ticket and no other")
            else:
                entry.losses += died
                self._again(entry)
        return len(entries)

    def claim(self, group: wire.Group, hand: Hand) -> str:
        """Have a group verified if it is of an open ticket that its sender holds or held; else why it is refused: empty
        for what is merely a duplicate."""
        since = hand.held.pop(group.ticket, None)
        entry = self._open.get(group.ticket)
        if entry is None:
            self.stats.duplicates += 1
            return ""
        if since is None and hand not in entry.past:
            self._refused(hand)
            return "it was not given that ticket"
        if since is not None:
            self.usual(entry.ticket).add(time.monotonic() - since)
        entry.past.discard(hand)
        entry.claims += 1
        self.claims.append(Claim(entry, hand, group, since is not None))
        return ""

    def count(self, claim: Claim, group: wire.Group) -> bool:
        """Take a verified group; whether it counts, being the first."""
        claim.entry.claims -= 1
        if self._open.get(claim.entry.name) is not claim.entry:
            self.stats.duplicates += 1
            return False
        self._close(claim.entry)
        self.done[group.index] = group
        self.stats.groups += 1
        self.stats.samples += sum(len(one.samples) for one in group.rounds)
        return True

    def refuse(self, claim: Claim, reason: str) -> bool:
        """Turn a group down; whether that is its sender's fault."""
        entry, hand = claim.entry, claim.hand
        entry.claims -= 1
        is_open = self._open.get(entry.name) is entry
        if hand in entry.earlier:  # it may have been right when it was asked for
            entry.earlier.discard(hand)
            self.stats.duplicates += 1
            if is_open:
                self._again(entry)
            return False
        self._refused(hand)
        if is_open:
            entry.refused.add(hand.worker)
            if claim.held:
                self._failed(entry, f"in worker {hand.worker}: {reason}")
            else:
                self._again(entry)
        return True

    def failure(self, failure: wire.Failure, hand: Hand) -> bool:
        """Whether it counts; the ticket is issued again until it has failed too often."""
        entry = self._open.get(failure.ticket)
        if hand.held.pop(failure.ticket, None) is None or entry is None:
            self.stats.duplicates += 1
            return False
        self._failed(entry, f"in worker {hand.worker}:\n{failure.traceback}")
        return True

    def _refused(self, hand: Hand) -> None:
        self.stats.refused += 1
        self._refusals[hand.worker] = self._refusals.pop(hand.worker, 0) + 1
        if self.barred(hand):
            self._empty(hand, died=False)
        if len(self._refusals) > MAX_NAMES:
            self._refusals.popitem(last=False)

    def _holders(self, name: str) -> list[Hand]:
        return [hand for hand in self.hands if name in hand.held]

    def _again(self, entry: Entry) -> None:
        """Pending once more, ahead of the rest, unless it still is with somebody or is being verified."""
        if entry.claims or entry.name in self._pending or entry.name in self._suspects or self._holders(entry.name):
            return
        queue = self._suspects if entry.suspect else self._pending
        queue[entry.name] = None
        queue.move_to_end(entry.name, last=False)
        self.stats.reissued += 1

    def _failed(self, entry: Entry, reason: str) -> None:
        self.stats.failures += 1
        entry.failures += 1
        if entry.failures < MAX_FAILURES:
            self._again(entry)
        else:
            self._close(entry)
            self.failed[entry.ticket.index] = f"it failed {MAX_FAILURES} times, the last time {reason}"

    def _close(self, entry: Entry) -> None:
        del self._open[entry.name]
        self._pending.pop(entry.name, None)
        self._suspects.pop(entry.name, None)


def _kind(ticket: Ticket) -> Kind:
    return ticket.game.name, ticket.num_samples, ticket.num_turns
