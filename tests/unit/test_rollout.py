"""Tickets of a step follow from their arguments; the measures are those of the paper."""

import math
from collections import Counter

import pytest

from engine.net import wire
from engine.ticket import GameSpec
from g1train.tickets.rollout import (
    OneGame,
    choose,
    episode_scores,
    episode_tickets,
    group_tickets,
    metrics,
    metrics_by_game,
    tickets_of,
)

GAME = OneGame(GameSpec("2048"), num_moves=100)
FRAME = wire.Frame("pixels", 1, 1, bytes(3))


def sample(length: int = 2, finish: str = "stop") -> wire.Sample:
    return wire.Sample.of("", [0] * length, [0.0] * length, "length" if finish == "length" else "stop")


def score(action: int, game: float, form: float = 1.0, perception: float = 1.0, points: int = 0) -> wire.Score:
    return wire.Score(action, game, form, perception, points, action >= 0, False)


def a_group(index: int, *scores: wire.Score) -> wire.Group:
    one = wire.Round(0, 0, 1, "", FRAME, b"", [sample() for _ in scores], list(scores), 0)
    return wire.Group(index, "name", "worker", 1, [one])


def test_tickets_of_a_step_can_be_made_again_and_never_come_twice() -> None:
    first = group_tickets(1, "train", 0, 8, [GAME], num_samples=5)
    second = group_tickets(1, "train", 1, 8, [GAME], num_samples=5)
    assert [ticket.index for ticket in first + second] == list(range(16))
    assert len({ticket.start.seed for ticket in first + second} | {ticket.seed for ticket in first + second}) == 32
    assert first == group_tickets(1, "train", 0, 8, [GAME], num_samples=5)
    assert first[0].start != group_tickets(2, "train", 0, 8, [GAME], num_samples=5)[0].start
    assert {ticket.start.split for ticket in first} == {"train"}


def test_episodes_start_on_fresh_boards_of_the_other_split() -> None:
    (ticket,) = episode_tickets(1, "eval", 1, GAME.spec)
    assert (ticket.num_turns, ticket.num_samples, ticket.start.num_moves, ticket.start.split) == (100, 1, 0, "eval")


def test_another_first_index_asks_for_the_same_work() -> None:
    near, far = (group_tickets(1, "eval", 0, 4, [GAME], 1, first_index=first) for first in (0, 900))
    assert [ticket.index for ticket in far] == [900, 901, 902, 903]
    assert [(ticket.seed, ticket.start) for ticket in far] == [(ticket.seed, ticket.start) for ticket in near]


def test_a_mixture_keeps_its_weights_and_each_game_its_moves() -> None:
    games = [
        OneGame(GameSpec(name), moves, weight) for name, moves, weight in [("a", 5, 1.0), ("b", 0, 3.0), ("c", 9, 0.0)]
    ]
    tickets = group_tickets(1, "train", 0, 2000, games, num_samples=1)
    chosen = Counter((ticket.game.name, ticket.start.num_moves) for ticket in tickets)
    assert chosen.keys() == {("a", 5), ("b", 0)}
    assert 400 < chosen["a", 5] < 600
    for bad in ([], [OneGame(GAME.spec, weight=0.0)], [OneGame(GAME.spec), OneGame(GAME.spec, weight=-1.0)]):
        with pytest.raises(ValueError, match="at least 0"):
            choose(bad, 1)


def test_metrics() -> None:
    same = a_group(0, score(1, 1.0), score(1, 1.0))
    different = a_group(1, score(2, -1.0), score(-1, -1.0, form=0.0, perception=0.0))
    found = metrics([same, different])
    assert (found.num_groups, found.num_samples) == (2, 4)
    assert found.game_reward == 0.0
    assert found.format_reward == found.perception_accuracy == found.legal == 0.75
    assert found.reasoning_accuracy == pytest.approx(2 / 3)
    assert found.without_variance == found.top_action == 0.5
    assert (found.answer_tokens, found.truncated) == (2.0, 0.0)
    assert found.as_dict("eval/")["eval/legal"] == 0.75


def test_metrics_without_an_exact_perception_or_any_sample() -> None:
    assert metrics([a_group(0, score(1, 1.0, perception=0.0))]).reasoning_accuracy is None
    with pytest.raises(ValueError, match="no samples"):
        metrics([])


def test_metrics_by_game() -> None:
    tickets = group_tickets(1, "t", 0, 1, [GAME], 1) + group_tickets(1, "t", 1, 1, [OneGame(GameSpec("swap"))], 1)
    found = metrics_by_game([a_group(0, score(1, 1.0)), a_group(1, score(1, -1.0))], tickets)
    assert {name: one.game_reward for name, one in found.items()} == {"2048": 1.0, "swap": -1.0}
    assert not any(math.isnan(one.legal) for one in found.values())


def test_tickets_that_were_set_aside_are_left_out() -> None:
    tickets = group_tickets(1, "t", 0, 3, [GAME], 1)
    assert tickets_of([a_group(2, score(1, 1.0)), a_group(0, score(1, 1.0))], tickets) == [tickets[0], tickets[2]]


def test_episode_scores_add_up_by_sibling() -> None:
    rounds = [
        wire.Round(sibling, turn, 1, "", FRAME, b"", [sample()], [score(0, 1.0, points=points)], 0)
        for sibling, turn, points in [(0, 0, 4), (0, 1, 8), (1, 0, 16)]
    ]
    assert episode_scores([wire.Group(0, "name", "worker", 1, rounds)]) == [12, 16]
