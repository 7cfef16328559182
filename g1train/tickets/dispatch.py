"""The trainer's side of the pool: tickets out, groups back, each counted once, while workers come, go and die.

main thread   play = submit ─▶ gather: verify what has come (groups in the order of the tickets)
gateway       gives out tickets by credit, takes groups, beats once a second while the main thread is training

dispatcher = Dispatcher("tcp://127.0.0.1:5601")
groups = dispatcher.play(tickets)
"""

import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from engine.errors import WorkerError
from engine.net import sockets, wire
from engine.ticket import Ticket
from g1train.tickets.gateway import Gateway
from g1train.tickets.verify import Verify, verified

log = logging.getLogger("g1")
FIRST_NOTICE_S, NOTICE_EVERY_S = 3.0, 15.0  # while there is no worker
QUIET_S = 30.0  # without a group, until it is said who waits for what; and between two such lines
LOOK_EVERY_S = 0.02  # at what has come: groups that are verified together cost a third of what they cost one by one
SWITCH_S = 0.0005
OnGroup = Callable[[wire.Group], None]
OnFailed = Callable[[Ticket, str], None]


@dataclass(frozen=True)
class DispatchStats:
    """Workers that are connected now, tickets that none of them holds, and counts since the start."""

    workers: int
    pending: int
    groups: int
    duplicates: int
    reissued: int
    lent: int
    refused: int
    failures: int
    faults: int


