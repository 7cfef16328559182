"""The paper's analysis of a run: how perception, reasoning and the patterns of speech go along with training.

    rollouts ─▶ answers by stage, step and game ─▶ Row: GR, P_acc, R_acc, localisation, enumeration, length
    metrics  ─▶ the same of steps whose rollouts are gone, without the patterns

`g1 analyze` prints these rows, the report draws them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from engine.net import wire
from g1train.report.patterns import enumerates, localises
from g1train.report.sources import Run, played, stage_and_step
from g1train.tickets.rollout import Metrics, metrics


class Row(msgspec.Struct, frozen=True):
    """One game in one step, or in one evaluation (`step` is None). A share of nothing is None."""

    stage: str
    step: int | None
    game: str
    answers: int
    game_reward: float
    """GR, mean."""
    p_acc: float
    """Share of answers whose perception is exact."""
    r_acc: float | None
    """Share of positive GR among those."""
    answer_tokens: float
    """Mean length of an answer."""
    localisation: float | None
    """Share of answers that name a cell by its coordinates; None where only the log is left."""
    enumeration: float | None
    """Share of answers that weigh several candidates; None where only the log is left."""


def analyse(run: Run) -> list[Row]:
    """All rows of a run, stage after stage as they were played."""
    found = {(row.stage, row.step, row.game): row for row in _logged(run)}
    found |= {(row.stage, row.step, row.game): row for row in _read(run)}
    return sorted(found.values(), key=lambda row: (row.stage, row.step or 0, row.game))


def _read(run: Run) -> Iterator[Row]:
    """From the rollouts, one file in memory at a time."""
    for path in run.rollout_files():
        stage, step = stage_and_step(path)
        by_game: dict[str, list[wire.Group]] = defaultdict(list)
        for one in played(path):
            by_game[one.ticket.game.name].append(one.group)
        for game, groups in by_game.items():
            texts = [sample.text for group in groups for one in group.rounds for sample in one.samples]
            yield _row(
                stage, step, game, metrics(groups), _share(map(localises, texts)), _share(map(enumerates, texts))
            )


def _logged(run: Run) -> Iterator[Row]:
    """From the log: of all games together where there is one, else game by game."""
    games = sorted({game.name for game in run.config.games})
    for line in run.metrics:
        for game in games:
            prefix = f"{game}/" if len(games) > 1 else ""
            if f"{prefix}reasoning_accuracy" in line:
                values = {name: line[prefix + name] for name in Metrics.__dataclass_fields__}
                yield _row(line["stage"], line["step"], game, Metrics(**values))


def _row(
    stage: str, step: int | None, game: str, of: Metrics, localisation: float | None = None,
    enumeration: float | None = None,
) -> Row:  # fmt: skip
    return Row(
        stage=stage, step=step, game=game, answers=of.num_samples, game_reward=of.game_reward,
        p_acc=of.perception_accuracy, r_acc=of.reasoning_accuracy, answer_tokens=of.answer_tokens,
        localisation=localisation, enumeration=enumeration,
    )  # fmt: skip


def _share(found: Iterable[bool]) -> float:
    flags = list(found)
    return sum(flags) / len(flags)


def as_json(run: Run) -> dict[str, Any]:
    """What `g1 analyze --json` prints."""
    return {"run": run.name, "rows": [msgspec.structs.asdict(row) for row in analyse(run)]}


def print_table(rows: Iterable[Row]) -> None:
    """For people."""
    table = Table("stage", "step", "game", title="Analysis", title_justify="left")
    for name in ("answers", "GR", "P_acc", "R_acc", "localisation", "enumeration", "tokens"):
        table.add_column(name, justify="right")
    for row in rows:
        values = (row.game_reward, row.p_acc, row.r_acc, row.localisation, row.enumeration)
        written = ["-" if value is None else f"{value:.3f}" for value in values]
        table.add_row(row.stage, str(row.step or "-"), row.game, str(row.answers), *written, f"{row.answer_tokens:.1f}")
    Console(width=120).print(table)
