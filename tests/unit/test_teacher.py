"""Demonstrations: true perception, oracle's action with a settable error rate, training states only, all from the
seed."""

import numpy as np

from engine.answer import parse
from engine.game import split_of, state_hash
from g1train.config import GameMix, TeacherConfig
from g1train.stages.coldstart import Order
from g1train.stages.teacher import demonstrations

GAMES = [GameMix("2048", {"tile_px": 28, "strip": False, "prompt": "short"}, num_moves=100)]


def test_a_teacher_without_errors_plays_as_the_oracle() -> None:
    (demos,) = demonstrations(GAMES, 50, TeacherConfig(), 3, "coldstart")
    game, states = demos.game, demos.states
    responses = [parse(text) for text in demos.texts]
    assert all(response.well_formed for response in responses)
    assert [game.parse(response.answer or "") for response in responses] == game.oracle(states).tolist()
    assert [(response.perception or "").strip() for response in responses] == game.describe(states)
    assert [(response.think or "").strip() for response in responses] == game.explain(states, game.oracle(states))
    assert set(split_of(state_hash(states))) == {"train"}


def test_errors_are_as_frequent_as_asked() -> None:
    (demos,) = demonstrations(GAMES, 2000, TeacherConfig(error_rate=0.4), 3, "coldstart")
    actions = [demos.game.parse(parse(text).answer or "") for text in demos.texts]
    wrong = np.mean(np.array(actions) != demos.game.oracle(demos.states))
    assert abs(wrong - 0.4 * 0.75) < 0.04  # a random action is the oracle's one time in four


def test_everything_follows_from_the_seed() -> None:
    one, again, other = (demonstrations(GAMES, 20, TeacherConfig(0.5), seed, "base")[0] for seed in (1, 1, 2))
    assert one.texts == again.texts
    assert one.states.tobytes() == again.states.tobytes()
    assert one.texts != other.texts


def test_without_rationale_nothing_is_thought() -> None:
    (demos,) = demonstrations(GAMES, 5, TeacherConfig(rationale=False), 1, "base")
    assert all(not (parse(text).think or "").strip() for text in demos.texts)


def test_games_share_by_weight() -> None:
    games = [GameMix("2048", {"rows": 3}, weight=3.0), GameMix("2048", {"rows": 4}, weight=1.0)]
    sizes = [len(demos) for demos in demonstrations(games, 400, TeacherConfig(), 1, "base")]
    assert sum(sizes) == 400
    assert abs(sizes[0] - 300) < 40


def test_an_epoch_sees_each_demonstration_once() -> None:
    order = Order(10, 7)
    seen = [index for step in range(5) for index in order.batch(step, 4)]
    assert sorted(seen[:10]) == list(range(10))
    assert sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]
    assert Order(10, 7).batch(3, 4) == seen[12:16]
