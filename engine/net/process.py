"""How a process of this project lives and dies: with its parent, and in two steps when it is told to stop.

SIGTERM or Ctrl-C once   finish what is held, then leave (`Stop.asked`)
twice                    exit at once
parent gone              SIGKILL from the kernel
"""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from engine.errors import G1Error
from engine.net.said import visible

PR_SET_PDEATHSIG = 1
READY_LINE = "ready"
MENDABLE_STATUS = 2  # exit status of what a person has to mend: starting it again would not help
TOLD_TO_STOP_STATUS = 143  # of a worker that a signal ended; one that the trainer sent home ends with 0
LIFE = "G1_LIFE"  # what a supervisor gives all processes that follow one another in one place (`wire.Join.life`)
LAST_WORDS = "G1_LAST_WORDS"  # how the process that this one replaces ended: told to the trainer, whose console counts


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; exits if it has ended already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        raise SystemExit(f"the parent {parent_pid} is gone")


class Stop:
    """Counts requests to stop; the second one runs `at_once` and exits with status 130."""

    def __init__(self, at_once: Callable[[], None] = lambda: None) -> None:
        self.asked = False
        self._at_once = at_once
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._at_once()
            os._exit(130)
        self.asked = True


@contextmanager
def reported(program: str) -> Iterator[None]:
    """Print what a person can mend as one line, and exit with status 2."""
    try:
        yield
    except G1Error as error:
        print(f"{program}: {visible(str(error))}", file=sys.stderr, flush=True)
        raise SystemExit(MENDABLE_STATUS) from None


def log_to_stderr() -> None:
    """One line a message, with the time."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
