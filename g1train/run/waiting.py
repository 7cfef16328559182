"""No wait without a word: who is waited for, and for how long already, said now and then."""

import time
from collections.abc import Callable

FIRST_WORD_S, WORD_EVERY_S = 10.0, 20.0


class Waiting:
    """Call `tick` often while waiting; it says "waiting for WHOM since 30 s: WHY"."""

    def __init__(self, whom: str, say: Callable[[str], None]) -> None:
        self.whom, self._say = whom, say
        self._began = time.monotonic()
        self._word_at = self._began + FIRST_WORD_S

    @property
    def seconds(self) -> float:
        """For how long."""
        return time.monotonic() - self._began

    def tick(self, why: str = "") -> None:
        """Say it, if it is time."""
        if time.monotonic() >= self._word_at:
            self._word_at = time.monotonic() + WORD_EVERY_S
            self._say(f"waiting for {self.whom} for {self.seconds:.0f} s" + (why and f": {why}"))
