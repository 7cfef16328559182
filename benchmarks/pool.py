"""Answered samples a second of a pool with a scripted node, by number of workers; where the time of each process goes.

    g1 bench pool [--save] [--before TREE]

2048 at its defaults, start states after 100 random moves, 8 samples a state; trainer, node and workers share the cores
of this machine, as they do in a run. `--before` names an older checkout, which is measured in turn with this one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Row, report

NUM_SAMPLES = 8
NUM_TICKETS = 2500
NUM_RUNS = 3
PLAYERS = ("random", "oracle")
TREE = Path(__file__).parents[1]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def once(player: str, num_workers: int) -> dict[str, float]:
    """One play of `NUM_TICKETS` tickets after a warm-up, by the package that this process imports."""
    from engine.ticket import GameSpec
    from g1train.tickets.dispatch import Dispatcher
    from g1train.tickets.rollout import OneGame, group_tickets
    from tests import processes

    games = [OneGame(GameSpec("2048"), num_moves=100)]
    with (
        tempfile.TemporaryDirectory(prefix="g1-bench-") as folder,
        Dispatcher(f"ipc://{folder}/trainer") as dispatcher,
        processes.node(f"ipc://{folder}/node", player) as node,
        processes.pool(dispatcher.address, f"ipc://{folder}/node", num_workers, capacity=64) as pool,
    ):
        processes.eventually(lambda: dispatcher.stats.workers == num_workers)
        dispatcher.play(group_tickets(1, "warm", 0, 50 * num_workers, games, NUM_SAMPLES), deadline_s=120.0)
        tickets = group_tickets(1, "bench", 0, NUM_TICKETS, games, NUM_SAMPLES, first_index=1 << 20)
        pids = [[os.getpid()], [node.pid], processes.children(pool)]
        before = [sum(cpu_s(pid) for pid in some) for some in pids]
        began = time.perf_counter()
        dispatcher.play(tickets, deadline_s=120.0)
        seconds = time.perf_counter() - began
        spent = [sum(cpu_s(pid) for pid in some) - start for some, start in zip(pids, before, strict=True)]
    num_samples = NUM_TICKETS * NUM_SAMPLES
    found = {"samples/s": num_samples / seconds, "groups/s": NUM_TICKETS / seconds}
    names = ("trainer us", "node us", "workers us")
    return {**found, **{name: 1e6 * value / num_samples for name, value in zip(names, spent, strict=True)}}


def in_tree(tree: Path, player: str, num_workers: int) -> dict[str, float]:
    """`once` in a process that imports from `tree`."""
    command = [sys.executable, str(Path(__file__).resolve()), "--once", player, str(num_workers)]
    path = os.pathsep.join([str(tree), str(Path(__file__).parent)])
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(player: str, num_workers: int, trees: dict[str, Path]) -> list[Row]:
    """A row for each tree, measured in turn; medians."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(NUM_RUNS):
        for name, tree in trees.items():
            runs[name].append(in_tree(tree, player, num_workers))
    rows: list[Row] = []
    for name, found in runs.items():
        medians = {key: statistics.median(one[key] for one in found) for key in found[0]}
        rows.append({"player": player, "workers": num_workers, "code": name, **medians})
    for row in rows:
        row["ratio"] = row["samples/s"] / rows[0]["samples/s"]
        row["picture"] = "#" * round(row["samples/s"] / 2500)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--before", type=Path, help="an older checkout to measure in turn with this one")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--once", nargs=2, metavar=("PLAYER", "WORKERS"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.once:
        print(json.dumps(once(chosen.once[0], int(chosen.once[1]))))
        return
    trees = {"now": TREE} if chosen.before is None else {"before": chosen.before.resolve(), "now": TREE}
    rows = [row for player in PLAYERS for number in chosen.workers for row in measure(player, number, trees)]
    title = f"Pool: samples a second, {NUM_TICKETS} groups of {NUM_SAMPLES}, medians of {NUM_RUNS}"
    report("pool", title, rows, NUM_RUNS)


if __name__ == "__main__":
    main()
