"""What people played, as episodes: the replays (engine/replay.py) that `g1 play` keeps."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine import replay
from engine.errors import ConfigError
from engine.replay import Episode, make_episode
from g1train.evaluation.plan import Plan


def episodes(plan: Plan, player: str, made: str) -> list[Episode]:
    """Of each file of human:FILE,FILE: at most the plan's number of turns, as everybody has.

    Raises `ConfigError` for a file that is none, or of a game that is not evaluated.
    """
    found = [one for path in _files(made.partition(":")[2]) for one in _read(path, plan.num_turns)]
    known = {game.name for game in plan.games}
    for one in found:
        if one.game not in known:
            raise ConfigError(f"{made} holds a game of {one.game}, which is not evaluated; add --game {one.game}")
    return [
        make_episode(player, one.spec, one.start, one.turns, {**one.notes, "number": number, "protocol": "human"})
        for number, one in enumerate(found)
    ]


def _files(names: str) -> Iterator[Path]:
    for name in names.split(","):
        path = Path(name)
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise ConfigError(f"there is no played game at {path}; `g1 play` keeps them under runs/plays")
        yield from found


def _read(path: Path, num_turns: int) -> list[Episode]:
    try:
        found = list(replay.read(path))
        for one in found:
            replay.play_again(one)
    except ValueError as error:
        raise ConfigError(f"{path} is no game that a person played: {error}") from error
    return [_cut(one, num_turns) for one in found]


def _cut(one: Episode, num_turns: int) -> Episode:
    return make_episode(one.player, one.spec, one.start, one.turns[:num_turns], one.notes)


def check(plan: Plan, made: Sequence[str]) -> None:
    """Raises `ConfigError` before anything is played, if a player's files will not do."""
    for one in made:
        if one.startswith("human:"):
            episodes(plan, "human", one)
