"""Half an hour of work with misfortunes: nothing grows, nothing is lost. Not in CI; the result is committed.

    python benchmarks/soak.py [--minutes 30] [--save]

Trainer, pool and node as in the chaos test, at a modest rate; every ten seconds or so something happens. In the first
half nobody dies, so that a process which grows has the time to show it: workers, node and trainer are only frozen. In
the second half they are killed and restarted as well. Each minute gives a row: tickets done, and for the oldest process
of each kind its memory and its open files. It fails if a ticket was lost or counted twice, if anything is left behind,
or if a process that lived for five minutes grew by more than the limits after its first.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from common import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import chaos

RATE = 60  # tickets a second that the trainer takes
KINDS = ("trainer", "node", "pool", "worker")
SETTLED_S = 60.0  # of a process's life that are not looked at
MAX_GROWTH_BYTES, MAX_MORE_FILES = 2 << 20, 8


def oldest(now: dict[str, chaos.Measure]) -> Row:
    row: Row = {}
    for kind in KINDS:
        of_kind = [one for name, one in now.items() if name.startswith(kind)]
        eldest = max(of_kind, key=lambda one: one.age_s, default=None)
        row[f"{kind} MB"] = None if eldest is None else eldest.memory / 2**20
        row[f"{kind} files"] = None if eldest is None else eldest.files
    return row


def grown(history: dict[str, list[chaos.Measure]]) -> tuple[list[str], list[str]]:
    """A line for each process that lived for five minutes: how it changed; and the lines of those beyond the limits."""
    lines, bad = [], []
    for name, measures in history.items():
        settled = [one for one in measures if one.age_s > SETTLED_S]
        if not settled or settled[-1].age_s < 300:
            continue
        early, late = settled[:5], settled[-5:]
        memory = max(one.memory for one in late) - max(one.memory for one in early)
        files = max(one.files for one in late) - max(one.files for one in early)
        minutes = settled[-1].age_s / 60
        lines.append(f"{name}: {minutes:.0f} min, {memory / 2**20:+.2f} MB, {files:+d} files")
        if memory > MAX_GROWTH_BYTES or files > MAX_MORE_FILES:
            bad.append(lines[-1])
    return lines, bad


def soak(storm: chaos.Line, num_tickets: int, minutes: float) -> list[Row]:
    rows: list[Row] = []
    chance, num_deeds = random.Random(0), 0
    began = looked = time.monotonic()
    while storm.running["trainer"].poll() is None:
        time.sleep(chance.uniform(5.0, 15.0))
        now, num_done = storm.measure(), storm.num_counted()
        deadly = time.monotonic() - began > 30 * minutes
        if 0 < num_done < num_tickets - 10 * RATE:
            chaos.monkey(storm, chance, deadly)
            num_deeds += 1
        if time.monotonic() - looked > 60:
            looked = time.monotonic()
            minute = round((looked - began) / 60)
            half = "killed" if deadly else "frozen"
            figures = {"minute": minute, "they are": half, "tickets": num_done, "misfortunes": num_deeds}
            rows.append({**figures, **oldest(now)})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--minutes", type=float, default=30.0)
    chosen = parser.parse_args()
    num_tickets = int(chosen.minutes * 60 * RATE)
    with tempfile.TemporaryDirectory(prefix="g1-soak-") as folder:
        with chaos.line(Path(folder) / "storm", num_tickets, 1 / RATE) as storm:
            rows = soak(storm, num_tickets, chosen.minutes)
            assert storm.running["trainer"].returncode == 0
            storm.finish()
        indices = [index for index, _ in chaos.results(storm.journal)]
        left = storm.left_behind()
    lost, twice = num_tickets - len(set(indices)), len(indices) - len(set(indices))
    lines, bad = grown(storm.history)
    counts = f"Soak: {num_tickets} tickets, {lost} lost, {twice} counted twice, left behind: {left or 'nothing'}"
    report("soak", "\n".join([counts, *lines]), rows, repeats=1)
    raise SystemExit(bool(lost or twice or left or bad))


if __name__ == "__main__":
    main()
