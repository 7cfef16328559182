"""A process of ours: started, listened to, ended together with whatever it started. It may be started again.

    child = Child("g1 serve", command, ready="node ready at ")
    child.start() ─▶ lines ─▶ last_lines, log file, `show`      child.alive · child.ready · child.epitaph()

Its lines are read by a thread; the process itself is started by the caller's, with which it dies.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

STOP_WITHIN_S, LOOK_EVERY_S = 20.0, 0.02
READ_WITHIN_S = 2.0  # what it said last is waited for so long: something that it started may hold its output open
NUM_LAST_LINES = 20


class Child:
    """One process after another, under one name. `ready` begins the line by which it says that it is, if it does."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ready: str | None = None,
        show: Callable[[str], None] | None = None,
        log: Path | None = None,
    ) -> None:
        self.name, self.command = name, list(command)
        self.running: subprocess.Popen[str] | None = None
        self.started = 0.0
        self.ready = False
        self.last_lines: deque[str] = deque(maxlen=NUM_LAST_LINES)
        self._ready_line, self._show, self._log = ready, show, log
        self._reader: threading.Thread | None = None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it with this process's environment, changed by `environment`. Raises `OSError`."""
        self.running = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # Ctrl-C in a terminal reaches us alone; we end our children ourselves
        )
        self.started, self.ready = time.monotonic(), False
        self.last_lines.clear()
        self._reader = threading.Thread(target=self._read, args=(self.running.stdout,), daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Is it running? When it is seen to have ended, whatever it started in its process group is ended, too."""
        if self.running is None:
            return False
        if self.running.returncode is None and hasattr(os, "waitid"):
            ended = os.waitid(os.P_PID, self.running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:  # it is not reaped yet, so its number is still its group's and nobody else's
                self._kill_group()
        return self.running.poll() is None

    @property
    def status(self) -> int | None:
        """How it ended; None while it runs or was never started."""
        return None if self.running is None or self.alive else self.running.returncode

    def epitaph(self) -> str:
        """Why it is gone, with the last things it said."""
        self.listen()
        said = "\n".join(self.last_lines)
        where = f" (all of it in {self._log})" if self._log else ""
        return f"{self.name} ended with status {self.status}; it said{where}:\n{said}"

    def listen(self) -> None:
        """Wait for the last lines of one that has ended."""
        if self._reader is not None:
            self._reader.join(READ_WITHIN_S)

    def stop(self) -> None:
        """End it and what it started; what it says of that goes to its log alone."""
        self._show = None
        if self.running is not None and self.alive:
            self.running.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_WITHIN_S
            while self.alive and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY_S)
            self.kill()
        self.listen()

    def kill(self) -> None:
        """End it and what it started at once, frozen or not."""
        if self.running is not None and self.alive:
            self._kill_group()
            self.running.wait()

    def _kill_group(self) -> None:
        assert self.running is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._heard(line.rstrip())

    def _heard(self, line: str) -> None:
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(line + "\n")
        if not self.ready and self._ready_line is not None and line.startswith(self._ready_line):
            self.ready = True
            return
        self.last_lines.append(line)
        if self._show is not None:
            self._show(line)
