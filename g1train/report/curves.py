"""Runs ─▶ the curves of their training and the paper's analysis, panel by panel, one colour a run and game."""

from collections.abc import Callable, Iterable, Sequence

from g1train.report.analysis import Row, analyse
from g1train.report.charts import Chart, Line, chart
from g1train.report.sources import Run

PANELS = (
    ("game_reward", "GR", "mean game reward, −1 to 1"),
    ("format_reward", "FR", "share of answers in the right form"),
    ("perception_accuracy", "P_acc and PR", "share of answers that read the board exactly"),
    ("reasoning_accuracy", "R_acc", "share of rewarded answers among those"),
    ("entropy", "Entropy", "of the policy, nats a token"),
    ("kl", "KL", "to the policy at the start of the stage"),
    ("answer_tokens", "Length", "tokens an answer"),
    ("top_action", "Most frequent action", "share of it; 1 is a policy that does one thing"),
    ("without_variance", "Groups without variance", "share of groups that teach nothing"),
)
ANALYSED: tuple[tuple[str, str, dict[str, Callable[[Row], float | None]]], ...] = (
    ("perception and reasoning", "shares of answers", {"P_acc": lambda row: row.p_acc, "R_acc": lambda row: row.r_acc}),
    (
        "ways of speaking",
        "shares of answers",
        {"localisation": lambda row: row.localisation, "enumeration": lambda row: row.enumeration},
    ),
    ("length", "tokens an answer", {"tokens": lambda row: row.answer_tokens}),
)
SUPERVISED = ("base", "coldstart")


def training(runs: Sequence[Run]) -> list[Chart]:
    """RL's measures, then the losses of the supervised stages, then where the time went."""
    panels = [
        chart(title, note, [_line(run, "rl", key, run.name, colour) for colour, run in enumerate(runs)])
        for key, title, note in PANELS
    ]
    for stage in SUPERVISED:
        lines = [_line(run, stage, "loss", run.name, colour) for colour, run in enumerate(runs)]
        panels.append(chart(f"Loss, {stage}", "cross-entropy on the teacher's answers", lines))
    keys = sorted({key for run in runs for line in run.metrics for key in line if key.startswith("seconds/")})
    pairs = [(run, key) for run in runs for key in keys]
    seconds = [
        _line(run, "rl", key, _named(run, runs, key.removeprefix("seconds/")), colour)
        for colour, (run, key) in enumerate(pairs)
    ]
    return _there([*panels, chart("Seconds a phase", "of each RL step", seconds)])


def paper_analysis(runs: Sequence[Run]) -> list[Chart]:
    """What `g1 analyze` says of RL, by run and game."""
    charts = []
    for run in runs:
        rows = [row for row in analyse(run) if row.step is not None]
        for game in sorted({row.game for row in rows}):
            some = [row for row in rows if row.game == game]
            for title, note, values in ANALYSED:
                lines = [_of(name, colour, some, value) for colour, (name, value) in enumerate(values.items())]
                charts.append(chart(f"{_named(run, runs, game)}: {title}", note, lines))
    return _there(charts)


def _named(run: Run, runs: Sequence[Run], what: str) -> str:
    """With the run's name where there are several."""
    return f"{run.name} · {what}" if len(runs) > 1 else what


def _of(name: str, colour: int, rows: list[Row], value: Callable[[Row], float | None]) -> Line:
    points = [(float(row.step or 0), found) for row in rows if (found := value(row)) is not None]
    return Line(name, colour, [x for x, _ in points], [y for _, y in points])


def _line(run: Run, stage: str, key: str, name: str, colour: int) -> Line:
    points = [(line["step"], line[key]) for line in run.metrics if line["stage"] == stage and line.get(key) is not None]
    return Line(name, colour, [x for x, _ in points], [y for _, y in points])


def _there(charts: Iterable[Chart | None]) -> list[Chart]:
    return [one for one in charts if one is not None]
