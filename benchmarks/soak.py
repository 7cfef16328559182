"""Half an hour of work with misfortunes: nothing grows, nothing is lost. Not in CI; the result is committed.

    python benchmarks/soak.py [--minutes 30] [--training transformers|vllm] [--save]

Trainer, pool and node as in the chaos test, at a modest rate; every ten seconds or so something happens. In the first
half nobody dies, so that a process which grows has the time to show it: workers, node and trainer are only frozen. In
the second half they are killed and restarted as well. Each minute gives a row: tickets done, and for the oldest process
of each kind its memory and its open files. It fails if a ticket was lost or counted twice, if anything is left behind,
or if a process that lived for five minutes grew by more than the limits after its first.

With `--training` it is real training of a nano model, whose weight transfers and checkpoints are struck too
(tests/misfortunes.py), and the row has steps instead of tickets. It fails if the run ended, if its console was silent
for a minute, or as above, with more room to grow: torch and vLLM keep pools of memory.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from common import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import chaos, misfortunes

RATE = 60  # tickets a second that the trainer takes
KINDS: tuple[misfortunes.Victim, ...] = ("trainer", "node", "pool", "worker")
SETTLED_S = 60.0  # of a process's life that are not looked at
MAX_GROWTH_BYTES, MAX_MORE_FILES = 2 << 20, 8
TRAINING_GROWTH_BYTES, MAX_SILENCE_S = 64 << 20, 60.0
TRAINING = {"rl.steps": 100_000, "trainer.checkpoint_every": 10}


def oldest(now: dict[str, chaos.Measure]) -> Row:
    row: Row = {}
    for kind in KINDS:
        of_kind = [one for name, one in now.items() if name.startswith(kind)]
        eldest = max(of_kind, key=lambda one: one.age_s, default=None)
        row[f"{kind} MB"] = None if eldest is None else eldest.memory / 2**20
        row[f"{kind} files"] = None if eldest is None else eldest.files
    return row


def grown(history: dict[str, list[chaos.Measure]], limit_bytes: int = MAX_GROWTH_BYTES) -> tuple[list[str], list[str]]:
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
        if memory > limit_bytes or files > MAX_MORE_FILES:
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


class Watch:
    """Measures the processes of a training twice a minute, and makes a row of it each minute."""

    def __init__(self, minutes: float) -> None:
        self.rows: list[Row] = []
        self.history: dict[str, list[chaos.Measure]] = defaultdict(list)
        self.num_deeds, self.minutes = 0, minutes
        self._born: dict[str, float] = {}
        self._began = self._measured = time.monotonic()

    @property
    def minute(self) -> float:
        """Since the beginning."""
        return (time.monotonic() - self._began) / 60

    @property
    def deadly(self) -> bool:
        """Is this the second half?"""
        return self.minute > self.minutes / 2

    def deeds(self) -> Iterator[misfortunes.Deed]:
        """One every fifteen seconds or so, until the time is over."""
        chance = random.Random(0)
        while self.minute < self.minutes:
            kill = self.deadly and chance.random() < 0.6
            freeze_s = 0.0 if kill else chance.choice([0.5, 2.0, 4.0, 15.0])
            victims: tuple[misfortunes.Victim, ...] = ("trainer", "node", "pool", "worker")
            moment = chance.choice(misfortunes.MOMENTS)
            self.num_deeds += 1
            yield misfortunes.Deed(chance.uniform(8.0, 25.0), moment, chance.choice(victims), freeze_s)

    def look(self, training: misfortunes.Training) -> None:
        """Measure, if it is time."""
        if time.monotonic() - self._measured < 30.0:
            return
        self._measured = time.monotonic()
        now = {f"{kind} {pid}": pid for kind in KINDS for pid in training.family(kind)}
        found = {}
        for name, pid in now.items():
            born = self._born.setdefault(name, time.monotonic())
            with contextlib.suppress(OSError):
                found[name] = chaos.measure(pid, time.monotonic() - born)
                self.history[name].append(found[name])
        minute = round(self.minute)
        if not self.rows or self.rows[-1]["minute"] != minute:
            what = "killed" if self.deadly else "frozen"
            figures = {"minute": minute, "they are": what, "steps": _steps(training.run), "misfortunes": self.num_deeds}
            self.rows.append({**figures, **oldest(found)})
            print(self.rows[-1], file=sys.stderr, flush=True)


def _steps(run: Path) -> int:
    lines = (run / "metrics.jsonl").read_text().splitlines() if (run / "metrics.jsonl").exists() else []
    return max((line["step"] for line in map(json.loads, lines) if line["stage"] == "rl"), default=0)


def soak_training(backend: str, minutes: float) -> None:
    """Ends the program: 0 if all is well."""
    watch = Watch(minutes)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name) / "storm"
        outcome = misfortunes.storm(folder, backend, watch.deeds(), 0, TRAINING, watch.look, interrupt=True)
        num_steps = sum(stage == "rl" for stage, _ in misfortunes.measured(folder / "nano-2048"))
    lines, bad = grown(watch.history, TRAINING_GROWTH_BYTES)
    counts = (
        f"Soak of training with {backend}: {num_steps} RL steps, {len(outcome.done)} misfortunes, trainer resumed "
        f"{outcome.num_resumed} times, longest silence {outcome.silence_s:.0f} s, left behind: nothing"
    )
    report(f"soak-training-{backend}", "\n".join([counts, *lines]), watch.rows, repeats=1)
    raise SystemExit(bool(bad or outcome.silence_s > MAX_SILENCE_S))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--training", choices=("transformers", "vllm"), help="train for real, with this backend")
    chosen = parser.parse_args()
    if chosen.training:
        soak_training(chosen.training, chosen.minutes)
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
