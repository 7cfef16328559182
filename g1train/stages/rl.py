"""GRPO: the loop of the paper, five steps each time.

1 choose    tickets of this step follow from the run's seed
2 play      workers ask the node for a group of answers to each state; R = GR + alpha FR + beta PR
3 compare   advantages within each group
4 learn     one update of the policy, with KL to the policy at the start of the stage
5 send      the new weights go to the node, which proves that it runs them
"""

from collections.abc import Sequence

import numpy as np

from engine.errors import WireError
from engine.net import wire
from g1train.config import RewardConfig, RlConfig
from g1train.inference.frames import AtlasStore
from g1train.learn.advantage import advantages
from g1train.learn.batch import Row
from g1train.stages.session import Session
from g1train.tickets.rollout import group_tickets, metrics, metrics_by_game, tickets_of


def run_rl(session: Session, rl: RlConfig, first_step: int) -> None:
    """Steps `first_step`... ; the learner's stage has begun and the node serves its policy. Stops early when asked
    to."""
    config, display = session.config, session.display
    display.begin("rl", rl.steps, first_step)
    for step in range(first_step, rl.steps):
        if session.stop_asked:
            return
        tickets = group_tickets(
            config.seed, "rl", step, rl.num_groups, config.games, rl.num_samples, sampling=rl.sampling
        )
        with session.timed("rollout"):
            groups = session.play(tickets)
        tickets = tickets_of(groups, tickets)
        rewards = rewards_of(groups, rl.reward)
        rows = rows_of(groups, advantages(rewards, rl.loss.advantage), session.frames)
        with session.timed("learn"):
            learnt = session.learner.policy_step(rows, rl.loss, rl.temperature, rl.num_minibatches)
        with session.timed("weights"):
            session.push()
        measured = metrics(groups).as_dict()
        for game, values in metrics_by_game(groups, tickets).items() if len(config.games) > 1 else ():
            measured.update(values.as_dict(f"{game}/"))
        measured.update(learnt, reward=float(rewards.mean()), **session.take_seconds())
        session.run.log("rl", step + 1, measured)
        session.run.save_rollouts(f"rl-{step + 1:06d}", tickets, groups)
        display.step(step + 1, measured)
        session.after_step(step + 1)


def rewards_of(groups: Sequence[wire.Group], reward: RewardConfig) -> np.ndarray:
    """float64[G, K]: R = GR + alpha FR + beta PR of each answer."""
    return np.array(
        [
            [
                score.game_reward + reward.alpha * score.format_reward + reward.beta * score.perception_reward
                for score in group.rounds[0].scores
            ]
            for group in groups
        ]
    )


def rows_of(groups: Sequence[wire.Group], advantages_GK: np.ndarray, frames: AtlasStore) -> list[Row]:
    """Rows for the learner. A group whose advantages are all zero teaches nothing but the KL term, and is left out."""
    rows = []
    for group, values in zip(groups, advantages_GK, strict=True):
        if not values.any():
            continue
        played = group.rounds[0]
        if len(played.samples) != len(values):
            raise WireError(f"group {group.index} came with {len(played.samples)} samples instead of {len(values)}")
        rows.append(
            Row(
                played.prompt_token_ids,
                [frames.pixels(played.frame)],
                [sample.token_ids for sample in played.samples],
                values.tolist(),
                [sample.logprobs for sample in played.samples],
            )
        )
    return rows
