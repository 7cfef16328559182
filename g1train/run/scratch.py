"""Folders for what must not outlive its process; what a kill -9 leaves behind is swept by the next run.

A folder holds a file that its owner has locked. The kernel lets the lock go with the process, whatever ends it, so a
folder that can be locked is nobody's, whichever container looks.
"""

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

LOCK = "lock"
SHARED_MEMORY = Path("/dev/shm")


def temporary() -> Path:
    """Where sockets and the like go."""
    return Path(tempfile.gettempdir())


def shared_memory() -> Path:
    """Where data goes that a neighbour reads: memory where there is such a place."""
    return SHARED_MEMORY if SHARED_MEMORY.is_dir() else temporary()


class Scratch:
    """A new folder `where/PREFIX…` (`path`), ours until `remove` or the end of this process. Raises `OSError`."""

    def __init__(self, prefix: str, where: Path) -> None:
        unlocked = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=where))
        self._lock = (unlocked / LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = unlocked.rename(where / unlocked.name[1:])  # by this name `sweep` never finds it unlocked

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep() -> list[Path]:
    """Remove the folders whose processes are gone; returns them."""
    found = [lock for where in {temporary(), shared_memory()} for lock in where.glob(f"g1-*/{LOCK}")]
    return [lock.parent for lock in found if _sweep(lock)]


def _sweep(lock: Path) -> bool:
    with contextlib.suppress(OSError), lock.open() as file:  # also: somebody else's, or swept by another just now
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent)
        return True
    return False
