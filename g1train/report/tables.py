"""Results ─▶ tables: players with their intervals, and the paper's published rows beside them."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.levels import NORMAL
from g1train.report.levels import level_of
from g1train.report.sources import PAPER_TURNS, Compared, Evaluation, Measures, Run

NAMES = {
    "score": "Score", "of_ten": "Mean of ten alone", "normalised": "0 random, 1 oracle", "game_reward": "GR",
    "format_reward": "FR", "p_acc": "P_acc", "cell_accuracy": "Cells read", "r_acc": "R_acc", "legal": "Legal",
    "near_optimal": "Near-optimal", "regret": "Regret",
    "answer_tokens": "Length", "truncated": "Cut off", "top_action": "Most frequent action", "failed": "Failed",
}  # fmt: skip
"""Measures in the order in which they are shown; what is not named here comes last, under its own name."""

Row = tuple[str, str, bool, Measures]
"""Player, where from, published, measures."""


@dataclass(frozen=True)
class Cell:
    """A value and its interval as they are written, and where they lie on the column's scale, 0 to 100."""

    value: str
    interval: str = ""
    place: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows are (player, where from, published, cells); the first column of measures is drawn as well."""

    title: str
    columns: list[str]
    note: str
    rows: list[tuple[str, str, bool, list[Cell | None]]] = field(default_factory=list)


def published() -> dict[str, Any]:
    """{"source", "players": [{"name", "scores"}]} of the paper."""
    return tomllib.loads((Path(__file__).parent / "paper.toml").read_text(encoding="utf-8"))


def comparisons(sources: Sequence[Run | Evaluation]) -> list[Table]:
    """One table a game and level, with what the paper reports of it."""
    tables: dict[str, tuple[str | None, list[Row]]] = {}
    notes: dict[str, list[str]] = {}
    for source in sources:
        for game in source.games:
            _, rows = tables.setdefault(game.title, (_comparable(game), []))
            rows += [(player, source.name, False, measures) for player, measures in game.players.items()]
            notes.setdefault(game.title, []).extend(_used(source))
    paper = published()
    return [
        _table(title, [*rows, *_published(paper, name)], _note(paper if name else None, notes[title]))
        for title, (name, rows) in tables.items()
    ]


def _comparable(game: Compared) -> str | None:
    """The paper's name for a game, if it is played by the paper's rules over as many steps, whatever it looks like."""
    level = level_of(game.name, game.settings)
    if game.num_turns != PAPER_TURNS or level is None or level["reasoning"] != NORMAL:
        return None
    return f"{game.name}-cifar10" if game.settings.get("tiles") == "cifar10" else game.name


def _published(paper: dict[str, Any], game: str | None) -> list[Row]:
    rows = [(one["name"], one["scores"].get(game)) for one in paper["players"]]
    return [(name, "", True, {"score": {"mean": score}}) for name, score in rows if score is not None]


def _note(paper: dict[str, Any] | None, more: list[str]) -> str:
    ours = [f"Published rows: {paper['source']}; no intervals are published."] if paper else []
    return " ".join(ours + more)


def _used(source: Run | Evaluation) -> Iterator[str]:
    """What players cost that were asked over the network."""
    for player, usage in source.usage.items() if isinstance(source, Evaluation) else ():
        said = ", ".join(f"{name.replace('_', ' ')} {value:,.10g}" for name, value in usage.items())
        yield f"{player}: {said}."


def _table(title: str, rows: list[Row], note: str) -> Table:
    there = {name for *_, measures in rows for name, value in measures.items() if value.get("mean") is not None}
    names = [name for name in NAMES if name in there] + sorted(there.difference(NAMES))
    scales = {name: span([measures[name] for *_, measures in rows if name in measures]) for name in names}
    table = Table(title, [NAMES.get(name, name.replace("_", " ")) for name in names], note)
    for player, source, is_published, measures in rows:
        cells = [cell(measures[name], *scales[name]) if name in measures else None for name in names]
        table.rows.append((player, source, is_published, cells))
    return table


def span(values: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The range that holds all values with their intervals."""
    ends = [value[side] for value in values for side in ("mean", "low", "high") if value.get(side) is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    return low, high if high > low else low + 1


def cell(value: dict[str, Any], first: float, last: float) -> Cell | None:
    """A measure as it is written and drawn on a scale from `first` to `last`; None where there is no value."""
    mean, low, high = (value.get(side) for side in ("mean", "low", "high"))
    if mean is None:
        return None
    if low is None or high is None:
        return Cell(number(mean), place=at(mean, first, last))
    written = f"{number(low)} to {number(high)}"
    return Cell(number(mean), written, *(at(side, first, last) for side in (mean, low, high)))


def at(value: float, first: float, last: float) -> float:
    return round(100 * (value - first) / (last - first), 2)


def number(value: float) -> str:
    """Three digits that matter, and whole points of large scores."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}".replace("-", "−")
