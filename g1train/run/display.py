"""What the person at the console sees: a line that moves while something is under way, and lines that stay.

On a terminal a live bar with the newest measures; elsewhere (a log, CI) one plain line now and then. All of it goes to
standard error: standard output is for results.
"""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from engine.net.said import visible

LOG_EVERY_S = 10.0
LOG_COLUMNS = 130  # a log has room for wide tables
SHOWN = {
    "loss": "loss",
    "game_reward": "GR",
    "perception_accuracy": "P_acc",
    "reasoning_accuracy": "R_acc",
    "kl": "KL",
    "top_action": "top",
    "seconds/rollout": "roll s",
    "seconds/learn": "learn s",
    "seconds/weights": "send s",
}


class Display:
    """Use as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, width=None if sys.stderr.isatty() else LOG_COLUMNS)
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._total, self._logged = "", 0, 0.0

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """A stage of `total` steps, `done` of which are done."""
        self.end()
        self._name, self._total, self._logged = name, total, time.monotonic()
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[measures]} [dim]{task.fields[phase]}"),
                console=self.console,
            )
            self._task = self._progress.add_task(name, total=total, completed=done, measures="", phase="")
            self._progress.start()
        else:
            self.say(f"{name}: {total} steps" if not done else f"{name}: {total} steps, {done} done before")

    def step(self, step: int, values: Mapping[str, float | None]) -> None:
        """Step `step` (from 1) is done, with these measures."""
        text = measures(values)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=step, measures=text)
        elif time.monotonic() - self._logged > LOG_EVERY_S or step == self._total:
            self._logged = time.monotonic()
            self.say(f"{self._name} {step}/{self._total} {text}")

    def phase(self, name: str) -> None:
        """What is being done within the step."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, phase=name)

    def end(self) -> None:
        """The stage is over; its line stays."""
        if self._progress is not None:
            self.phase("")
            self._progress.stop()
            self._progress = None

    def say(self, line: str) -> None:
        """A line that stays, above the moving one."""
        self.console.print(visible(line), highlight=False, markup=False, soft_wrap=True)

    def show(self, tables: Iterable[Table]) -> None:
        """Tables that stay."""
        for table in tables:
            self.console.print(table)

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def measures(values: Mapping[str, float | None]) -> str:
    """The measures worth a place on one line."""
    shown = [(label, values.get(key)) for key, label in SHOWN.items()]
    return " ".join(f"{label} {value:.2f}" for label, value in shown if value is not None)


COLUMNS = {
    "score": "score",
    "normalised": "normalised",
    "game_reward": "game reward",
    "p_acc": "P_acc",
    "cell_accuracy": "cells",
    "r_acc": "R_acc",
    "legal": "legal",
    "near_optimal": "near-optimal",
    "regret": "regret",
    "answer_tokens": "tokens",
    "truncated": "cut",
    "top_action": "top action",
    "failed": "failed",
}
"""Measures of an evaluation, as the table's heads."""


def results_tables(results: Mapping[str, Any]) -> list[Table]:
    """What an evaluation (g1train/evaluation/results.py) found: players, then pairs of players, then requests."""
    tables = [_players_table("Evaluation: mean and 95 % interval", results["players"])]
    if len(results["by_game"]) > 1:
        tables += [_players_table(game, found["players"]) for game, found in results["by_game"].items()]
    tables.append(_differences_table(results["main"], results["differences"]))
    if results["usage"]:
        tables.append(_usage_table(results["usage"]))
    return tables


def _table(title: str, *heads: str) -> Table:
    return Table(*heads, title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _players_table(title: str, players: Mapping[str, Any]) -> Table:
    """Players across, measures down; those that nobody has are left out."""
    table = _table(title, "", *players)
    for measure, label in COLUMNS.items():
        found = [player.get(measure) for player in players.values()]
        if any(one is not None for one in found):
            table.add_row(label, *[_cell(one) for one in found])
    return table


def _differences_table(main: str, differences: Sequence[Mapping[str, Any]]) -> Table:
    """One line a pair: how much the first is above the second, and whether that can be told."""
    others = [name for name in ("score", "game_reward") if name != main and any(one[name] for one in differences)]
    table = _table("Compared start by start", "", COLUMNS[main], *[COLUMNS[name] for name in others])
    table.add_column("verdict", no_wrap=True)
    table.add_column("starts to tell", max_width=9)
    for one in differences:
        needed = "-" if one["episodes_needed"] is None else f"{one['episodes_needed']:,}"
        cells = [_cell(one[name]) for name in others]
        table.add_row(f"{one['a']} - {one['b']}", _cell(one[main]), *cells, one["verdict"], needed)
    return table


def _usage_table(usage: Mapping[str, Mapping[str, float]]) -> Table:
    heads = ("requests", "prompt_tokens", "completion_tokens", "refusals", "errors", "cost")
    table = _table("Asked over the network", "", *[head.replace("_", " ") for head in heads])
    for player, counts in usage.items():
        table.add_row(player, *[f"{counts[head]:,}" if head in counts else "-" for head in heads])
    return table


def _cell(found: Mapping[str, float] | None) -> str:
    """0.637 [0.57,0.70]: no blank in the interval, so that a narrow column breaks before it."""
    if found is None or found["mean"] is None:
        return "-"
    digits = 0 if abs(found["mean"]) >= 100 else 3 if abs(found["mean"]) < 10 else 1
    fewer = min(digits, 2)
    return f"{found['mean']:.{digits}f} [{found['low']:.{fewer}f},{found['high']:.{fewer}f}]"
