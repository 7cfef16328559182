"""What the person at the console sees: a line that moves while something is under way, and lines that stay.

On a terminal a live bar with the newest measures; elsewhere (a log, CI) one plain line now and then. All of it goes to
standard error: standard output is for results.
"""

import time
from collections.abc import Mapping

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
        self.console = console or Console(stderr=True)
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

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def measures(values: Mapping[str, float | None]) -> str:
    """The measures worth a place on one line."""
    shown = [(label, values.get(key)) for key, label in SHOWN.items()]
    return " ".join(f"{label} {value:.2f}" for label, value in shown if value is not None)


def results_table(results: Mapping[str, Mapping[str, float | None]]) -> Table:
    """Players down, measures across."""
    table = Table("player", title="Evaluation: states not seen in training")
    columns = {"game_reward": "game reward", "p_acc": "P_acc", "r_acc": "R_acc", "score": "score"}
    for label in columns.values():
        table.add_column(label, justify="right")
    for player, values in results.items():
        cells = [_cell(values.get(key), values.get(f"{key}_error")) for key in columns]
        table.add_row(player, *cells)
    return table


def _cell(value: float | None, error: float | None) -> str:
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 3
    return f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")
