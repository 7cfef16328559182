"""A run's own evaluation: the same plan for every stage, in <run>/evaluation (g1train/evaluation/folder.py).

    512 states of the evaluation split x 8 answers ──▶ game reward, P_acc, R_acc …
    episodes of 100 turns from fresh boards ─────────▶ score: points gained; an ended game stops (paper, results)

The same starts after every stage, so that stages are compared start by start. Random play and the oracle need no model:
they are played here, on the same starts.
"""

from typing import Any

import msgspec

from engine.net import wire
from g1train.config import Config
from g1train.evaluation import asked, results
from g1train.evaluation import plan as plans
from g1train.evaluation.folder import Folder
from g1train.evaluation.plan import Plan, PlannedGame, PlannedPlayer
from g1train.evaluation.run import Evaluation
from g1train.inference.scripted import PLAYERS
from g1train.run.folder import provenance
from g1train.run.rollouts import turns_of
from g1train.stages.session import Session

FIRST_INDEX = 1 << 40  # far from the indices of training steps
STRIDE = 1 << 24  # between two evaluations of a run

Result = dict[str, float | None]
"""game_reward, p_acc, r_acc, score of a player; None where not played."""


def opened(session: Session, stages: list[str]) -> Evaluation:
    """The evaluation of a run that has these stages, with what was played before it was interrupted."""
    folder = Folder.open(session.run.folder / "evaluation", plan(session.config, stages))
    return Evaluation(folder, session.display)


def plan(config: Config, stages: list[str]) -> Plan:
    """What each stage is asked; the newest stage first, so that differences say what it has gained."""
    sizes, models = config.evaluation, reversed(stages)
    made = [PlannedPlayer(stage, f"stage:{stage}", sizes.temperature, config.rl.max_tokens) for stage in models]
    games = plans.labelled(
        [PlannedGame("", game.name, game.settings, game.num_moves, game.weight) for game in config.games]
    )
    wanted = Plan(
        protocol="states+paper" if sizes.num_episodes else "states",
        games=games,
        players=results.references(made, games),
        episodes=sizes.num_episodes,
        num_turns=sizes.num_turns,
        states=sizes.num_states,
        samples=sizes.num_samples,
        starts="training",
        seed=config.seed,
        temperatures=[sizes.temperature],
    )
    return asked.finished(wanted, provenance())


def evaluate_references(evaluation: Evaluation) -> Result:
    """Random play and the oracle, if they have not played yet; the result of random play."""
    for player in evaluation.plan.players:
        if player.made in PLAYERS and not evaluation.complete(player):
            evaluation.play_scripted(player)
    return _result(evaluation.finish(), "random")


def evaluate(session: Session, evaluation: Evaluation, stage: str, number: int) -> Result:
    """Evaluate the policy that the node serves, anew; evaluation `number` of this run."""
    player = next(player for player in evaluation.plan.players if player.name == stage)
    evaluation.forget(player)
    tickets, writer = evaluation.wanted(player)
    keep, first = evaluation.keeper(writer, player), FIRST_INDEX + number * STRIDE
    moved = [msgspec.structs.replace(ticket, index=first + ticket.index) for ticket in tickets]

    def kept(group: wire.Group) -> None:
        keep(tickets[group.index - first], turns_of(group), {})

    session.play(moved, kept)
    writer.close()
    found = evaluation.finish()
    means = {name: None if one is None else one["mean"] for name, one in found["players"][stage].items()}
    session.run.log("evaluation", number, {f"{stage}/{name}": mean for name, mean in means.items()})
    return _result(found, stage)


def _result(found: dict[str, Any], player: str) -> Result:
    measured: dict[str, dict[str, float] | None] = found["players"][player]
    kept = {name: measured[name] for name in ("game_reward", "p_acc", "r_acc", "score")}
    return {name: None if one is None else one["mean"] for name, one in kept.items()}
