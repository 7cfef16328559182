"""g1 serve: the inference node alone."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from engine.net import process
from g1train import config as configs
from g1train.cli.app import ConfigPath, Overrides, Parent, app, quiet_threads


@app.command()
def serve(
    config: ConfigPath,
    overrides: Overrides = [],  # noqa: B006
    model: Annotated[Path | None, typer.Option(help="Model folder; instead of model.path.")] = None,
    bind: Annotated[str, typer.Option(help="Address to listen at; instead of node.address.")] = "",
    keys: Annotated[Path | None, typer.Option(help="Key file, needed beyond loopback.")] = None,
    parent: Parent = None,
) -> None:
    """Serve a policy: the inference node. It refuses to answer until a trainer has sent it weights."""
    chosen = configs.load(config, overrides)
    if parent is not None:
        process.die_with_parent(parent)
    process.log_to_stderr()
    quiet_threads()
    from engine.net import sockets
    from g1train.inference import backends, node

    backend = backends.make(chosen, str(model or chosen.model.path))
    print(f"inference node: backend '{backend.name}', model {model or chosen.model.path or '-'}", flush=True)
    found_keys = None if keys is None else sockets.read_keys(keys)
    asyncio.run(node.serve(backend, bind or chosen.node.address, run=chosen.name, keys=found_keys))
