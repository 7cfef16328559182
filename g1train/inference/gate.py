"""When asks may run: never while weights change, and only under the policy version that they want.

ask ──▶ wait while a transfer is open ──▶ version agrees? ──▶ generate       start ──▶ wait until no ask runs ──▶ closed
                                               └─ no: refused, ask again     finish, confirm ──▶ open, new version
                                                                             a failed transfer ──▶ open, no version
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.errors import WeightsError
from engine.net import wire


class Refused(Exception):
    """Not now: the ask is to be sent again later."""


class Gate:
    """`version` is what the node serves: -1 until a trainer sent or confirmed the weights."""

    def __init__(self, version: int = -1) -> None:
        self.version = version
        self.running = 0
        self._open, self._idle = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._idle.set()
        self._broken = ""

    @property
    def transferring(self) -> bool:
        return not self._open.is_set()

    @asynccontextmanager
    async def ask(self, wanted: int) -> AsyncIterator[int]:
        """The version under which the ask runs from beginning to end. Raises `Refused`."""
        while not self._open.is_set():
            await self._open.wait()
        if self._broken:
            raise Refused(f"the last weight transfer failed ({self._broken}); a trainer has to send the weights again")
        if wanted not in (-1, self.version):
            serves = "has no weights confirmed yet" if self.version < 0 else f"serves {self.version}"
            raise Refused(f"policy version {wanted} is wanted, this node {serves}")
        self.running += 1
        self._idle.clear()
        try:
            yield self.version
        finally:
            self.running -= 1
            if not self.running:
                self._idle.set()

    async def close(self) -> None:
        """Let no more asks begin, and wait for those that run."""
        self._open.clear()
        await self._idle.wait()

    def open(self, version: int) -> None:
        self.version, self._broken = version, ""
        self._open.set()

    def fail(self, reason: str) -> None:
        """The weights may be half old and half new: nothing is served until a transfer succeeds."""
        self.version, self._broken = -1, reason
        self._open.set()

    def check(self, call: wire.WeightCall) -> None:
        """Raises `WeightsError` for a call that does not belong here."""
        if call.phase in ("update", "finish") and not self.transferring:
            raise WeightsError(f"{call.phase!r} came without a start: was the node restarted? begin the transfer again")
        if call.phase == "confirm" and (self.transferring or self._broken):
            raise WeightsError("weights were sent only in part, so they cannot be confirmed: send them again")
        if call.phase in ("finish", "confirm") and call.version < 0:
            raise WeightsError(f"{call.phase!r} needs the policy version that becomes current, got {call.version}")
