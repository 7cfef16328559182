"""Folders ─▶ data: what `g1 train` and `g1 eval` leave behind, read and checked, nothing computed.

    a run         config.toml · metrics.jsonl · results.json · rollouts/ · evaluation/    ─▶ Run
    an evaluation evaluation.json · results.json · episodes/<player>.jsonl                ─▶ Evaluation

Raises `ConfigError` for a folder that is neither, and for a file that is damaged: one line that names it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine import replay
from engine.errors import CheckpointError, ConfigError
from g1train import config as configs
from g1train.config import Config
from g1train.report.levels import title_of
from g1train.run.folder import Played, load_rollouts

PAPER_TURNS = 100
Measures = dict[str, dict[str, Any]]
"""By name of the measure: mean, low and high of its 95 % interval, and n, as far as they are known."""


@dataclass(frozen=True)
class Compared:
    """One game of an evaluation at its settings: what each player reached, and who was better."""

    name: str
    settings: dict[str, Any]
    players: dict[str, Measures]
    num_turns: int
    """After so many an episode is cut."""
    main: str = "score"
    """The measure by which players are told apart."""
    differences: Sequence[dict[str, Any]] = ()
    """{"a", "b", measure: {"mean", "low", "high"}, ..., "verdict", "episodes_needed"}, the last two of the main one."""

    @property
    def title(self) -> str:
        """The game and its level."""
        return title_of(self.name, self.settings)


@dataclass(frozen=True)
class Evaluation:
    """An evaluation folder; `asked` is its evaluation.json."""

    name: str
    folder: Path
    asked: dict[str, Any]
    games: list[Compared]
    usage: dict[str, dict[str, float]]
    """Requests, tokens and money of players that were asked over the network."""

    def episodes(self) -> Iterator[tuple[str, list[replay.Episode]]]:
        """What each player played, file after file."""
        for path in sorted((self.folder / "episodes").glob("*.jsonl")):
            try:
                yield path.stem, list(replay.read(path))
            except ValueError as error:
                raise ConfigError(f"{error}; evaluate that player again, or leave {self.folder} out") from error


@dataclass(frozen=True)
class Run:
    """A run folder; `metrics` are the lines of its log, `players` what its results say."""

    name: str
    folder: Path
    config: Config
    metrics: list[dict[str, Any]]
    players: dict[str, Measures]
    evaluation: Evaluation | None

    @property
    def games(self) -> list[Compared]:
        """Of its evaluation where it has one, else of the results, whose score is that of the first game."""
        if self.evaluation is not None:
            return self.evaluation.games
        game, num_turns = self.config.games[0], self.config.evaluation.num_turns
        return [Compared(game.name, game.settings, self.players, num_turns)] if self.players else []

    def rollout_files(self) -> list[Path]:
        """In the order of their steps."""
        return sorted((self.folder / "rollouts").glob("*.msgpack"))


def stage_and_step(path: Path) -> tuple[str, int | None]:
    """Of a rollout file: `rl-000012` is ("rl", 12), `evaluation-rl` is ("evaluation-rl", None)."""
    stage, _, step = path.stem.rpartition("-")
    return (stage, int(step)) if step.isdigit() else (path.stem, None)


def played(path: Path) -> list[Played]:
    """The tickets and groups of a rollout file."""
    try:
        return load_rollouts(path)
    except CheckpointError as error:
        raise ConfigError(f"{error}; move it away to see the rest of the run") from error


def read_all(folders: Sequence[Path]) -> list[Run | Evaluation]:
    """Each folder by what it is, under a name that no other has."""
    found = [read(folder) for folder in folders]
    names = [one.name for one in found]
    return [one if names.count(one.name) == 1 else replace(one, name=str(one.folder)) for one in found]


def read(folder: Path) -> Run | Evaluation:
    """One folder by what it is."""
    if (folder / "evaluation.json").is_file():
        return _evaluation(folder)
    if (folder / "config.toml").is_file():
        return read_run(folder)
    what = "has neither a config.toml nor an evaluation.json" if folder.is_dir() else "is not a folder"
    raise ConfigError(f"{folder} {what}; give the folder of a run (g1 train) or of an evaluation (g1 eval)")


def read_run(folder: Path) -> Run:
    """A run, finished or not."""
    if not (folder / "config.toml").is_file():
        raise ConfigError(f"{folder} is not a run folder (no config.toml); give the folder that g1 train made")
    inner = folder / "evaluation"
    results = _json(folder / "results.json") if (folder / "results.json").exists() else {}
    return Run(
        name=folder.resolve().name,
        folder=folder,
        config=configs.load(folder / "config.toml"),
        metrics=list(_lines(folder / "metrics.jsonl")),
        players={name: _measures(values) for name, values in results.items() if isinstance(values, dict)},
        evaluation=_evaluation(inner) if (inner / "evaluation.json").is_file() else None,
    )


def _evaluation(folder: Path) -> Evaluation:
    if not (folder / "results.json").exists():
        raise ConfigError(f"{folder} has no results.json yet; let `g1 eval` finish it, or leave it out")
    asked, results = _json(folder / "evaluation.json"), _json(folder / "results.json")
    try:
        games = [_compared(game, asked, results) for game in asked["games"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder} is no evaluation that this version reads: {error!r}; evaluate again") from error
    return Evaluation(
        name=folder.resolve().parent.name if folder.name == "evaluation" else folder.resolve().name,
        folder=folder,
        asked=asked,
        games=games,
        usage=results.get("usage", {}),
    )


def _compared(game: dict[str, Any], asked: dict[str, Any], results: dict[str, Any]) -> Compared:
    """What the results say of one game that was asked for; of the only one, what they say of all."""
    label, by_game = game.get("label", game["name"]), results.get("by_game", {})
    found = by_game.get(label, results)
    players = {name: _measures(values) for name, values in found["players"].items()}
    for name, ten in results.get("ten", {}).items() if len(by_game) < 2 else ():
        players[name]["of_ten"] = ten
    return Compared(
        name=game["name"],
        settings=game.get("settings", {}),
        players=players,
        num_turns=asked.get("num_turns", PAPER_TURNS),
        main=results.get("main", "score"),
        differences=found.get("differences", []),
    )


def _measures(values: dict[str, Any]) -> Measures:
    """A player's results as measures; of a mean with its standard error the interval is 1.96 errors to each side."""
    found: Measures = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= {name: value} if value.get("mean") is not None else {}
        elif isinstance(value, float | int) and not name.endswith("_error"):
            error = values.get(f"{name}_error")
            sides = {} if error is None else {"low": value - 1.96 * error, "high": value + 1.96 * error}
            found[name] = {"mean": value, **sides}
    return found


def _json(path: Path) -> dict[str, Any]:
    """A file that holds one JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; make it again, or leave its folder out") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no JSON object; make it again, or leave its folder out")
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log, less a last one that a kill cut off; none where there is no log yet."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            return
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}, is damaged: {error}; delete that line") from error
