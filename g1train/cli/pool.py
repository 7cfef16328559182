"""g1 pool: workers alone, on any host."""

import os
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from engine.net import process
from g1train import config as configs
from g1train.cli.app import Parent, app


@app.command()
def pool(
    trainer: Annotated[str, typer.Option(help="Address of the trainer.")] = configs.TrainerConfig().address,
    node: Annotated[str, typer.Option(help="Address of the inference node.")] = configs.NodeConfig().address,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    capacity: Annotated[int, typer.Option(min=1, help="Tickets that each worker holds at once.")] = 64,
    codec: Annotated[str, typer.Option(help="How frames travel: auto, sprites, shared, lz4 or pixels.")] = "auto",
    keys: Annotated[Path | None, typer.Option(help="This pool's secret key file, needed beyond loopback.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for trainer and node; 0: for ever.")] = 600.0,
    name: Annotated[str, typer.Option(help="Of this pool; by default its host and process.")] = "",
    parent: Parent = None,
) -> None:
    """Play games: worker processes under a supervisor, on this or any other host."""
    if parent is not None:
        process.die_with_parent(parent)
    process.log_to_stderr()
    from engine.net.codec import SETTINGS
    from engine.rollout.pool import run_pool

    if codec not in SETTINGS:
        raise ConfigError(f"unknown codec {codec!r}; known: {', '.join(SETTINGS)}")
    run_pool(trainer, node, workers, capacity=capacity, keys=keys, frames=codec, wait_s=wait, name=name)
