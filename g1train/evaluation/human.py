"""What people played, as episodes: files of `g1 play` (engine/play/session.py) and replays (engine/replay.py)."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine import replay
from engine.errors import ConfigError
from engine.replay import Episode, Try, Turn
from engine.start import make_game
from engine.ticket import GameSpec, Start, Ticket
from g1train.evaluation.episodes import episode
from g1train.evaluation.plan import Plan


def episodes(plan: Plan, player: str, made: str) -> list[Episode]:
    """Of each file of human:FILE,FILE: at most the plan's number of turns, as everybody has.

    Raises `ConfigError` for a file that is neither, or of a game that is not evaluated.
    """
    found = [one for path in _files(made.partition(":")[2]) for one in _read(path, plan.num_turns)]
    known = {game.name for game in plan.games}
    for one in found:
        if one.game not in known:
            raise ConfigError(f"{made} holds a game of {one.game}, which is not evaluated; add --game {one.game}")
    return [
        episode(player, _ticket(one), one.turns, {**one.notes, "number": number, "protocol": "human"})
        for number, one in enumerate(found)
    ]


def _files(names: str) -> Iterator[Path]:
    for name in names.split(","):
        path = Path(name)
        found = sorted(path.glob("*.json*")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise ConfigError(f"there is no played game at {path}; `g1 play` keeps them under runs/plays")
        yield from found


def _read(path: Path, num_turns: int) -> list[Episode]:
    try:
        if path.suffix == ".jsonl":
            found = list(replay.read(path))
            for one in found:
                replay.play_again(one)
        else:
            found = [_session(json.loads(path.read_text(encoding="utf-8")))]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no game that a person played: {error}") from error
    return [_cut(one, num_turns) for one in found]


def _session(record: dict[str, Any]) -> Episode:
    """A file of the play window; its seed is a fresh game's, and becomes the record that this starts from."""
    if record.get("format") != 1:
        raise ValueError(f"it has format {record.get('format')!r}; this version reads 1")
    spec = GameSpec(record["game"], record["settings"])
    start = Start(record=make_game(spec).reset([record["seed"]]).tobytes())
    turns = [Turn([Try(action)]) for action in record["actions"]]
    notes: dict[str, Any] = {name: record[name] for name in ("undone", "hints", "seconds") if name in record}
    played = episode("human", Ticket(0, 0, spec, start), turns, notes)
    if played.score != record["score"]:
        raise ValueError(f"it says score {record['score']}, its actions lead to {played.score}")
    return played


def _cut(one: Episode, num_turns: int) -> Episode:
    return episode(one.player, _ticket(one), one.turns[:num_turns], one.notes)


def _ticket(one: Episode) -> Ticket:
    return Ticket(0, 0, one.spec, one.start)


def check(plan: Plan, made: Sequence[str]) -> None:
    """Raises `ConfigError` before anything is played, if a player's files will not do."""
    for one in made:
        if one.startswith("human:"):
            episodes(plan, "human", one)
