"""What the ledger keeps of each worker, each open ticket and each group that has come.

Hand ── holds, since when ──▶ names of tickets        Entry: an open ticket        Claim: a group to be verified
"""

from dataclasses import dataclass, field

from engine.net import wire
from engine.ticket import Ticket

SUSPECT_LOSSES = 3


@dataclass(eq=False)
class Hand:
    """What one worker holds, from when it joined until it is gone: since when, by the ticket's name. What was withdrawn
    is there until its worker gives a result for it."""

    worker: str
    held: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Entry:
    """An open ticket. `losses` count while it is not yet suspect; a worker lost to a suspect is a failure."""

    ticket: Ticket
    name: str
    earlier: set[Hand]
    """Hands that have it from an earlier submission, maybe for another policy version."""
    past: set[Hand] = field(default_factory=set)
    """Hands that it was lost from: what still comes from them counts if it is right."""
    refused: set[str] = field(default_factory=set)
    """Workers whose group of it was refused."""
    failures: int = 0
    losses: int = 0
    claims: int = 0
    """Groups of it that are to be verified."""

    @property
    def suspect(self) -> bool:
        return self.losses >= SUSPECT_LOSSES


@dataclass(frozen=True)
class Claim:
    """A group that has come from `hand`, to be verified; `held`: the ticket was in that hand until then."""

    entry: Entry
    hand: Hand
    group: wire.Group
    held: bool
