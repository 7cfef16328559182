"""g1 eval: how good players are, with intervals, start by start."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import ConfigError
from g1train import config as configs
from g1train.cli.app import app, quiet_threads
from g1train.config import Config, GameMix, ModelConfig
from g1train.evaluation.plan import PlannedGame

if TYPE_CHECKING:
    from g1train.evaluation.folder import Folder
    from g1train.evaluation.run import Means

PAPER_MOVES = {"2048": 100, "shisen": 250, "swap": 0}  # random moves before a state of training
DEPTH = 100  # moves before other states at most


@app.command("eval")
def evaluate(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration whose games are played; instead of --game.")
    ] = None,
    games: Annotated[
        list[str], typer.Option("--game", help="NAME, or NAME@LEVEL; repeatable: a mixture of games and levels.")
    ] = [],  # noqa: B006 - typer reads the defaults, nobody changes them
    players: Annotated[
        list[str], typer.Option("--player", help="Who plays; repeatable. See above; NAME=PLAYER gives it a name.")
    ] = [],  # noqa: B006
    level: Annotated[str, typer.Option(help="Such as hard, or perception:hard,reasoning:easy.")] = "normal",
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the games; with CONFIG a key of it; repeatable."),
    ] = [],  # noqa: B006
    protocol: Annotated[str, typer.Option(help="paper, states or strict; states+paper asks both.")] = "paper",
    episodes: Annotated[int | None, typer.Option(min=1, help="Episodes of each game; 100.")] = None,
    num_turns: Annotated[int | None, typer.Option("--turns", min=2, help="Turns of an episode at most; 100.")] = None,
    states: Annotated[int | None, typer.Option(min=1, help="How many held-out states; 512.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Answers to each state; 8.")] = None,
    starts: Annotated[
        str, typer.Option(help="States after: legal play or random play to any depth, or as in training.")
    ] = "legal",
    moves: Annotated[int | None, typer.Option(min=0, help="Moves before a state at most; 100, or as trained.")] = None,
    suite: Annotated[str, typer.Option(help="Of the protocol strict: dev to work with, test to report.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Other seeds are other starts; 0.")] = None,
    temperatures: Annotated[
        list[float], typer.Option("--temperature", min=0.0, help="Of models; 0 is greedy; repeatable; 1.")
    ] = [],  # noqa: B006
    max_tokens: Annotated[int | None, typer.Option(min=1, help="An answer of a model at most; 2048.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; the same command goes on in it. By default under runs/.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Results as one line of JSON on standard output.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Endpoints: requests at a time.")] = 8,
    per_minute: Annotated[
        float, typer.Option(min=0.0, help="Endpoints: requests a minute at most; 0: no limit.")
    ] = 0.0,
    timeout_s: Annotated[
        float, typer.Option(min=0.1, help="Endpoints: seconds until a request counts as lost.")
    ] = 120.0,
    retries: Annotated[int, typer.Option(min=0, help="Endpoints: how often to ask again, after longer pauses.")] = 5,
    key_variable: Annotated[str, typer.Option(help="Endpoints: the variable that holds the key.")] = "OPENAI_API_KEY",
    extra_body: Annotated[str, typer.Option(help='Endpoints: JSON added to requests, such as {"seed": 1}.')] = "{}",
    price_prompt: Annotated[float, typer.Option(min=0.0, help="Endpoints: price of a million prompt tokens.")] = 0.0,
    price_completion: Annotated[float, typer.Option(min=0.0, help="Endpoints: of a million answered tokens.")] = 0.0,
) -> None:
    """Evaluate players on the same starts: means with 95 % intervals, and paired differences with a verdict.

    Players: random, legal, greedy, oracle, planner; checkpoint:FOLDER (a model, a checkpoint or a run); node:ADDRESS;
    openai:MODEL@http://HOST:PORT/v1; human:FILE,... (kept by `g1 play`). random and oracle always play along, as 0 and
    1 of the normalised score.

    Protocols: paper (100 steps from fresh boards; an illegal answer changes nothing and counts as a step; an ended game
    stops), states (answers to held-out states), strict (as paper, on starts that are the same for everybody).

    Ctrl-C at any moment; the same command goes on, and asks nobody twice.

      g1 eval --game shisen --player oracle --player greedy --json --out runs/shisen

      g1 eval configs/nano/2048.toml --player checkpoint:runs/nano-2048 --temperature 0 --temperature 1
    """
    quiet_threads()
    from g1train.evaluation import asked, results
    from g1train.evaluation import plan as plans
    from g1train.evaluation import players as seats
    from g1train.evaluation.endpoint import Limits
    from g1train.evaluation.folder import Folder
    from g1train.evaluation.run import Means
    from g1train.run.folder import provenance

    if (config is None) == (not games):
        raise ConfigError("give either a configuration or --game NAME, such as --game shisen")
    chosen = configs.load(config, overrides) if config is not None else _config_of(games, overrides)
    defaults = chosen.evaluation
    asked_at = temperatures or [defaults.temperature]
    extra = _json_object(extra_body)
    wanted = [
        player
        for text in players
        for player in seats.planned(text, asked_at, max_tokens or chosen.rl.max_tokens, extra)
    ]
    planned = plans.labelled([_planned(game, level, starts, moves) for game in chosen.games])
    plan = plans.Plan(
        protocol=protocol,
        games=planned,
        players=results.references(wanted, planned),
        episodes=episodes or defaults.num_episodes,
        num_turns=num_turns or defaults.num_turns,
        states=states or defaults.num_states,
        samples=samples or defaults.num_samples,
        starts=plans.checked_starts(starts),
        seed=chosen.seed if seed is None else seed,
        suite=suite,
        temperatures=asked_at,
    )
    plan = asked.finished(plan, provenance())
    folder = Folder.open(out or Path("runs") / f"eval-{plan.protocol}-{plans.digest(plan)}", plan)
    means = Means(
        chosen,
        Limits(concurrency, per_minute, timeout_s, retries, key_variable),
        {"prompt": price_prompt, "completion": price_completion} if price_prompt or price_completion else {},
    )
    found = _shown(folder, means)
    if as_json:
        print(json.dumps({**found, "folder": str(folder.path)}), flush=True)


def _shown(folder: "Folder", means: "Means") -> dict[str, Any]:
    """Let everybody play, with a bar and then tables on standard error."""
    from g1train.evaluation.run import evaluate as play
    from g1train.run.display import Display, results_tables

    with Display() as display:
        display.say(f"{folder.path}: protocol {folder.plan.protocol}, starts {folder.plan.starts_hash}")
        try:
            found = play(folder, display, means)
        except KeyboardInterrupt:
            display.end()
            display.say(f"stopped; the same command goes on in {folder.path}")
            raise
        display.show(results_tables(found))
        display.say(f"in {folder.path}")
    return found


def _config_of(games: list[str], overrides: list[str]) -> Config:
    """A configuration for --game NAME@LEVEL ... with --set of the games' own settings."""
    settings = configs.parse_settings(overrides)
    mixes = []
    for text in games:
        name, _, level = text.partition("@")
        known = {**settings, "level": level} if level else settings
        mixes.append(GameMix(name, known, PAPER_MOVES.get(name, 100)))
    return Config(name="evaluation", games=mixes, model=ModelConfig(nano="1m"))


def _planned(game: GameMix, level: str, starts: str, moves: int | None) -> PlannedGame:
    """A game with all its settings resolved. Raises `ConfigError` for an unknown game, level or setting."""
    import engine

    try:
        settings: dict[str, Any] = {"level": level, **game.settings}
        made = engine.make(game.name, **settings)
    except ValueError as error:
        raise ConfigError(f"{game.name}: {error}") from error
    usual = game.num_moves if starts == "training" else DEPTH
    num_moves = usual if moves is None else moves
    resolved = {key: value for key, value in made.settings.items() if value is not None}
    return PlannedGame("", game.name, resolved, num_moves, game.weight)


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--extra-body {text!r} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f'--extra-body {text!r} is no JSON object, such as {{"seed": 1}}')
    return found
