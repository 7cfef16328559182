"""The tickets that follow from a plan. Every player gets the same, so that players are compared start by start.

Plan ──tickets──▶ states: one or several answers to each held-out state     paper, strict: whole episodes
     ──starts_hash──▶ 16 hex digits that name what is asked
"""

import functools
import hashlib
from collections import defaultdict
from typing import Any

import msgspec

from engine.errors import ConfigError
from engine.game import start_states
from engine.start import make_game
from engine.ticket import GameSpec, Sampling, Start, Ticket, as_seeds, derive_seed
from g1train.evaluation.plan import PROTOCOLS, Plan, Starts
from g1train.tickets.rollout import DEFAULT_SAMPLING, episode_tickets, group_tickets

STRICT = "g1 strict suites, edition 1"  # what the seeds of both suites are derived from


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