class Dispatcher:
    """Listens from construction to `close`; raises `ConnectError` if the address is taken.

    A worker that is silent for `timeout_s` is given up, and its tickets are issued again. `on_notice` gets a line now
    and then while nobody plays, or nothing comes; by default it is logged. `verify` says which groups count: by default
    those that give the same when they are played again here.
    """

    def __init__(
        self,
        address: str,
        *,
        run: str = "",
        keys: sockets.Keys | None = None,
        timeout_s: float = wire.DEATH_S,
        on_notice: Callable[[str], None] = log.warning,
        verify: Verify = verified,
    ) -> None:
        self._gateway = Gateway(address, run, keys, timeout_s)
        self.address = self._gateway.address
        self._on_notice, self._keys, self._verify = on_notice, keys, verify
        self._unreturned: dict[int, Ticket] = {}
        self._interrupted: set[int] = set()

    @property
    def outstanding(self) -> list[Ticket]:
        """Tickets whose groups `gather` has not returned, by index: what a checkpoint keeps. After a `play` that was
        interrupted its tickets are among them until the next `submit`."""
        return [self._unreturned[index] for index in sorted(self._unreturned)]

    @property
    def stats(self) -> DispatchStats:
        with self._gateway.changed:
            counts = self._gateway.ledger.stats
            return DispatchStats(
                workers=len(self._gateway.workers),
                pending=self._gateway.ledger.num_pending,
                groups=counts.groups,
                duplicates=counts.duplicates,
                reissued=counts.reissued,
                lent=counts.lent,
                refused=counts.refused,
                failures=counts.failures,
                faults=self._gateway.hub.counts["faults"],
            )

    def report(self) -> wire.Report:
        """What a monitor would be told."""
        with self._gateway.changed:
            return self._gateway.report()

    def play(
        self,
        tickets: Sequence[Ticket],
        on_group: OnGroup | None = None,
        deadline_s: float | None = None,
        while_waiting: Callable[[], None] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[wire.Group]:
        """Have tickets played. After an exception, or Ctrl-C, they are withdrawn and the dispatcher can go on."""
        self.submit(tickets)
        try:
            return self.gather(tickets, on_group, deadline_s, while_waiting, on_failed)
        except BaseException:
            self.withdraw(tickets)
            raise

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Let tickets be played from now on. Raises `ValueError` for indices that are under way already."""
        for index in self._interrupted:
            self._unreturned.pop(index, None)
        self._interrupted.clear()
        with self._gateway.changed:
            self._gateway.check()
            self._gateway.ledger.submit(tickets)
            self._gateway.version = max((ticket.version for ticket in tickets), default=self._gateway.version)
            self._gateway.ring()
        self._unreturned.update((ticket.index, ticket) for ticket in tickets)

    def gather(
        self,
        tickets: Sequence[Ticket],
        on_group: OnGroup | None = None,
        deadline_s: float | None = None,
        while_waiting: Callable[[], None] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[wire.Group]:
        """Wait for submitted tickets; their groups in the order of the tickets.

        `on_group` gets each group as it comes, and `while_waiting` is called twice a second or more until the last has;
        both in the calling thread. A ticket that failed three times, or that workers die of, is set aside: `on_failed`
        gets it with the reason, and it is left out of the result; without `on_failed` it is a `WorkerError`, as is the
        deadline.
        """
        by_index = {ticket.index: ticket for ticket in tickets}
        missing = set(by_index)
        groups: dict[int, wire.Group] = {}
        deadline = None if deadline_s is None else time.monotonic() + deadline_s
        came_at = time.monotonic()
        notice_at = came_at + FIRST_NOTICE_S
        while missing:
            fresh, failed = self._results(missing)
            came_at = time.monotonic() if fresh or failed else came_at
            for group in fresh:
                groups[group.index] = group
                if on_group is not None:
                    on_group(group)
            for index, reason in failed.items():
                if on_failed is None:
                    raise WorkerError(f"ticket {index}: {reason}")
                on_failed(by_index[index], reason)
            if missing and deadline is not None and time.monotonic() >= deadline:
                raise WorkerError(f"{len(groups)} of {len(by_index)} tickets were played within {deadline_s:g} s")
            if missing and while_waiting is not None:
                while_waiting()
            if time.monotonic() >= notice_at:
                notice_at = time.monotonic() + self._notice(time.monotonic() - came_at)
        for index in by_index:
            del self._unreturned[index]
        return [groups[ticket.index] for ticket in tickets if ticket.index in groups]

    def _results(self, missing: set[int]) -> tuple[list[wire.Group], dict[int, str]]:
        """What is done or set aside of `missing`, after waiting a little if nothing is; it leaves ledger and set."""
        gateway, ledger = self._gateway, self._gateway.ledger
        with gateway.changed:
            if missing.isdisjoint(ledger.done) and missing.isdisjoint(ledger.failed):
                ledger.enough = len(missing)
                gateway.changed.wait_for(lambda: len(ledger.claims) >= ledger.enough, LOOK_EVERY_S)
            gateway.check()
            claims, ledger.claims = ledger.claims, []
        try:
            with _giving_way():  # meanwhile the gateway goes on
                verdicts = self._verify(claims)
        except BaseException:  # Ctrl-C
            with gateway.changed:
                ledger.claims += claims
            raise
        with gateway.changed:
            for claim, verdict in zip(claims, verdicts, strict=True):
                if isinstance(verdict, str):
                    gateway.refuse(claim, verdict)
                else:
                    ledger.count(claim, verdict)
            failed = {index: ledger.failed.pop(index) for index in list(ledger.failed) if index in missing}
            fresh = [ledger.done.pop(index) for index in list(ledger.done) if index in missing]
        missing.difference_update(failed, (group.index for group in fresh))
        return fresh, failed

    def withdraw(self, tickets: Sequence[Ticket]) -> None:
        """Take tickets back; what still comes of them is dropped and counted as duplicate."""
        indices = [ticket.index for ticket in tickets]
        self._interrupted.update(indices)
        with self._gateway.changed:
            self._gateway.ledger.withdraw(indices)

    def _notice(self, quiet_s: float) -> float:
        """Say why nothing comes, if nothing does; returns after how many seconds to look again."""
        with self._gateway.changed:
            workers, standing = len(self._gateway.workers), self._gateway.standing()
        if not workers:
            dialled = re.sub(r"^tcp://(0\.0\.0\.0|\*|\[::\]):", "tcp://HOST:", self.address)
            keys = " --keys FOLDER/pool.secret" if self._keys else ""
            command = f"g1 pool --trainer {dialled} --node NODE{keys}"
            self._on_notice(f"waiting for a worker at {self.address}; start one with: {command}")
            return NOTICE_EVERY_S
        if quiet_s < QUIET_S:
            return min(QUIET_S - quiet_s, NOTICE_EVERY_S)
        self._on_notice(f"no group has come for {quiet_s:.0f} s: {standing}")
        return QUIET_S

    def drain_workers(self) -> None:
        """Tell all workers to finish what they hold and leave: their pools end too."""
        self._gateway.drain()

    def close(self) -> None:
        self._gateway.close()

    def __enter__(self) -> "Dispatcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def _giving_way() -> Iterator[None]:
    """Let other threads have the interpreter after half a millisecond instead of five: workers wait for the gateway."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
