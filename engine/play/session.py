"""One game being played, with no window: moves, undo, hints, the clock, and the replay of it (engine/replay.py).

What was undone is not in the replay, but counted in its notes, as hints are. The file is replaced whole after each
move, so it is never half written.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.game import Game, Step, make, state_hash
from engine.replay import Episode, Try, Turn, replace
from engine.start import start_record
from engine.ticket import Start
from native.state import Records


class Session:
    """A game at a level from a seed; `folder` is made on the first move. `clock` gives seconds.

    Equal seeds are equal games, for people and models alike.
    """

    def __init__(
        self, game: str, level: str = "normal", seed: int = 0, settings: dict[str, Any] | None = None,
        folder: Path = Path("runs/plays"), clock: Callable[[], float] = time.monotonic,
        player: str = "human", notes: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.game: Game = make(game, level=level, **(settings or {}))
        self.level, self.folder, self.player, self._clock = level, folder, player, clock
        self._notes = notes or {}
        self.new_game(seed)

    def new_game(self, seed: int) -> None:
        """Start from a seed; the last game stays in its file."""
        self.seed, self.state = seed, start_record(self.game, Start(seed))
        self.tries: list[Try] = []
        self.undone = self.hints = 0
        self._past: list[Records] = []
        self._started = self._clock()
        self._ended_s: float | None = None
        self._begun = datetime.now(UTC)
        self.path = self.folder / f"{self.game.name}-{seed}-{self._begun:%Y%m%d-%H%M%S-%f}.jsonl"

    @property
    def actions(self) -> list[int]:
        """What was played, less what was undone."""
        return [tried.action for tried in self.tries]

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

    def act(self, action: int, said: Try | None = None) -> Step:
        """Play an action, legal or not, as a model would, with what was said if a model did; a game that has ended
        takes none."""
        before = self.state.copy()
        step = self.game.step(self.state, [action])
        if not before["ended"][0]:
            self._past.append(before)
            self.tries.append(said or Try(action))
            self._ended_s = self.elapsed_s if self.ended else None
            self.save()
        return step

    def undo(self) -> bool:
        """Take the last action back, random numbers included; false if there is none."""
        if not self._past:
            return False
        self.state = self._past.pop()
        self.tries.pop()
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
        replace(self.path, self.episode())

    def episode(self) -> Episode:
        """What was played so far."""
        first = self._past[0] if self._past else self.state
        return Episode(
            player=self.player,
            game=self.game.name,
            settings=self.game.settings,
            start=Start(self.seed),
            turns=[Turn([tried]) for tried in self.tries],
            start_hash=int(state_hash(first, rng=True)[0]),
            end_hash=int(state_hash(self.state, rng=True)[0]),
            score=self.score - int(first["score"][0]),
            notes={**self._notes, **self._own_notes()},
        )

    def _own_notes(self) -> dict[str, Any]:
        counted = {name: number for name, number in (("hints", self.hints), ("undone", self.undone)) if number}
        times = {"begun": self._begun.isoformat(timespec="seconds"), "seconds": round(self.elapsed_s, 1)}
        return {"level": self.level, "ended": self.ended, **counted, **times}
