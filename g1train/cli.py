"""The command `g1`: one program, one subcommand a process. Light: torch is imported when a command needs it.

g1 train CONFIG             everything on this machine: node, pool and trainer
g1 serve CONFIG             the inference node alone      ┐
g1 pool                     workers alone, on any host    ├ the three apart; any order
g1 train CONFIG --external  the trainer alone             ┘
g1 status                   who is there, how fast, how far behind
g1 keys FOLDER              keys for hosts that are not this one
g1 bench pool|wire|node     speed, with a table and JSON
g1 games                    what there is to play
g1 play GAME                play it in a window
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import ConfigError
from engine.net import process
from g1train import config as configs

app = typer.Typer(
    name="g1",
    help="Reinforcement learning of vision-language models on visual games.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigPath = Annotated[Path, typer.Argument(help="Configuration, such as configs/nano/2048.toml.")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override one key, such as rl.steps=10; repeatable.")
]
Parent = Annotated[int | None, typer.Option(hidden=True, help="Process id to die with.")]


@app.command()
def train(
    config: Annotated[Path | None, typer.Argument(help="Configuration, such as configs/nano/2048.toml.")] = None,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default, nobody changes it
    runs: Annotated[Path, typer.Option(help="Where run folders are made.")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    external: Annotated[
        bool, typer.Option(help="Use the node and pool of others, at the configured addresses.")
    ] = False,
) -> None:
    """Train: base, cold start, RL and evaluation, as the configuration says.

    The last line of standard output is the result as JSON; everything else goes to standard error.
    """
    if (config is None) == (resume is None):
        raise ConfigError("give either a configuration or --resume RUN_FOLDER")
    chosen = None if config is None else configs.load(config, overrides)
    if chosen is not None and chosen.model.path:
        configs.check_model(chosen.model.path)
    os.environ.update(_quiet_threads())
    from g1train.run.display import Display, results_table
    from g1train.stages import train as training

    with Display() as display:
        if resume is not None:
            results = training.resume(resume, display, external)
        else:
            assert chosen is not None
            results = training.train(chosen, runs, display, external)
        table = {player: values for player, values in results.items() if player != "run"}
        display.console.print(results_table(table))
        display.say(f"run folder: {results['run']}")
    print(json.dumps(_public(results)), flush=True)


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
    os.environ.update(_quiet_threads())
    from engine.net import sockets
    from g1train.inference import backends, node

    backend = backends.make(chosen, str(model or chosen.model.path))
    print(f"inference node: backend '{backend.name}', model {model or chosen.model.path or '-'}", flush=True)
    found_keys = None if keys is None else sockets.read_keys(keys)
    asyncio.run(node.serve(backend, bind or chosen.node.address, run=chosen.name, keys=found_keys))


@app.command()
def pool(
    trainer: Annotated[str, typer.Option(help="Address of the trainer.")] = configs.TrainerConfig().address,
    node: Annotated[str, typer.Option(help="Address of the inference node.")] = configs.NodeConfig().address,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    capacity: Annotated[int, typer.Option(min=1, help="Tickets that each worker holds at once.")] = 64,
    codec: Annotated[str, typer.Option(help="How frames travel: auto, sprites, shared, lz4 or pixels.")] = "auto",
    keys: Annotated[Path | None, typer.Option(help="This pool's secret key file, needed beyond loopback.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for trainer and node; 0: for ever.")] = 600.0,
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
    run_pool(trainer, node, workers, capacity=capacity, keys=keys, frames=codec, wait_s=wait)


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


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="Folder to make them in.")],
    names: Annotated[list[str] | None, typer.Argument(help="Who needs a pair; by default all four roles.")] = None,
) -> None:
    """Make CURVE keys, one pair a process: NAME.secret (mode 600) stays where it is used, NAME.public goes to all."""
    from engine.net.keys import NAMES, write_keys

    for path in write_keys(folder, names or NAMES):
        print(f"{path} and {path.with_suffix('.public').name}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="pool, wire, node, or another script under benchmarks/.")],
) -> None:
    """Measure: table, picture, and JSON on the last line. What follows the name goes to the script."""
    from g1train import bench as benchmarks

    benchmarks.main(name, context.args)


@app.command()
def games() -> None:
    """List games, their settings and levels."""
    from engine.catalog import print_catalog

    print_catalog()


@app.command()
def play(
    game: Annotated[str | None, typer.Argument(help="Game, such as 2048, shisen or swap.")] = None,
    level: Annotated[str, typer.Option(help="Such as hard, or perception:hard,reasoning:easy.")] = "normal",
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same game.")] = 0,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as rows=8; repeatable.")
    ] = [],  # noqa: B006
    plays: Annotated[Path, typer.Option(help="Where played games are kept.")] = Path("runs/plays"),
    listing: Annotated[bool, typer.Option("--list", help="List games, settings and levels instead.")] = False,
) -> None:
    """Play a game in a window that shows what a model would see. Keys: see the window's right side."""
    if listing:
        games()
        return
    if game is None:
        raise ConfigError("which game? `g1 play --list` says what there is")
    from engine.play import window as playing

    try:
        kept = playing.main(game, level, seed, configs.parse_settings(overrides), plays)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if kept is not None:
        print(f"kept in {kept}")


def main() -> None:
    """Entry point: what a person can mend is one line and exit status 2, Ctrl-C is 130."""
    try:
        with process.reported("g1"):
            app(standalone_mode=True)
    except KeyboardInterrupt:
        print("g1: interrupted", file=sys.stderr)
        raise SystemExit(130) from None


def _quiet_threads() -> dict[str, str]:
    from g1train.run.services import quiet_threads

    return quiet_threads()


def _public(results: dict[str, Any]) -> dict[str, Any]:
    """The results as promised: four measures a player, null where not played, and the run's folder."""
    keys = ("game_reward", "p_acc", "r_acc", "score")
    players = ("random", "base", "coldstart", "rl")
    public: dict[str, Any] = {p: {key: results[p].get(key) for key in keys} for p in players if p in results}
    return {**public, "run": results["run"]}


if __name__ == "__main__":
    main()
