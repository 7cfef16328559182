"""g1 report: runs and evaluations as one page."""

from pathlib import Path
from typing import Annotated

import typer

from g1train.cli.app import app


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs (g1 train) and evaluations (g1 eval).")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    replays: Annotated[
        int, typer.Option(min=0, help="Replays to keep of each player and stage, spread evenly over what there is.")
    ] = 100,
) -> None:
    """Write one HTML file that opens offline: results with intervals, training curves, analysis, and replays.

    Any number of runs and evaluations are shown together, beside the paper's published results. The replays show what
    the model saw, said and did, turn by turn, and what the oracle would have done.

    g1 report runs/nano-2048 evaluations/shisen --out report.html
    """
    from g1train.report import page, sources

    data = page.build(sources.read_all(folders), replays)
    page.write(data, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
