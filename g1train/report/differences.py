"""Results ─▶ paired differences: one player less another on the same starts, with its interval and a verdict."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from g1train.report.sources import Compared, Evaluation, Run
from g1train.report.tables import NAMES, Cell, at, cell, span

BESIDE = ("score", "game_reward", "p_acc", "r_acc")  # beside the main measure, where there are any


@dataclass(frozen=True)
class Difference:
    """One player less another: in the main measure, whose interval the verdict is about, and in others."""

    a: str
    b: str
    main: Cell | None
    verdict: str
    episodes_needed: str
    beside: list[Cell | None]


@dataclass(frozen=True)
class Differences:
    """All pairs of one evaluation and game; `zero` is where no difference lies on the main measure's scale."""

    source: str
    main: str
    beside: list[str]
    zero: float
    rows: list[Difference]


def differences(sources: Sequence[Run | Evaluation]) -> dict[str, list[Differences]]:
    """By the title of a game."""
    found: dict[str, list[Differences]] = defaultdict(list)
    for source in sources:
        for game in source.games:
            if game.differences:
                found[game.title].append(_pairs(source.name, game))
    return found


def _pairs(source: str, game: Compared) -> Differences:
    pairs, main = game.differences, game.main
    beside = [name for name in BESIDE if name != main and any(pair.get(name) for pair in pairs)]
    scale = span([pair[main] for pair in pairs if pair.get(main)] + [{"mean": 0.0}])
    return Differences(
        source=source,
        main=NAMES.get(main, main),
        beside=[NAMES[name] for name in beside],
        zero=at(0.0, *scale),
        rows=[
            Difference(
                a=pair["a"],
                b=pair["b"],
                main=_cell(pair, main, scale),
                verdict=pair.get("verdict", ""),
                episodes_needed=_count(pair.get("episodes_needed")),
                beside=[_cell(pair, name, scale) for name in beside],
            )
            for pair in pairs
        ],
    )


def _cell(pair: dict[str, Any], name: str, scale: tuple[float, float]) -> Cell | None:
    value = pair.get(name)
    return cell(value, *scale) if value else None


def _count(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else ""
