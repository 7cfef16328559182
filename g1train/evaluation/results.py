"""Results from an evaluation's files alone: whoever has the folder can compute them again.

    episodes of each player ──measure──▶ sums ──┬─▶ players: each measure with its interval
                                                ├─▶ differences: pairs of players, start by start, with a verdict
                                                └─▶ by_game: the same for each game

Players are compared on the starts that both have played. `normalised` is the main measure with random play as 0 and the
oracle as 1, game by game, then averaged; all three from the same resample.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.replay import Episode
from engine.start import make_game
from g1train.evaluation import measures, statistics
from g1train.evaluation.plan import Plan, PlannedGame, PlannedPlayer
from g1train.evaluation.statistics import Floats

LOW, HIGH = "random", "oracle"  # the players that `normalised` is measured by
Key = tuple[str, int]  # protocol, number: what was asked


@dataclass(frozen=True)
class Played:
    """What one player has done: sums of E episodes, with what each of them was asked and of which game."""

    keys: list[Key]
    labels: list[str]
    sums: measures.Sums
    usage: dict[str, float]

    def columns(self, measure: str, label: str | None) -> tuple[list[Key], Floats, Floats]:
        """Of one measure, less the episodes that do not count towards it; of one game, or all.

        Where single states were asked about, only they count for measures of answers, and episodes for the score.
        """
        states = any(protocol == "states" for protocol, _ in self.keys)
        num, den = self.sums.num[measure], self.sums.den[measure]
        counted = [
            place
            for place, (protocol, _) in enumerate(self.keys)
            if (protocol == "states") == (states and measure != "score") and label in (None, self.labels[place])
        ]
        if not den[counted].any():
            counted = []
        return [self.keys[place] for place in counted], num[counted], den[counted]


def examine(plan: Plan, episodes: Sequence[Episode], prices: Mapping[str, float] | None = None) -> Played:
    """Measure a player's episodes. `prices` are of a million tokens: {"prompt": 2.5, "completion": 10}."""
    labels = {(game.name, str(sorted(game.settings.items()))): game.label for game in plan.games}
    return Played(
        keys=[(str(episode.notes["protocol"]), int(episode.notes["number"])) for episode in episodes],
        labels=[
            labels.get((episode.game, str(sorted(episode.settings.items()))), episode.game) for episode in episodes
        ],
        sums=measures.measure(episodes),
        usage=_usage(episodes, prices or {}),
    )


def _usage(episodes: Sequence[Episode], prices: Mapping[str, float]) -> dict[str, float]:
    """Requests, tokens and money of a player that is asked over the network; nothing for others."""
    metered = [episode.notes for episode in episodes if "usage" in episode.notes]
    if not metered:
        return {}
    tokens = np.array([pair for notes in metered for pair in notes["usage"]]).reshape(-1, 2)
    prompt, completion = tokens.sum(axis=0).tolist()
    counts: dict[str, float] = {"requests": len(tokens), "prompt_tokens": prompt, "completion_tokens": completion}
    counts |= {kind: sum(len(notes[kind]) for notes in metered) for kind in ("errors", "refusals")}
    if prices:
        cost = prompt * prices.get("prompt", 0.0) + completion * prices.get("completion", 0.0)
        counts["cost"] = round(cost / 1e6, 6)
    return counts


def results(plan: Plan, played: Mapping[str, Played]) -> dict[str, Any]:
    """The file results.json. Players that have not played yet are left out."""
    names = [player.name for player in plan.players if player.name in played and played[player.name].keys]
    found = {name: played[name] for name in names}
    labels = [game.label for game in plan.games]
    return {
        "protocol": plan.protocol,
        "main": plan.main,
        "starts_hash": plan.starts_hash,
        "starts": {name: len(one.keys) for name, one in found.items()},
        **_compared(plan, found, labels, None),
        "by_game": {label: _compared(plan, found, [label], label) for label in labels},
        "ten": {name: ten for name, one in found.items() if (ten := _ten(one)) is not None},
        "usage": {name: one.usage for name, one in found.items() if one.usage},
    }


def _compared(plan: Plan, found: Mapping[str, Played], labels: Sequence[str], label: str | None) -> dict[str, Any]:
    players = {name: _measures(one, label) for name, one in found.items()}
    for name, one in found.items():
        players[name]["normalised"] = _normalised(plan.main, one, found, labels)
    pairs = itertools.combinations(found, 2)
    return {"players": players, "differences": [_difference(plan.main, a, b, found, label) for a, b in pairs]}


