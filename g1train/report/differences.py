"""Results ─▶ paired differences: one player less another on the same starts, with its interval and a verdict."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from g1train.report.sources import Evaluation, Run
from g1train.report.tables import NAMES, Cell, at, cell, span

COMPARED = ("score", "game_reward", "p_acc", "r_acc")  # beside the main measure


@dataclass(frozen=True)
class Difference:
    """One player less another on the same starts."""

    a: str
    b: str
    measure: str
    cell: Cell
    zero: float
    """Where no difference lies on the scale, 0 to 100."""
    verdict: str
    episodes_needed: str


def differences(sources: Sequence[Run | Evaluation]) -> dict[str, list[tuple[str, list[Difference]]]]:
    """By the label of a game: of each source every pair of players, in the measures that matter most."""
    found: dict[str, list[tuple[str, list[Difference]]]] = defaultdict(list)
    for source in sources:
        for game in source.games:
            if pairs := [one for pair in game.differences for one in _pair(pair, game.main)]:
                found[game.label].append((source.name, pairs))
    return found


def _pair(pair: dict[str, Any], main: str) -> Iterator[Difference]:
    for name in dict.fromkeys((main, *COMPARED)):
        value = pair.get(name)
        if not value or value.get("mean") is None:
            continue
        first, last = span([value, {"mean": 0.0}])
        drawn = cell(value, first, last)
        assert drawn is not None
        needed = pair.get("episodes_needed") if name == main else value.get("needed")
        yield Difference(
            a=pair["a"], b=pair["b"], measure=NAMES.get(name, name), cell=drawn, zero=at(0.0, first, last),
            verdict=pair.get("verdict", "") if name == main else "",
            episodes_needed=f"{needed:,}" if isinstance(needed, int) else "",
        )  # fmt: skip
