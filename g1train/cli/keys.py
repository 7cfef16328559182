"""g1 keys: a pair of CURVE keys for each process."""

from pathlib import Path
from typing import Annotated

import typer

from g1train.cli.app import app


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="Folder to make them in.")],
    names: Annotated[list[str] | None, typer.Argument(help="Who needs a pair; by default all four roles.")] = None,
) -> None:
    """Make CURVE keys, one pair a process: NAME.secret (mode 600) stays where it is used, NAME.public goes to all."""
    from engine.net.keys import NAMES, write_keys

    for path in write_keys(folder, names or NAMES):
        print(f"{path} and {path.with_suffix('.public').name}")