def _measures(one: Played, label: str | None) -> dict[str, Any]:
    """Each measure with its interval; None where there is nothing to measure."""
    shown: dict[str, Any] = {}
    for name in measures.NAMES:
        _, num, den = one.columns(name, label)
        if not len(num):
            shown[name] = None
            continue
        drawn = statistics.draws(num, den)
        shown[name] = _as_dict(statistics.interval(num.sum() / den.sum(), drawn, int((den > 0).sum())))
    return shown


def _difference(main: str, a: str, b: str, found: Mapping[str, Played], label: str | None) -> dict[str, Any]:
    """a less b in each measure, with the verdict on the main one, and the starts that it would take to tell."""
    shown: dict[str, Any] = {"a": a, "b": b}
    for name in measures.NAMES:
        if (compared := _paired(found[a].columns(name, label), found[b].columns(name, label))) is None:
            shown[name] = None
            continue
        mean, drawn, num, paired = compared
        found_interval = statistics.interval(mean, drawn, num)
        shown[name] = _as_dict(found_interval) | {"needed": statistics.needed(mean, drawn, num)}
        if name == main:
            shown["paired"] = paired
            shown["verdict"] = statistics.verdict(found_interval.low, found_interval.high)
            shown["episodes_needed"] = shown[name]["needed"]
    return {"verdict": "not measured", "episodes_needed": None, **shown}


Columns = tuple[list[Key], Floats, Floats]


def _paired(a: Columns, b: Columns) -> tuple[float, Floats, int, bool] | None:
    """The difference of two means, its draws, and of how many starts; on common starts where there are any."""
    if not a[0] or not b[0]:
        return None
    common = _common([a, b])
    if common is None:
        drawn = statistics.draws(*a[1:], stream=1) - statistics.draws(*b[1:], stream=2)
        return float(a[1].sum() / a[2].sum() - b[1].sum() / b[2].sum()), drawn, min(len(a[0]), len(b[0])), False
    (num_a, den_a), (num_b, den_b) = common
    if not den_a.any() or not den_b.any():
        return None
    drawn = statistics.draws(num_a, den_a) - statistics.draws(num_b, den_b)
    return float(num_a.sum() / den_a.sum() - num_b.sum() / den_b.sum()), drawn, len(num_a), True


def _common(columns: Sequence[Columns]) -> list[tuple[Floats, Floats]] | None:
    """The rows of the starts that all have, in one order; None if there is none."""
    shared = sorted(set.intersection(*[set(keys) for keys, _, _ in columns]))
    if not shared:
        return None
    rows = []
    for keys, num, den in columns:
        places = dict(zip(keys, range(len(keys)), strict=True))
        chosen = [places[key] for key in shared]
        rows.append((num[chosen], den[chosen]))
    return rows


def _normalised(main: str, one: Played, found: Mapping[str, Played], labels: Sequence[str]) -> dict[str, Any] | None:
    """None where random play or the oracle is missing, or as good as the other."""
    if LOW not in found or HIGH not in found:
        return None
    means, drawn, num = [], [], 0
    for label in labels:
        columns = [player.columns(main, label) for player in (one, found[LOW], found[HIGH])]
        if not all(keys for keys, _, _ in columns):
            continue
        rows, same = _common(columns), True
        if rows is None:
            rows, same = [(number, den) for _, number, den in columns], False
        player, low, high = (number.sum() / den.sum() for number, den in rows)
        if high == low:
            return None
        sampled = [statistics.draws(*row, stream=0 if same else place) for place, row in enumerate(rows)]
        means.append((player - low) / (high - low))
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn.append((sampled[0] - sampled[1]) / (sampled[2] - sampled[1]))
        num += len(rows[0][0])
    if not means:
        return None
    return _as_dict(statistics.interval(float(np.mean(means)), np.mean(drawn, axis=0), num))


def _ten(one: Played) -> dict[str, Any] | None:
    """What ten episodes would have shown, as the paper reports ten; `sd` is the deviation of such means."""
    _, num, den = one.columns("score", None)
    if len(num) < 2:
        return None
    shown, deviation = statistics.of_ten(num, den)
    return {**_as_dict(shown), "sd": _short(deviation)}


def _as_dict(found: statistics.Interval) -> dict[str, Any]:
    return {"mean": _short(found.mean), "low": _short(found.low), "high": _short(found.high), "n": found.n}


def _short(value: float) -> float | None:
    """Six digits behind the point: enough, and the same on every machine."""
    return round(float(value), 6) if math.isfinite(value) else None


def references(players: Sequence[PlannedPlayer], games: Sequence[PlannedGame]) -> list[PlannedPlayer]:
    """The players with random play, and the oracle where all games offer one, added: they are free."""
    there = {player.name for player in players}
    free = [name for name in (HIGH, LOW) if name == LOW or all(make_game(one.spec).offers("oracle") for one in games)]
    return [*players, *(PlannedPlayer(name, name) for name in free if name not in there)]
