"""What an evaluation asks, fixed before it begins: games, protocols, players. A folder takes no other plan.

    Plan ──evaluation.json──▶ Plan ──tickets──▶ what each player is asked (asked.py)

paper    100 steps from fresh boards; an illegal answer changes nothing and counts as a step; an ended game stops
states   states of the evaluation split, after random play or after legal play to any depth; several answers to each
strict   as `paper`, on suites of starts that are the same for everybody: `dev` to work with, `test` to report
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.errors import ConfigError
from engine.ticket import GameSpec, Sampling, Setting

FORMAT = 1
PROTOCOLS = ("paper", "states", "strict")
Starts = Literal["training", "random", "legal"]


class PlannedGame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One game at one difficulty; `label` tells it from the same game at another."""

    label: str
    name: str
    settings: dict[str, Setting]
    num_moves: int = 100
    weight: float = 1.0

    @property
    def spec(self) -> GameSpec:
        return GameSpec(self.name, self.settings)


class PlannedPlayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who plays, and how that player is made (g1train/evaluation/players.py); `temperature` is for models alone."""

    name: str
    made: str
    temperature: float | None = None
    max_tokens: int = 0
    options: dict[str, Any] = {}

    @property
    def sampling(self) -> Sampling:
        return Sampling(1.0 if self.temperature is None else self.temperature, self.max_tokens or 64)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file evaluation.json. `protocol` may be several, joined by +; `episodes` are of each game, `states` of all"""

    protocol: str
    games: list[PlannedGame]
    players: list[PlannedPlayer]
    episodes: int = 100
    num_turns: int = 100
    states: int = 512
    samples: int = 8
    starts: Starts = "legal"
    seed: int = 0
    suite: str = ""
    split: str = "any"
    temperatures: list[float] = []
    starts_hash: str = ""
    versions: dict[str, str] = {}
    commit: str | None = None
    machine: dict[str, Any] = {}
    format: int = FORMAT

    @property
    def protocols(self) -> list[str]:
        return self.protocol.split("+")

    @property
    def main(self) -> str:
        """The measure that verdicts are about."""
        return "game_reward" if self.protocols == ["states"] else "score"


PROVENANCE = ("versions", "commit", "machine")  # where it was begun; not what is asked


def checked_starts(text: str) -> Starts:
    """Raises `ConfigError` for what is none."""
    try:
        found: Starts = msgspec.convert(text, Starts)
        return found
    except msgspec.ValidationError:
        raise ConfigError(f"--starts {text!r} is not legal, random or training") from None


def digest(plan: Plan) -> str:
    """8 hex digits that name what is asked, of whom."""
    asked = {name: getattr(plan, name) for name in Plan.__struct_fields__ if name not in PROVENANCE}
    return hashlib.blake2b(msgspec.json.encode(asked, order="deterministic"), digest_size=4).hexdigest()


def difference(asked: Plan, found: Plan) -> str | None:
    """The first thing in which two plans differ, in words; where they were run does not matter."""
    for name in Plan.__struct_fields__:
        mine, theirs = getattr(asked, name), getattr(found, name)
        if name not in PROVENANCE and mine != theirs:
            return f"{name}: {_brief(theirs)} there, {_brief(mine)} now"
    return None


def _brief(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 300 else f"{text[:300]}…"


def write(plan: Plan, path: Path) -> None:
    """All or nothing."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1) + b"\n")
    unfinished.replace(path)


def read(path: Path) -> Plan:
    """Raises `ConfigError` for a file that is no plan."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path} is not an evaluation of this version: {error}") from error


def labelled(games: Sequence[PlannedGame]) -> list[PlannedGame]:
    """The same games with labels: the name, and a number where a name comes again."""
    names = [game.name for game in games]
    return [
        msgspec.structs.replace(
            game, label=game.name if names.index(game.name) == place else f"{game.name}#{place + 1}"
        )
        for place, game in enumerate(games)
    ]
