"""`g1 bench NAME`: run benchmarks/NAME.py of the source tree, in a process of its own.

g1 bench pool       groups a second against a scripted node, by number of workers
g1 bench wire       frames a second and bytes a frame, by codec and size; messages by parcel
g1 bench node       the node with a pool against vLLM's own offline generation
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from g1train.cli.app import app

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run(name: str, arguments: Sequence[str] = ()) -> None:
    """Exits with the status of the script. Raises `ConfigError` for an unknown name, or outside a source tree."""
    known = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "common")
    if name not in known:
        where = f"known: {', '.join(known)}" if known else "they come with the source tree, which this is not"
        raise ConfigError(f"no benchmark {name!r}; {where}")
    status = subprocess.run([sys.executable, str(FOLDER / f"{name}.py"), *arguments], check=False).returncode
    if status:
        raise SystemExit(status)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="pool, wire, node, or another script under benchmarks/.")],
) -> None:
    """Measure: table, picture, and JSON on the last line. What follows the name goes to the script."""
    run(name, context.args)
