"""Evaluations of several levels ─▶ heat maps: perception down, reasoning across, one map a player and measure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from engine import levels
from g1train.report.levels import level_of
from g1train.report.sources import Evaluation, Run
from g1train.report.tables import NAMES, number

SHOWN = ("p_acc", "r_acc", "game_reward", "score")


@dataclass(frozen=True)
class HeatMap:
    """Cells are (value as written, share of the largest in percent), None where nothing was evaluated."""

    title: str
    measure: str
    perception: list[str]
    reasoning: list[str]
    cells: list[list[tuple[str, int] | None]]


def heat_maps(sources: Sequence[Run | Evaluation]) -> list[HeatMap]:
    """Of each game that was evaluated at two levels or more."""
    values: dict[tuple[str, str, str], dict[tuple[str, str], float]] = defaultdict(dict)
    for game in (game for source in sources for game in source.games):
        if (level := level_of(game.name, game.settings)) is None:
            continue
        place = level["perception"], level["reasoning"]
        for player, measures in game.players.items():
            for name in (name for name in SHOWN if name in measures):
                values[game.name, player, name][place] = measures[name]["mean"]
    return [_map(*key, cells) for key, cells in values.items() if len(cells) > 1]


def _map(game: str, player: str, measure: str, cells: dict[tuple[str, str], float]) -> HeatMap:
    down = [name for name in levels.NAMES if any(name == perception for perception, _ in cells)]
    across = [name for name in levels.NAMES if any(name == reasoning for _, reasoning in cells)]
    most = max(max(cells.values()), 1e-9)

    def shown(place: tuple[str, str]) -> tuple[str, int] | None:
        return (number(cells[place]), max(0, round(100 * cells[place] / most))) if place in cells else None

    return HeatMap(f"{game} · {player}", NAMES[measure], down, across, [[shown((p, r)) for r in across] for p in down])
