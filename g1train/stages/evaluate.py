"""How good a player is: game reward and perception on held-out states, and the paper's score.

    512 states of the evaluation split x 8 answers ──▶ game reward, P_acc, R_acc (mean and standard error)
    10 episodes of 100 turns from a fresh board ─────▶ score: points gained; an ended game stops (paper, results)

The same states in every evaluation of a run. Random play needs no model: it is played here, on the same states.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.game import branch
from engine.net import wire
from engine.start import make_game, start_record
from engine.ticket import Ticket
from g1train.config import Config
from g1train.stages.session import Session
from g1train.tickets.rollout import episode_scores, episode_tickets, group_tickets, metrics, tickets_of

FIRST_INDEX = 1 << 40  # far from the indices of training steps
STRIDE = 1 << 24  # between two evaluations of a run

Result = dict[str, float | None]
"""game_reward, p_acc, r_acc, score, and the standard error of each mean as `<name>_error`; None where not played."""


def evaluate(session: Session, player: str, number: int) -> Result:
    """Evaluate the policy that the node serves; evaluation `number` of this run."""
    config, first = session.config, FIRST_INDEX + number * STRIDE
    states, episodes = _tickets(config, first)
    done = 0

    def count(_: wire.Group) -> None:
        nonlocal done
        done += 1
        session.display.step(done, {})

    session.display.begin(f"evaluating {player}", len(states) + len(episodes))
    groups = session.play([*states, *episodes], count)
    session.run.save_rollouts(f"evaluation-{player}", tickets_of(groups, [*states, *episodes]), groups)
    num_states = len(tickets_of(groups, states))
    measured = metrics(groups[:num_states])
    rewards = [[score.game_reward for score in group.rounds[0].scores] for group in groups[:num_states]]
    result: Result = {
        **_mean("game_reward", [float(np.mean(group)) for group in rewards]),
        "p_acc": measured.perception_accuracy,
        "r_acc": measured.reasoning_accuracy,
        **_mean("score", episode_scores(groups[num_states:])),
    }
    session.run.log("evaluation", number, {f"{player}/{key}": value for key, value in result.items()})
    return result


def evaluate_random(config: Config) -> Result:
    """Uniform actions on the same states and start boards."""
    states, episodes = _tickets(config, FIRST_INDEX)
    generator = np.random.default_rng(config.seed)
    rewards = [_random_rewards(ticket, generator) for ticket in states]
    scores = [_random_score(ticket, generator) for ticket in episodes]
    return {**_mean("game_reward", rewards), "p_acc": None, "r_acc": None, **_mean("score", scores)}


def _tickets(config: Config, first_index: int) -> tuple[list[Ticket], list[Ticket]]:
    evaluation = config.evaluation
    sampling = config.rl.sampling
    sampling = type(sampling)(evaluation.temperature, sampling.max_tokens)
    states = group_tickets(
        config.seed,
        "evaluation",
        0,
        evaluation.num_states,
        config.games,
        evaluation.num_samples,
        split="eval",
        sampling=sampling,
        first_index=first_index,
    )
    episodes = episode_tickets(
        config.seed,
        "score",
        evaluation.num_episodes,
        config.games[0].spec,
        evaluation.num_turns,
        sampling,
        split="any",
        first_index=first_index + evaluation.num_states,
    )
    return states, episodes


def _random_rewards(ticket: Ticket, generator: np.random.Generator) -> float:
    game = make_game(ticket.game)
    siblings = branch(start_record(game, ticket.start), ticket.num_samples)
    return float(game.step(siblings, generator.integers(game.num_actions, size=len(siblings))).reward.mean())


def _random_score(ticket: Ticket, generator: np.random.Generator) -> float:
    game = make_game(ticket.game)
    state = start_record(game, ticket.start)
    return float(
        sum(game.step(state, generator.integers(game.num_actions, size=1)).score[0] for _ in range(ticket.num_turns))
    )


def _mean(name: str, values: Sequence[float]) -> dict[str, Any]:
    """Mean and standard error over independent values; None where there are none."""
    if not values:
        return {name: None}
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else None
    return {name: float(np.mean(values)), f"{name}_error": error}
