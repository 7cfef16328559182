"""What others say, made fit for a console: no control characters, no end of it, no more of it than somebody reads.

    Fault, Failure, Refusal, names ─▶ log, display, g1 status

Importing this makes every line of the logger "g1" pass through `visible`, whoever writes it and wherever it goes.
"""

import logging
import time
import unicodedata

MAX_SHOWN = 8000  # characters of one message
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's categories of what leaves no mark of its own
CONTINUED = "\n    "  # what follows in a message is indented: nobody can forge a line of ours


def visible(text: str, limit: int = MAX_SHOWN) -> str:
    """The text with control characters, escapes and marks of direction as `\\x1b` and the like, and its lines after the
    first indented; what is longer than `limit` keeps its beginning and its end."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]} ... {text[-half:]}"
    if text.isascii() and text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return CONTINUED.join("".join(map(_shown, line)) for line in lines).rstrip()


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in HIDDEN and character != "\t"
    return character.encode("unicode_escape").decode() if hidden else character


class Allowance:
    """So many things at once, and so many a second in the long run: `take` says whether one more is allowed."""

    def __init__(self, at_once: int, per_s: float) -> None:
        self._at_once, self._per_s = at_once, per_s
        self._left, self._looked = float(at_once), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._left + (now - self._looked) * self._per_s, self._at_once)
        self._looked = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def _filter(record: logging.LogRecord) -> bool:
    record.msg, record.args = visible(record.getMessage()), None
    return True


logging.getLogger("g1").addFilter(_filter)
