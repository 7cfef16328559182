"""What it costs the trainer to play every group again before it counts, on one core.

    g1 bench verify [--save]

Groups of a scripted player whose answers differ, of a step of the demo (16 groups of 8 answers, about a second a step)
and of a step as the paper has it (128 of 5). `together` is a step whose groups have all come by the time the trainer
looks, `one by one` a step of which it sees each alone, the most that it can cost.
"""

import functools
import sys
from pathlib import Path

from common import Row, median_s, one_core, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from engine.ticket import GameSpec, ticket_hash
from g1train.config import load
from g1train.tickets.entries import Claim, Entry, Hand
from g1train.tickets.rollout import GameChoice, OneGame, group_tickets
from g1train.tickets.verify import Verify, verified
from tests import groups

DEMO = load(Path(__file__).parents[1] / "configs" / "nano" / "2048.toml")
DEMO_STEP_S = 1.0
WORKER = "worker"


def claims_of(game: GameChoice, num_groups: int, num_samples: int) -> list[Claim]:
    tickets = group_tickets(1, "verify", 0, num_groups, [game], num_samples)
    return [
        Claim(Entry(ticket, ticket_hash(ticket), set()), Hand(WORKER), group, held=True)
        for ticket, group in zip(tickets, groups.played(tickets, WORKER), strict=True)
    ]


def one_by_one(claims: list[Claim], verify: Verify) -> None:
    for claim in claims:
        verify([claim])


def measure(step: str, game: GameChoice, num_groups: int, num_samples: int) -> Row:
    claims = claims_of(game, num_groups, num_samples)
    assert verified(claims) == [claim.group for claim in claims]
    together_s, alone_s = median_s(functools.partial(verified, claims), functools.partial(one_by_one, claims, verified))
    return {
        "step": step, "game": game.spec.name, "groups": num_groups, "answers": num_samples,
        "together us/group": 1e6 * together_s / num_groups, "one by one us/group": 1e6 * alone_s / num_groups,
        "together ms/step": 1e3 * together_s, "one by one ms/step": 1e3 * alone_s,
        "of a demo step %": 100 * alone_s / DEMO_STEP_S if step == "demo" else None,
    }  # fmt: skip


def main() -> None:
    one_core()
    rows = [measure("demo", DEMO.games[0], DEMO.rl.num_groups, DEMO.rl.num_samples)]
    for name, moves in (("2048", 100), ("shisen", 250), ("swap", 0)):
        rows.append(measure("paper", OneGame(GameSpec(name), moves), 128, 5))
    report("verify", "Verification of groups by replay, one core", rows)


if __name__ == "__main__":
    main()
