"""How long something takes as a rule, and from when on it has taken too long.

    seconds of each that ended ──add──▶ the last 256 ──▶ high_s: 95th percentile ──▶ limit_s: 4 times that, or a floor

Deadlines follow from it, so that what is slow by nature is not punished: nobody has to say how fast a model is.
"""

from collections import deque

NUM_KEPT = 256
HIGH = 0.95
FACTOR = 4.0


class Usual:
    """Of one kind of work. `start_s` is the limit while nothing is known, `floor_s` the least that there ever is."""

    def __init__(self, start_s: float, floor_s: float) -> None:
        self._start_s, self._floor_s = start_s, floor_s
        self._seconds: deque[float] = deque(maxlen=NUM_KEPT)

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    @property
    def high_s(self) -> float | None:
        """What 95 of 100 stay below; None while nothing has ended."""
        if not self._seconds:
            return None
        return sorted(self._seconds)[int(HIGH * (len(self._seconds) - 1))]

    @property
    def limit_s(self) -> float:
        high_s = self.high_s
        return self._start_s if high_s is None else max(FACTOR * high_s, self._floor_s)

    def __str__(self) -> str:
        high_s = self.high_s
        return "nothing is known of how long that takes" if high_s is None else f"usually {high_s:.2g} s"
