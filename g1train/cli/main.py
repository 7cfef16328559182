"""The entry point of `g1`: one subcommand a process. Light: torch is imported when a command needs it.

g1 train CONFIG             everything on this machine: node, pool and trainer
g1 serve CONFIG             the inference node alone      ┐
g1 pool                     workers alone, on any host    ├ the three apart; any order
g1 train CONFIG --external  the trainer alone             ┘
g1 status                   who is there, how fast, how far behind
g1 eval                     how good players are: intervals, and differences start by start
g1 keys FOLDER              keys for hosts that are not this one
g1 bench pool|wire|node     speed, with a table and JSON
g1 report FOLDER...         runs and evaluations as one page, with replays
g1 analyze RUN              the paper's analysis of a run
g1 games                    what there is to play
g1 play GAME                play it in a window
g1 watch CHECKPOINT         see a model play
g1 replay FILE              see again what was played, by anybody
"""

import sys

from engine.net import process
from g1train.cli.analyze import analyze as analyze
from g1train.cli.app import app as app
from g1train.cli.bench import bench as bench
from g1train.cli.eval import evaluate as evaluate
from g1train.cli.games import games as games
from g1train.cli.keys import keys as keys
from g1train.cli.play import play as play
from g1train.cli.pool import pool as pool
from g1train.cli.replay import replay as replay
from g1train.cli.report import report as report
from g1train.cli.serve import serve as serve
from g1train.cli.status import status as status
from g1train.cli.train import train as train
from g1train.cli.watch import watch as watch


def main() -> None:
    """What a person can mend is one line and exit status 2, Ctrl-C is 130."""
    try:
        with process.reported("g1"):
            app(standalone_mode=True)
    except KeyboardInterrupt:
        print("g1: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
