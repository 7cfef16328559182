"""g1 analyze: the paper's analysis of a run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from g1train.cli.app import app


@app.command()
def analyze(
    run: Annotated[Path, typer.Argument(help="Folder of a run, such as runs/nano-2048.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Show how perception, reasoning and speech went along with training: one row a step and game.

    GR is the mean game reward, P_acc the share of answers that read the board exactly, R_acc the share of rewarded ones
    among those. "Localisation" is the share of answers whose reasoning names cells by coordinates, "enumeration" of
    those that weigh more than one candidate. All of it is counted from the run's rollouts and its log.
    """
    from g1train.report import analysis, sources

    found = sources.read_run(run)
    if as_json:
        print(json.dumps(analysis.as_json(found)), flush=True)
    else:
        analysis.print_table(analysis.analyse(found))
