"""Half an hour of work with misfortunes: nothing grows, nothing is lost. Not in CI; the result is committed.

    python benchmarks/soak.py [--minutes 30] [--save]

Trainer, pool and node as in the chaos test, at a modest rate; every ten seconds or so somebody is killed, frozen or
restarted. Each minute gives a row: tickets done, and the memory of each process.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from common import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.e2e import test_chaos as chaos

RATE = 60  # tickets a second that the trainer takes


def megabytes(storm: "chaos.Line", name: str) -> float:
    """Of the process of that name which is there now and has used most."""
    storm.measure()
    alive = {f"{kind} {process.pid}" for kind, process in storm.running.items()}
    alive |= {f"worker {pid}" for pid in storm.workers}
    found = [samples[-1][1] for key, samples in storm.memory.items() if key.startswith(name) and key in alive]
    return max(found, default=0) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--minutes", type=float, default=30.0)
    chosen = parser.parse_args()
    num_tickets, chance = int(chosen.minutes * 60 * RATE), random.Random(0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="g1-soak-") as folder:
        with chaos.line(Path(folder) / "storm", 1 / RATE, num_tickets) as storm:
            began = looked = time.monotonic()
            num_deeds = 0
            while storm.running["trainer"].poll() is None:
                time.sleep(chance.uniform(5.0, 15.0))
                if not storm.journal.exists():
                    continue
                num_done = len(chaos.results(storm.journal))
                if num_done < num_tickets - 10 * RATE:
                    chaos.monkey(storm, chance)
                    num_deeds += 1
                if time.monotonic() - looked > 60:
                    looked = time.monotonic()
                    names = ("trainer", "node", "pool", "worker")
                    used = {f"{name} MB": megabytes(storm, name) for name in names}
                    row = {"minute": round((looked - began) / 60), "tickets": num_done, "misfortunes": num_deeds}
                    rows.append({**row, **used})
                    print(rows[-1], file=sys.stderr, flush=True)
            assert storm.running["trainer"].returncode == 0
            storm.finish()
        indices = sorted(index for index, _ in chaos.results(storm.journal))
        left = chaos.left_behind(storm.folder)
    lost, twice = num_tickets - len(set(indices)), len(indices) - len(set(indices))
    title = f"Soak: {num_tickets} tickets, {lost} lost, {twice} counted twice, left behind: {left or 'nothing'}"
    report("soak", title, rows)
    raise SystemExit(bool(lost or twice or left))


if __name__ == "__main__":
    main()
