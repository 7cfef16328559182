"""Answers taken apart and paid; nothing that a model can write raises an error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.answer import parse
from engine.rollout.response import score

GOOD = "<perception>\n- 2\n- 2\n</perception>\n<think>rows</think> <answer> up </answer>"
GAME = engine.make("2048", rows=2, cols=2, tile_px=28, strip=False)
tags = ["<perception>", "</perception>", "<think>", "</think>", "<answer>", "</answer>"]
fragments = st.sampled_from([*tags, "up", "- 2\n- 2", " ", "0", "<", "/"])
texts = st.one_of(st.text(), st.lists(st.one_of(fragments, st.text(max_size=3))).map("".join))


def test_parse_good() -> None:
    response = parse(GOOD)
    assert response.well_formed
    assert (response.perception, response.think, response.answer) == ("\n- 2\n- 2\n", "rows", " up ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "up",
        "<answer>up</answer>",
        "<think>a</think><perception>b</perception><answer>c</answer>",
        "<perception>a<think>b</perception></think><answer>c</answer>",
        "<perception>a</perception><think>b</think><answer>c</answer><answer>d</answer>",
        "<perception>a</perception><think>b</think><answer>c",
        "<Perception>a</Perception><think>b</think><answer>c</answer>",
    ],
)
def test_not_well_formed(text: str) -> None:
    assert not parse(text).well_formed


def test_parts_stand_alone() -> None:
    assert parse("<answer>up</answer>").answer == "up"
    assert parse("<answer>up</answer> or <answer>down</answer>").answer is None
    assert parse("<answer>up <think>no</think></answer>").answer is None
    assert parse("</answer>up<answer>").answer is None


@given(texts)
def test_parse_takes_any_text(text: str) -> None:
    response = parse(text)
    if response.well_formed:
        assert None not in (response.perception, response.think, response.answer)


@given(st.lists(texts, min_size=1, max_size=5))
def test_score_takes_any_text(answers: list[str]) -> None:
    state = GAME.from_board([[[0, 1], [0, 1]]], [1])
    before = state.tobytes()
    scores = score(GAME, state, answers)
    assert state.tobytes() == before
    assert ((scores.action >= -1) & (scores.action < 4)).all()
    assert np.isin(scores.game_reward, (-1, 1)).all()
    assert len(scores.after) == len(answers)


def test_score_literal() -> None:
    state = GAME.from_board([[[0, 1], [0, 1]]], [1])
    wrong_board = GOOD.replace("- 2\n- 2", "- 4\n- 2")
    illegal = GOOD.replace("up", "right")
    scores = score(GAME, state, [GOOD, wrong_board, illegal, "up", GOOD.replace("up", "sideways")])
    assert scores.action.tolist() == [0, 0, 1, -1, -1]
    assert scores.format_reward.tolist() == [1, 1, 1, 0, 1]
    assert scores.perception_reward.tolist() == [1, 0, 1, 0, 1]
    assert scores.game_reward.tolist() == [1, 1, -1, -1, -1]
    assert scores.gained.tolist() == [4, 4, 0, 0, 0]
    assert scores.legal.tolist() == [True, True, False, False, False]
    assert scores.after[0].tobytes() == scores.after[1].tobytes()
    assert scores.after[2].tobytes() == state[0].tobytes()


def test_score_needs_answers_for_each_state() -> None:
    state = GAME.reset([1, 2])
    with pytest.raises(ValueError, match="3 answers to 2 states"):
        score(GAME, state, ["a", "b", "c"])
