"""Data ─▶ one HTML file that needs nothing else: no network, no other file.

sources ─▶ tables, difficulty, curves, replays ─build─▶ Page ─templates/─▶ html ─write─▶ file
"""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from g1train.report import curves, difficulty, replays, tables
from g1train.report.charts import Chart
from g1train.report.differences import Differences, differences
from g1train.report.difficulty import HeatMap
from g1train.report.reels import shelves
from g1train.report.sources import Evaluation, Run
from g1train.report.tables import Table

TEMPLATES = Path(__file__).parent / "templates"


class Page(msgspec.Struct, frozen=True):
    """All that the templates are given; a list that is empty leaves its section out."""

    made: str
    sources: list[tuple[str, str]]
    """Name, and what it is in a few words."""
    tables: list[Table]
    differences: dict[str, list[Differences]]
    """By the title of the table that they belong to."""
    training: list[Chart]
    analysis: list[Chart]
    heat_maps: list[HeatMap]
    viewer: dict[str, Any]
    """{"books", "shelves"} as JSON for the page's script, and the packets of its reels."""


def build(sources: Sequence[Run | Evaluation], most_replays: int) -> Page:
    """Everything that is shown. Raises `ConfigError` naming a file that cannot be used."""
    runs = [source for source in sources if isinstance(source, Run)]
    found = replays.viewer(shelves(sources, most_replays))
    packets = found.pop("packets")
    return Page(
        made=datetime.now(UTC).isoformat(timespec="minutes").replace("T", " ").removesuffix("+00:00") + " UTC",
        sources=[(source.name, _said(source)) for source in sources],
        tables=tables.comparisons(sources),
        differences=differences(sources),
        training=curves.training(runs),
        analysis=curves.paper_analysis(runs),
        heat_maps=difficulty.heat_maps(sources),
        viewer={"data": _inline(found), "packets": packets},
    )


def _said(source: Run | Evaluation) -> str:
    """A source in a few words."""
    if isinstance(source, Run):
        steps = {stage: getattr(source.config, stage).steps for stage in ("base", "coldstart", "rl")}
        return "run: " + ", ".join(f"{stage} {num}" for stage, num in steps.items() if num)
    asked = source.asked
    games = ", ".join(game.title for game in source.games)
    return f"evaluation: {games}, protocol {asked.get('protocol', 'unknown')}"


def _inline(data: Any) -> str:
    """JSON that can stand inside a script element, whatever it says."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def html(page: Page) -> str:
    """The whole file."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(page=page)


def write(page: Page, out: Path) -> None:
    """All of it or nothing: under a temporary name, then renamed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.tmp")
    unfinished.write_text(html(page), encoding="utf-8")
    os.replace(unfinished, out)
