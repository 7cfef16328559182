"""What an evaluation asks, fixed before it begins: games, protocols, players; and the tickets that follow from it.

    Plan ──tickets──▶ states: one answer or several to each held-out state     paper, strict: whole episodes
         ──evaluation.json──▶ the folder, which takes no other plan

paper    100 steps from fresh boards; an illegal answer changes nothing and counts as a step; an ended game stops
states   states of the evaluation split, after random play or after legal play to any depth; several answers to each
strict   as `paper`, on suites of starts that are the same for everybody: `dev` to work with, `test` to report

Every player gets the same tickets, so that players are compared start by start.
"""

import functools
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.errors import ConfigError
from engine.game import start_states
from engine.start import make_game
from engine.ticket import GameSpec, Sampling, Setting, Start, Ticket, as_seeds, derive_seed
from g1train.tickets.rollout import DEFAULT_SAMPLING, episode_tickets, group_tickets

FORMAT = 1
PROTOCOLS = ("paper", "states", "strict")
STRICT = "g1 strict suites, edition 1"  # what the seeds of both suites are derived from
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


def finished(plan: Plan, provenance: dict[str, Any]) -> Plan:
    """A checked plan, with what follows from it and where it is run. Raises `ConfigError`."""
    unknown = [name for name in plan.protocols if name not in PROTOCOLS]
    if unknown:
        raise ConfigError(f"unknown protocol {unknown[0]!r}; known: {', '.join(PROTOCOLS)}")
    if "strict" in plan.protocols and plan.suite not in ("dev", "test"):
        raise ConfigError(f"the protocol 'strict' has the suites dev and test, not {plan.suite!r}; choose with --suite")
    if plan.episodes < 1 and plan.protocols != ["states"]:
        raise ConfigError(f"the protocol {plan.protocol!r} needs episodes; give their number with --episodes")
    names = [player.name for player in plan.players]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"two players are called {min(twice)!r}; name one of them: --player other={min(twice)}")
    split = "eval" if "states" in plan.protocols else "any"
    plan = msgspec.structs.replace(plan, split=split, **provenance)
    return msgspec.structs.replace(plan, starts_hash=starts_hash(plan))


def starts_hash(plan: Plan) -> str:
    """16 hex digits that name the starts and seeds asked about, whoever answers."""
    asked = [
        [one.seed, one.num_samples, one.num_turns, one.game.name, one.game.settings]
        + [one.start.seed, one.start.num_moves, one.start.split, one.start.record]
        for one in tickets(plan)
    ]
    data = msgspec.msgpack.encode(asked, order="deterministic")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def tickets(plan: Plan, sampling: Sampling = DEFAULT_SAMPLING) -> list[Ticket]:
    """All that a player is asked, states first; the index of each is its number."""
    made = [one for protocol in _in_order(plan) for one in _asked(plan, protocol, sampling)]
    return [msgspec.structs.replace(one, index=number) for number, one in enumerate(made)]


def protocols_of(plan: Plan) -> list[str]:
    """Which of the plan's protocols each of its tickets is of."""
    counts = {protocol: plan.episodes * len(plan.games) for protocol in plan.protocols} | {"states": plan.states}
    return [protocol for protocol in _in_order(plan) for _ in range(counts[protocol])]


def _in_order(plan: Plan) -> list[str]:
    return sorted(plan.protocols, key="states".__ne__)


def _asked(plan: Plan, protocol: str, sampling: Sampling) -> list[Ticket]:
    if protocol == "states":
        return _states(plan, sampling)
    seed = derive_seed(STRICT, plan.suite) if protocol == "strict" else plan.seed
    return [
        ticket
        for game in plan.games
        for ticket in episode_tickets(
            seed, f"{protocol} {game.label}", plan.episodes, game.spec, plan.num_turns, sampling, split="any"
        )
    ]


def _states(plan: Plan, sampling: Sampling) -> list[Ticket]:
    made = group_tickets(plan.seed, "evaluation", 0, plan.states, plan.games, plan.samples, "eval", sampling)
    starts = _starts(plan.starts, tuple((msgspec.json.encode(one.game), one.start) for one in made))
    return [msgspec.structs.replace(one, start=start) for one, start in zip(made, starts, strict=True)]


@functools.lru_cache(maxsize=4)
def _starts(kind: Starts, trained: tuple[tuple[bytes, Start], ...]) -> list[Start]:
    """Where to begin instead of where training would: (game, start) each."""
    if kind == "training":
        return [start for _, start in trained]
    if kind == "random":
        depths = [derive_seed(start.seed, "depth") % (start.num_moves + 1) for _, start in trained]
        return [
            msgspec.structs.replace(start, num_moves=depth) for (_, start), depth in zip(trained, depths, strict=True)
        ]
    return _legal_starts(trained)


def _legal_starts(trained: tuple[tuple[bytes, Start], ...]) -> list[Start]:
    """States after legal play, drawn here all together, and carried along as records."""
    starts = [start for _, start in trained]
    alike: dict[tuple[bytes, int], list[int]] = defaultdict(list)
    for place, (data, start) in enumerate(trained):
        alike[data, start.num_moves].append(place)
    for (data, num_moves), places in alike.items():
        game = make_game(msgspec.json.decode(data, type=GameSpec))
        seeds = as_seeds([starts[place].seed for place in places])
        for place, record in zip(places, start_states(game, seeds, num_moves, "eval", "legal"), strict=True):
            starts[place] = Start(split="eval", record=record.tobytes())
    return starts


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
