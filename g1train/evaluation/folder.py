"""The folder of an evaluation, which grows by whole lines and can be killed at any moment.

    evaluation.json          what is asked, fixed at the start (plan.py)
    episodes/<player>.jsonl  one engine.replay.Episode a line, in the order of their numbers, appended as they end
    journal/<player>.jsonl   answers that were paid for, as they come (journal.py)
    results.json             follows from the others (results.py)

Lines are in the order of the numbers, so the files are the same whatever ended first and however often it was killed.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import replay
from engine.errors import ConfigError
from engine.replay import Episode
from g1train.evaluation import plan as plans
from g1train.evaluation.plan import Plan


class Folder:
    """An evaluation's folder, made or gone on with."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan

    @classmethod
    def open(cls, path: Path, plan: Plan) -> "Folder":
        """Raises `ConfigError` for a folder that holds another evaluation, naming the difference."""
        asked = path / "evaluation.json"
        if asked.exists():
            found = plans.read(asked)
            if differs := plans.difference(plan, found):
                raise ConfigError(f"{path} holds another evaluation ({differs}); choose another folder with --out")
            return cls(path, found)
        try:
            path.mkdir(parents=True, exist_ok=True)
            plans.write(plan, asked)
        except OSError as error:
            raise ConfigError(f"cannot write to {path}: {error.strerror}; choose another folder with --out") from error
        return cls(path, plan)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes here meanwhile. Raises `ConfigError` if somebody does."""
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"another process evaluates in {self.path}; wait for it, or choose --out") from None
            yield

    def file_of(self, player: str) -> Path:
        return self.path / "episodes" / f"{player}.jsonl"

    def journal_of(self, player: str) -> Path:
        return self.path / "journal" / f"{player}.jsonl"

    def episodes(self, player: str) -> list[Episode]:
        """What is kept of a player so far."""
        file = self.file_of(player)
        return list(replay.read(file)) if file.exists() else []

    def writer(self, player: str, numbers: Sequence[int]) -> "Writer":
        """For those of `numbers` that are not there yet."""
        drop_torn_line(self.file_of(player))
        there = {episode.notes["number"] for episode in self.episodes(player)}
        return Writer(self.file_of(player), [number for number in numbers if number not in there])

    def forget(self, player: str) -> None:
        """Drop what is kept of a player."""
        self.file_of(player).unlink(missing_ok=True)

    def save_results(self, results: dict[str, Any]) -> None:
        """All or nothing."""
        unfinished = self.path / ".results.tmp"
        unfinished.write_text(json.dumps(results, indent=1) + "\n")
        os.replace(unfinished, self.path / "results.json")


class Writer:
    """Appends episodes in the order of their numbers, whatever order they end in; `missing` are those still awaited."""

    def __init__(self, file: Path, missing: Sequence[int]) -> None:
        self.file, self.missing = file, list(missing)
        self._waiting: dict[int, Episode] = {}

    def add(self, episodes: Iterable[Episode]) -> None:
        self._waiting.update((episode.notes["number"], episode) for episode in episodes)
        ready = []
        while self.missing and self.missing[0] in self._waiting:
            ready.append(self._waiting.pop(self.missing.pop(0)))
        if ready:
            replay.append(self.file, *ready)

    def close(self) -> None:
        """Write what waits for numbers that will not come: their tickets were set aside."""
        if self._waiting:
            replay.append(self.file, *[self._waiting[number] for number in sorted(self._waiting)])
            self._waiting.clear()


def drop_torn_line(file: Path) -> None:
    """Cut off a last line that a kill left without its end, so that the next one does not stick to it."""
    if not file.exists():
        return
    data = file.read_bytes()
    if whole := data.rfind(b"\n") + 1 - len(data):
        os.truncate(file, len(data) + whole)
