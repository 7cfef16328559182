"""Who waits for what, in one line: for the console when nothing has come for a while.

"64 tickets are out and 0 wait: host/0 holds 32 for 41 s, waits for 32 answers of its node, for 40 s; host/1 holds 32
for 40 s, has had no node for 38 s"
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from g1train.tickets.entries import Hand
from g1train.tickets.ledger import Ledger

MAX_NAMED = 4  # workers
CUT_OFF_S = 2  # without a node, as it says itself


@dataclass(frozen=True)
class Holder:
    """A worker: what it holds, how much more it can, and what it says of itself (engine/rollout/worker.py)."""

    hand: Hand
    credit: int
    load: Mapping[str, int]

    @property
    def since(self) -> float:
        """Since when it has held its oldest ticket."""
        return min(self.hand.held.values(), default=time.monotonic())


def is_cut_off(load: Mapping[str, int]) -> bool:
    """Does a worker say that it has no node?"""
    return load.get("node_away_s", 0) >= CUT_OFF_S


def line(ledger: Ledger, holders: Sequence[Holder]) -> str:
    """Those who have held tickets for longest come first."""
    named = sorted(holders, key=lambda one: one.since)
    told = [_of(ledger, one) for one in named[:MAX_NAMED]]
    if len(named) > MAX_NAMED:
        told.append(f"and {len(named) - MAX_NAMED} more workers")
    return f"{ledger.num_held} tickets are out and {ledger.num_pending} wait: {'; '.join(told)}"


def _of(ledger: Ledger, one: Holder) -> str:
    if ledger.barred(one.hand):
        return f"{one.hand.worker} is given none, because {ledger.refusals(one.hand)} of its groups were refused"
    held_s = time.monotonic() - one.since
    parts = [f"{one.hand.worker} holds {len(one.hand.held)}" + (f" for {held_s:.0f} s" if one.hand.held else "")]
    if is_cut_off(one.load):
        parts.append(f"has had no node for {one.load['node_away_s']} s")
    elif asking := one.load.get("asking", 0):
        parts.append(f"waits for {asking} answers of its node, for {one.load.get('oldest_ask_s', 0)} s")
    elif not one.credit and not one.hand.held:
        parts.append("asks for none")
    return ", ".join(parts)
