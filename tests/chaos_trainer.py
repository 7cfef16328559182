"""A trainer that may be killed at any moment: what it has counted is in a journal, and it goes on from there.

python -m tests.chaos_trainer ADDRESS JOURNAL NUM_TICKETS PAUSE_S

A line of the journal is `index digest`, the digest being of the whole group but for who played it.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

import msgspec

from engine import process, wire
from engine.ticket import GameSpec
from g1train.dispatch import Dispatcher
from g1train.rollout import OneGame, group_tickets

GAME = OneGame(GameSpec("2048", {"tile_px": 28, "strip": False}), num_moves=20)
AT_ONCE = 250  # tickets submitted together: what is done is not kept


def digest(group: wire.Group) -> str:
    anonymous = msgspec.structs.replace(group, worker="")
    return hashlib.blake2b(msgspec.msgpack.encode(anonymous), digest_size=16).hexdigest()


def main(address: str, journal: Path, num_tickets: int, pause_s: float) -> None:
    tickets = group_tickets(7, "chaos", 0, num_tickets, [GAME], num_samples=4)
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    counted = {int(line.split()[0]) for line in journal.read_text().splitlines()}
    left = [ticket for ticket in tickets if ticket.index not in counted]

    def count(group: wire.Group) -> None:
        os.write(file, f"{group.index} {digest(group)}\n".encode())
        time.sleep(pause_s)

    with Dispatcher(address, run="chaos", timeout_s=2.0, on_notice=print) as dispatcher:
        for first in range(0, len(left), AT_ONCE):
            dispatcher.play(left[first : first + AT_ONCE], count)
        dispatcher.drain_workers()
        deadline = time.monotonic() + 30.0
        while dispatcher.stats.workers and time.monotonic() < deadline:
            time.sleep(0.05)
    os.close(file)


if __name__ == "__main__":
    process.die_with_parent(os.getppid())
    process.log_to_stderr()
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
