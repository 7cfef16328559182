"""What goes out and what comes back: tickets of a training step or an evaluation, and the measures of their groups.

    (run seed, purpose, step) ─▶ group_tickets ─▶ one turn, k samples each     (training: GRPO groups)
    (run seed, purpose)       ─▶ episode_tickets ─▶ many turns, one sample     (the paper's scores)
    groups ─▶ metrics ─▶ GR, FR, PR, R_acc … of all, and by game

Pure functions without torch. Everything in a ticket follows from its arguments, so that a step can be issued again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from engine.net import wire
from engine.ticket import GameSpec, Sampling, Split, Start, Ticket, derive_seed

DEFAULT_SAMPLING = Sampling()


class GameChoice(Protocol):
    """One game of a mixture, as a configuration has it."""

    @property
    def spec(self) -> GameSpec: ...

    @property
    def num_moves(self) -> int:
        """Random moves before a start state."""

    @property
    def weight(self) -> float: ...


@dataclass(frozen=True)
class OneGame:
    """A mixture's only game, or one among others."""

    spec: GameSpec
    num_moves: int = 0
    weight: float = 1.0


def group_tickets(
    run_seed: int,
    purpose: str,
    step: int,
    num_groups: int,
    games: Sequence[GameChoice],
    num_samples: int,
    split: Split = "train",
    sampling: Sampling = DEFAULT_SAMPLING,
    version: int = -1,
    first_index: int = 0,
) -> list[Ticket]:
    """One step's groups: for each a game by weight, a state after that game's random moves, and `num_samples` answers.

    Indices are first_index + step * num_groups + i, so that they never come twice in a run. All else follows from run
    seed, purpose, step and i: another `first_index` asks for the same work. Raises `ValueError` for impossible weights.
    """
    tickets = []
    for number in range(step * num_groups, (step + 1) * num_groups):
        game = choose(games, derive_seed(run_seed, purpose, number, "game"))
        tickets.append(
            Ticket(
                index=first_index + number,
                seed=derive_seed(run_seed, purpose, number),
                game=game.spec,
                start=Start(derive_seed(run_seed, purpose, number, "start"), game.num_moves, split),
                sampling=sampling,
                num_samples=num_samples,
                version=version,
            )
        )
    return tickets


def choose(games: Sequence[GameChoice], seed: int) -> GameChoice:
    """One of the games, by weight. Raises `ValueError` for weights that are negative or all zero."""
    weights = np.array([game.weight for game in games], dtype=np.float64)
    if not len(games) or weights.min() < 0 or weights.sum() <= 0:
        raise ValueError(f"weights {weights.tolist()} of the games must be at least 0, and one of them above it")
    place = seed / 2**63 * weights.sum()
    return games[int(np.searchsorted(np.cumsum(weights), place, side="right"))]


def episode_tickets(
    run_seed: int,
    purpose: str,
    num_episodes: int,
    game: GameSpec,
    num_turns: int = 100,
    sampling: Sampling = DEFAULT_SAMPLING,
    split: Split = "eval",
    version: int = -1,
    first_index: int = 0,
) -> list[Ticket]:
    """The paper's score protocol: a fresh board, at most `num_turns` turns; temperature 0 (greedy) or 1."""
    return [
        Ticket(
            index=first_index + number,
            seed=derive_seed(run_seed, purpose, number),
            game=game,
            start=Start(derive_seed(run_seed, purpose, number, "start"), 0, split),
            sampling=sampling,
            num_turns=num_turns,
            version=version,
        )
        for number in range(num_episodes)
    ]


@dataclass(frozen=True)
class Metrics:
    """Measures over all samples of some groups. A rate without anything to count is None."""

    num_groups: int
    num_samples: int
    game_reward: float
    """GR, mean."""
    format_reward: float
    """FR, mean."""
    perception_accuracy: float
    """PR, mean: P_acc of the paper."""
    reasoning_accuracy: float | None
    """R_acc: share of positive GR among samples whose perception was exact."""
    legal: float
    """Share of legal actions."""
    without_variance: float
    """Share of states whose answers were all paid the same (GR, FR and PR): they teach nothing."""
    answer_tokens: float
    """Mean length of an answer."""
    truncated: float
    """Share of answers cut by the budget."""
    top_action: float
    """Share of the most frequent action: 1 means that the policy does one thing only."""

    def as_dict(self, prefix: str = "") -> dict[str, float | None]:
        """Names and values for a log line."""
        return {prefix + field.name: getattr(self, field.name) for field in fields(self)}


def metrics(groups: Sequence[wire.Group]) -> Metrics:
    """Raises `ValueError` when there is no sample to measure."""
    rounds = [one for group in groups for one in group.rounds]
    scores = [score for one in rounds for score in one.scores]
    samples = [sample for one in rounds for sample in one.samples]
    if not scores:
        raise ValueError("no samples to measure: the groups are empty")
    exact = [score for score in scores if score.perception_reward == 1.0]
    actions = Counter(score.action for score in scores)
    return Metrics(
        num_groups=len(groups),
        num_samples=len(scores),
        game_reward=_mean(score.game_reward for score in scores),
        format_reward=_mean(score.format_reward for score in scores),
        perception_accuracy=_mean(score.perception_reward for score in scores),
        reasoning_accuracy=_mean(score.game_reward > 0 for score in exact) if exact else None,
        legal=_mean(score.legal for score in scores),
        without_variance=_mean(_same_pay(one) for one in rounds),
        answer_tokens=_mean(sample.num_tokens for sample in samples),
        truncated=_mean(sample.finish == "length" for sample in samples),
        top_action=actions.most_common(1)[0][1] / len(scores),
    )


def tickets_of(groups: Sequence[wire.Group], tickets: Sequence[Ticket]) -> list[Ticket]:
    """The tickets whose groups came, in their order: those that were set aside are left out."""
    came = {group.index for group in groups}
    return [ticket for ticket in tickets if ticket.index in came]


def metrics_by_game(groups: Sequence[wire.Group], tickets: Sequence[Ticket]) -> dict[str, Metrics]:
    """The same for each game by itself; `tickets` are those that the groups come from, in the same order."""
    by_game: dict[str, list[wire.Group]] = defaultdict(list)
    for group, ticket in zip(groups, tickets, strict=True):
        by_game[ticket.game.name].append(group)
    return {name: metrics(some) for name, some in sorted(by_game.items())}


def episode_scores(groups: Sequence[wire.Group]) -> list[int]:
    """The points of every episode, ticket after ticket, sibling after sibling."""
    scores: list[int] = []
    for group in groups:
        points: Counter[int] = Counter()
        for one in group.rounds:
            points[one.sibling] += one.scores[0].score
        scores += [points[sibling] for sibling in sorted({one.sibling for one in group.rounds})]
    return scores


def _same_pay(one: wire.Round) -> bool:
    return len({(score.game_reward, score.format_reward, score.perception_reward) for score in one.scores}) == 1


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
