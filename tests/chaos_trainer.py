"""A trainer that may be killed at any moment: what it has counted is in a journal, and it goes on from there.

python -m tests.chaos_trainer ADDRESS JOURNAL NUM_TICKETS PAUSE_S [--keys FILE] [--parent PID]

A line of the journal is `index digest`, the digest being of the whole group but for who played it. Its own memory does
not grow with the number of tickets, so that what grows is the dispatcher's.
"""

import argparse
import hashlib
import os
import time
from pathlib import Path

import msgspec

from engine.net import process, sockets, wire
from engine.ticket import GameSpec
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets

GAME = OneGame(GameSpec("2048", {"tile_px": 28, "strip": False}), num_moves=20)
AT_ONCE = 250  # tickets submitted together
PATIENCE_S = 2.0


def digest(group: wire.Group) -> str:
    anonymous = msgspec.structs.replace(group, worker="")
    return hashlib.blake2b(msgspec.msgpack.encode(anonymous), digest_size=16).hexdigest()


def counted_in(journal: Path, num_tickets: int) -> bytearray:
    """1 at the index of each ticket that was counted in an earlier life."""
    counted = bytearray(num_tickets)
    if journal.exists():
        with journal.open() as lines:
            for line in lines:
                counted[int(line.split()[0])] = 1
    return counted


def play_all(dispatcher: Dispatcher, journal: Path, num_tickets: int, pause_s: float) -> None:
    counted = counted_in(journal, num_tickets)
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def count(group: wire.Group) -> None:
        os.write(file, f"{group.index} {digest(group)}\n".encode())
        time.sleep(pause_s)

    for step in range(-(-num_tickets // AT_ONCE)):
        tickets = group_tickets(7, "chaos", step, AT_ONCE, [GAME], num_samples=4)
        dispatcher.play([one for one in tickets if one.index < num_tickets and not counted[one.index]], count)
    os.close(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("journal", type=Path)
    parser.add_argument("num_tickets", type=int)
    parser.add_argument("pause_s", type=float)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--parent", type=int)
    chosen = parser.parse_args()
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    keys = None if chosen.keys is None else sockets.read_keys(chosen.keys)
    with Dispatcher(chosen.address, run="chaos", keys=keys, timeout_s=PATIENCE_S, on_notice=print) as dispatcher:
        play_all(dispatcher, chosen.journal, chosen.num_tickets, chosen.pause_s)
        dispatcher.drain_workers()
        deadline = time.monotonic() + 30.0
        while dispatcher.stats.workers and time.monotonic() < deadline:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
