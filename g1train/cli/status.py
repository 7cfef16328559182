"""g1 status: who is there, how fast, how far behind."""

from pathlib import Path
from typing import Annotated

import typer

from g1train import config as configs
from g1train.cli.app import app


@app.command()
def status(
    trainer: Annotated[str, typer.Option(help="Address of the trainer.")] = configs.TrainerConfig().address,
    node: Annotated[str, typer.Option(help="Address of the inference node.")] = configs.NodeConfig().address,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    run: Annotated[Path | None, typer.Option(help="Of the run in this folder; instead of the addresses.")] = None,
    prometheus: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve metrics at this port of 127.0.0.1; 0 is any.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Secret key file, needed beyond loopback.")] = None,
    timeout_s: Annotated[float, typer.Option(min=0.1, help="How long to wait for both.")] = 5.0,
) -> None:
    """Show who is there: workers, tickets in flight, rates, queues, lag, policy version."""
    from engine.net import sockets
    from g1train.run import status as monitoring

    found_keys = None if keys is None else sockets.read_keys(keys)
    if run is not None:
        trainer, node = monitoring.addresses(run)
    monitoring.main(trainer, node, keys=found_keys, as_json=as_json, prometheus=prometheus, timeout_s=timeout_s)
