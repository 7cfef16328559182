"""One person's game, with no window: moves, undo, hints, the clock, and the file from which it can be replayed.

    {"format": 1, "game": "2048", "level": "hard", "settings": {...}, "seed": 3, "actions": [3, 2, 3], ...}

`make(game, **settings).reset([seed])` and these actions lead to where the game stands; what was undone is not among
them, but counted. The file is replaced whole after each move, so it is never half written.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.game import Game, Step, make
from native.state import Records

FORMAT = 1


class Session:
    """A game at a level from a seed; `folder` is made on the first move. `clock` gives seconds."""

    def __init__(
        self, game: str, level: str = "normal", seed: int = 0, settings: dict[str, Any] | None = None,
        folder: Path = Path("runs/plays"), clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.game: Game = make(game, level=level, **(settings or {}))
        self.level, self.folder, self._clock = level, folder, clock
        self.new_game(seed)

    def new_game(self, seed: int) -> None:
        """Start from a seed; the last game stays in its file."""
        self.seed, self.state = seed, self.game.reset([seed])
        self.actions: list[int] = []
        self.rewards: list[float] = []
        self.undone = self.hints = 0
        self._past: list[Records] = []
        self._started = self._clock()
        self._ended_s: float | None = None
        self._begun = datetime.now(UTC)
        self.path = self.folder / f"{self.game.name}-{seed}-{self._begun:%Y%m%d-%H%M%S-%f}.json"

    @property
    def score(self) -> int:
        return int(self.state["score"][0])

    @property
    def ended(self) -> bool:
        return bool(self.state["ended"][0])

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, up to the end of the game."""
        return self._clock() - self._started if self._ended_s is None else self._ended_s

    def act(self, action: int) -> Step:
        """Play an action, legal or not, as a model would; a game that has ended takes none."""
        before = self.state.copy()
        step = self.game.step(self.state, [action])
        if not before["ended"][0]:
            self._past.append(before)
            self.actions.append(action)
            self.rewards.append(float(step.reward[0]))
            self._ended_s = self.elapsed_s if self.ended else None
            self.save()
        return step

    def undo(self) -> bool:
        """Take the last action back, random numbers included; false if there is none."""
        if not self._past:
            return False
        self.state = self._past.pop()
        self.actions.pop()
        self.rewards.pop()
        self.undone += 1
        self._ended_s = None
        self.save()
        return True

    def hint(self) -> tuple[int, str] | None:
        """What the oracle would do, and why where the game has words for it; None at the end.

        Raises ValueError where the game has no oracle.
        """
        if self.ended:
            return None
        action = self.game.oracle(self.state)
        self.hints += 1
        return int(action[0]), self.game.explain(self.state, action)[0]

    def save(self) -> None:
        """Write the file, all or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "format": FORMAT, "game": self.game.name, "level": self.level, "settings": self.game.settings,
            "seed": self.seed, "actions": self.actions, "rewards": self.rewards, "score": self.score,
            "ended": self.ended, "undone": self.undone, "hints": self.hints,
            "begun": self._begun.isoformat(timespec="seconds"), "seconds": round(self.elapsed_s, 1),
        }  # fmt: skip
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(record) + "\n", encoding="utf-8")
        os.replace(unfinished, self.path)


def replay(path: Path) -> tuple[Game, Records]:
    """The game of a file, and its states [moves + 1] from the start to where it stands.

    Raises ValueError if the file is of another format or its actions do not lead to its score.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("format") != FORMAT:
        raise ValueError(f"{path} has format {record.get('format')!r}; this version reads {FORMAT}")
    game = make(record["game"], **record["settings"])
    states = [game.reset([record["seed"]])]
    for action in record["actions"]:
        states.append(states[-1].copy())
        game.step(states[-1], [action])
    if int(states[-1]["score"][0]) != record["score"]:
        raise ValueError(f"{path} ends with score {record['score']}, its actions with {int(states[-1]['score'][0])}")
    return game, np.concatenate(states)
