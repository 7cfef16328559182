"""g1 watch: an agent at play, in a window."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine.errors import ConfigError
from engine.ticket import Sampling
from g1train import config as configs
from g1train.cli.app import app, check_writable, quiet_threads
from g1train.config import Config, GameMix, ModelConfig

if TYPE_CHECKING:
    from g1train.run.models import Model
    from g1train.watch.agents import Agent

MAX_TOKENS = 2048
Backend = Literal["transformers", "vllm", "auto"]


@app.command()
def watch(
    model: Annotated[
        Path | None, typer.Argument(help="A checkpoint, a Hugging Face folder, or a run: its newest checkpoint.")
    ] = None,
    player: Annotated[str, typer.Option(help="Instead of a model: random, greedy or oracle.")] = "",
    game: Annotated[str, typer.Option(help="Such as 2048; by default what the model was trained on.")] = "",
    level: Annotated[
        str, typer.Option(help="Such as hard; by default the settings that the model was trained with.")
    ] = "",
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as rows=8; repeatable.")
    ] = [],  # noqa: B006 - typer reads the default, nobody changes it
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same board as in g1 play.")] = 0,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy: the likeliest word each time.")] = 1.0,
    turns: Annotated[int, typer.Option(min=1, help="After so many a game is over; the paper plays 100.")] = 100,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Of an answer; by default as in training.")] = None,
    backend: Annotated[Backend, typer.Option(help="transformers starts sooner, vllm answers faster.")] = "transformers",
    keep: Annotated[Path, typer.Option(help="Where played games are kept; see g1 replay.")] = Path("runs/watched"),
) -> None:
    """See an agent play: its perception drawn over the frame (wrong cells in red), its words, its action, the oracle's.

    g1 watch runs/nano-2048

    g1 watch MODEL_FOLDER --game shisen --level hard --temperature 0

    g1 watch --player oracle --game swap

    Keys: Space pauses, Right goes one step, N begins a new game, + and - change the speed.

    O shows the oracle's answer, T the truth, W the words as they are; Q quits.
    """
    if (model is None) == (not player):
        raise ConfigError("give either a model (a checkpoint, a run or a Hugging Face folder) or --player NAME")
    quiet_threads()
    from engine.play.session import Session
    from g1train.run.models import find_model
    from g1train.watch import window

    found = None if model is None else find_model(model)
    trained = found.trained if found else None
    mix = _game(game, level, configs.parse_settings(overrides), trained)
    sampling = Sampling(temperature, max_tokens or (trained.rl.max_tokens if trained else MAX_TOKENS))
    agent = None
    try:
        name = found.name if found else player
        notes = {"temperature": temperature}
        session = Session(mix.name, level or "normal", seed, mix.settings, keep, player=name, notes=notes)
        check_writable(keep, "--keep")
        agent = _agent(found, player, mix, backend)
        kept = window.main(agent, session, sampling, turns)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    finally:
        if agent is not None:
            agent.stop()
    if kept is not None:
        print(f"kept in {kept}; see it again with: g1 replay {kept}")


def _game(name: str, level: str, settings: dict[str, Any], trained: Config | None) -> GameMix:
    """The game asked for, set as in training unless a level is asked for; else the first one of training."""
    known = {mix.name: mix for mix in trained.games} if trained else {}
    if not name and not known:
        raise ConfigError("which game? `g1 games` says what there is; give one with --game")
    mix = known.get(name) or (GameMix(name) if name else next(iter(known.values())))
    return GameMix(mix.name, {**({} if level else mix.settings), **settings})


def _agent(
    found: "Model | None", player: str, mix: GameMix, backend: Literal["transformers", "vllm", "auto"]
) -> "Agent":
    from g1train.run.models import dtype_of
    from g1train.watch.agents import ModelAgent, ScriptedAgent

    if found is None:
        return ScriptedAgent(player)
    config = found.trained
    if config is None:
        model = ModelConfig(str(found.folder), dtype=dtype_of(found.folder))
        config = Config("watch", [mix], model=model)
    config = msgspec.structs.replace(config, node=msgspec.structs.replace(config.node, backend=backend))
    return ModelAgent(found.name, found.folder, config, lambda line: print(line, flush=True))
