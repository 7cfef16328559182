"""`g1 bench NAME`: run benchmarks/NAME.py of the source tree, in a process of its own.

g1 bench pool       groups a second against a scripted node, by number of workers
g1 bench wire       frames a second and bytes a frame, by codec and size; messages by parcel
g1 bench node       the node with a pool against vLLM's own offline generation
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "benchmarks"


def main(name: str, arguments: Sequence[str] = ()) -> None:
    """Exits with the status of the script. Raises `ConfigError` for an unknown name, or outside a source tree."""
    known = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "common")
    if name not in known:
        where = f"known: {', '.join(known)}" if known else "they come with the source tree, which this is not"
        raise ConfigError(f"no benchmark {name!r}; {where}")
    status = subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *arguments], check=False).returncode
    if status:
        raise SystemExit(status)
