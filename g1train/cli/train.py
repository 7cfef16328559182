"""g1 train: everything on this machine, or the trainer alone."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.errors import ConfigError
from g1train import config as configs
from g1train.cli.app import Overrides, app, quiet_threads


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
    quiet_threads()
    from g1train.run.display import Display, results_tables
    from g1train.stages import train as training

    with Display() as display:
        if resume is not None:
            results = training.resume(resume, display, external)
        else:
            assert chosen is not None
            results = training.train(chosen, runs, display, external)
        found = json.loads((Path(results["run"]) / "evaluation" / "results.json").read_text())
        display.show(results_tables(found))
        display.say(f"run folder: {results['run']}")
    print(json.dumps(_public(results)), flush=True)


def _public(results: dict[str, Any]) -> dict[str, Any]:
    """The results as promised: four measures a player, null where not played, and the run's folder."""
    keys = ("game_reward", "p_acc", "r_acc", "score")
    players = ("random", "base", "coldstart", "rl")
    public: dict[str, Any] = {p: {key: results[p].get(key) for key in keys} for p in players if p in results}
    return {**public, "run": results["run"]}
