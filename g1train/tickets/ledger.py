"""Which ticket is where: every one is counted exactly once, however often workers die. No sockets here.

    submit ─▶ pending ─take─▶ held by a worker ─group─▶ done ─collect─▶
                 ▲                  │
                 └── worker lost, ──┴── failed three times: set aside
                     ticket failed

A ticket that was lost three times with its worker may be what kills them, and would drag along whatever is held beside
it: as a suspect it is given only to a worker that holds nothing else, and set aside when three more were lost with it.

A result counts if its ticket is open, its hash is the ticket's, and it has the answers and the policy version that were
wanted. A wrong one from the ticket's holder is a failure; any other is a duplicate of work that was issued again, or
withdrawn, and is dropped.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.net import wire
from engine.ticket import Ticket, ticket_hash

MAX_FAILURES = 3
SUSPECT_LOSSES = 3
Holder = bytes


@dataclass
class Entry:
    """An open ticket. `losses` count while it is not yet suspect; a worker lost to a suspect is a failure."""

    ticket: Ticket
    name: str
    holder: Holder | None = None
    failures: int = 0
    losses: int = 0

    @property
    def suspect(self) -> bool:
        return self.losses >= SUSPECT_LOSSES


@dataclass
class Stats:
    """Counts since the start."""

    groups: int = 0
    samples: int = 0
    duplicates: int = 0
    reissued: int = 0
    failures: int = 0


@dataclass
class Ledger:
    """`done` and `failed` are by index; a failed one holds the reason."""

    stats: Stats = field(default_factory=Stats)
    done: dict[int, wire.Group] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    _open: dict[int, Entry] = field(default_factory=dict)
    _pending: deque[int] = field(default_factory=deque)
    _suspects: deque[int] = field(default_factory=deque)

    @property
    def open(self) -> list[Ticket]:
        """Tickets whose group has not come, by index."""
        return [self._open[index].ticket for index in sorted(self._open)]

    @property
    def num_open(self) -> int:
        return len(self._open)

    @property
    def num_pending(self) -> int:
        """What nobody holds, suspects included."""
        return len(self._pending) + len(self._suspects)

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    @property
    def has_suspects(self) -> bool:
        return bool(self._suspects)

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Raises `ValueError` for an index that is under way already."""
        indices = [ticket.index for ticket in tickets]
        taken = [index for index in indices if index in self._open or index in self.done or index in self.failed]
        if taken or len(set(indices)) < len(indices):
            raise ValueError(f"ticket indices must differ; under way already: {taken}, given: {sorted(indices)}")
        for ticket in tickets:
            self._open[ticket.index] = Entry(ticket, ticket_hash(ticket))
            self._pending.append(ticket.index)

    def withdraw(self, indices: Iterable[int]) -> None:
        """Forget tickets: what still comes of them is dropped."""
        gone = set(indices)
        for index in gone:
            self._open.pop(index, None)
            self.done.pop(index, None)
            self.failed.pop(index, None)
        self._pending = deque(index for index in self._pending if index not in gone)
        self._suspects = deque(index for index in self._suspects if index not in gone)

    def take(self, holder: Holder) -> tuple[Ticket, str]:
        """The next pending ticket and its name, now held by `holder`."""
        return self._take(self._pending, holder)

    def take_suspect(self, holder: Holder) -> tuple[Ticket, str]:
        """The next suspect and its name; `holder` is to hold nothing beside it."""
        return self._take(self._suspects, holder)

    def _take(self, queue: deque[int], holder: Holder) -> tuple[Ticket, str]:
        entry = self._open[queue.popleft()]
        entry.holder = holder
        return entry.ticket, entry.name

    def lost(self, holder: Holder) -> int:
        """A worker is gone: what it held is pending again, ahead of the rest. Returns how many tickets that were."""
        lost = sorted(index for index, entry in self._open.items() if entry.holder == holder)
        for index in reversed(lost):
            entry = self._open[index]
            if entry.suspect:
                self._failed(entry, "its worker died while it held this ticket and no other")
            else:
                entry.losses += 1
                self._again(entry)
        return len(lost)

    def group(self, group: wire.Group, holder: Holder) -> bool:
        """Whether it counts."""
        entry = self._match(group)
        flaw = "" if entry is None else _flaw(entry.ticket, group)
        if entry is None or (flaw and entry.holder != holder):
            self.stats.duplicates += 1
            return False
        if flaw:
            self._failed(entry, f"in worker {group.worker}: {flaw}")
            return False
        if entry.holder is None:
            self._queue_of(entry).remove(group.index)
        del self._open[group.index]
        self.done[group.index] = group
        self.stats.groups += 1
        self.stats.samples += sum(len(one.samples) for one in group.rounds)
        return True

    def failure(self, failure: wire.Failure, holder: Holder) -> bool:
        """Whether it counts; the ticket is issued again until it has failed too often."""
        entry = self._match(failure)
        if entry is None or entry.holder != holder:
            self.stats.duplicates += 1
            return False
        self._failed(entry, f"in worker {failure.worker}:\n{failure.traceback}")
        return True

    def _match(self, result: wire.Group | wire.Failure) -> Entry | None:
        entry = self._open.get(result.index)
        return entry if entry is not None and entry.name == result.ticket else None

    def _queue_of(self, entry: Entry) -> deque[int]:
        return self._suspects if entry.suspect else self._pending

    def _again(self, entry: Entry) -> None:
        entry.holder = None
        self._queue_of(entry).appendleft(entry.ticket.index)
        self.stats.reissued += 1

    def _failed(self, entry: Entry, reason: str) -> None:
        self.stats.failures += 1
        entry.failures += 1
        if entry.failures < MAX_FAILURES:
            self._again(entry)
        else:
            del self._open[entry.ticket.index]
            self.failed[entry.ticket.index] = f"it failed {MAX_FAILURES} times, the last time {reason}"


def _flaw(ticket: Ticket, group: wire.Group) -> str:
    """How a group is not what its ticket asked for; empty if it is."""
    versions = {one.version for one in group.rounds}
    if ticket.version != -1 and versions - {ticket.version}:
        return f"it was answered by policy version {versions}, where {ticket.version} is wanted"
    siblings = {one.sibling for one in group.rounds}
    in_one = ticket.num_turns == 1  # a group's answers are in one round, an episode's one by one
    wanted = {0} if in_one else set(range(ticket.num_samples))
    if siblings != wanted or (in_one and len(group.rounds) > 1):
        return f"it has {len(group.rounds)} rounds of siblings {siblings}, where {wanted} are wanted"
    num_samples = ticket.num_samples if in_one else 1
    found = {len(one.samples) for one in group.rounds}
    return "" if found == {num_samples} else f"it has {found} answers to a state, where {num_samples} are wanted"
