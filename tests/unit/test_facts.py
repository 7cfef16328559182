"""Facts by literal boards; tests/games/contract.py has what holds for every game."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import engine
from engine.facts import boxes, facts, outcomes
from engine.game import near_best

GAME = engine.make("2048", tile_px=28, strip=False)
UP, RIGHT, DOWN, LEFT = range(4)


def test_2048_literally() -> None:
    state = GAME.from_board([[[1, 1, 2, 3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]], [5])
    known = facts(GAME, state[0])
    assert known.truth == "2 2 4 8\n- - - -\n- - - -\n- - - -"
    assert known.cells.tolist() == GAME.board(state)[0].tolist()
    assert known.legal.tolist() == [RIGHT, DOWN, LEFT]
    assert known.rewards.tolist() == [1, -1, 1]
    assert len(set(known.next_hashes.tolist())) == 3
    assert known.reason.startswith("rows 4 0 0 0 columns 0 0 0 0 sideways 4 upright 0 so ")
    assert GAME.parse(known.reason.split()[-1]) == known.oracle
    assert known.oracle in known.near_optimal.tolist()
    kinds = [known.cells.dtype, known.boxes.dtype, known.legal.dtype, known.rewards.dtype, known.next_hashes.dtype]
    assert kinds == [np.uint8, np.int32, np.int64, np.float32, np.uint64]


def test_shisen_literally() -> None:
    game = engine.make("shisen", rows=4, cols=4, max_turns=0, tile_px=28, strip=False)
    board = [[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    known = facts(game, game.from_board([board], [0])[0])
    pairs = ["(0, 0) (0, 1)", "(0, 1) (0, 0)", "(0, 1) (0, 2)", "(0, 2) (0, 1)", "(0, 2) (2, 2)", "(2, 2) (0, 2)"]
    assert [game.action_text(action) for action in known.legal.tolist()] == pairs
    assert known.rewards.tolist() == [1] * 6
    assert known.next_hashes[::2].tolist() == known.next_hashes[1::2].tolist()
    left = [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert known.next_hashes[0] == engine.state_hash(game.from_board([left], [9]))[0]
    assert [game.action_text(action) for action in known.near_optimal.tolist()] == [*pairs[:2], *pairs[4:]]
    assert game.action_text(known.oracle) == "(0, 0) (0, 1)"
    assert known.reason == "Red circle (0, 0) (0, 1) by (0, 0) (0, 1) so (0, 0) (0, 1)"


def test_boxes_of_the_papers_frames() -> None:
    where = boxes(engine.make("2048"))
    assert where.shape == (4, 4, 4)
    assert where[0, 0].tolist() == [0, 0, 168, 168]
    assert where[3, 2].tolist() == [504, 336, 168, 168]
    narrow = engine.make("shisen", rows=4, cols=4, tile_px=28)  # 15 cells of the strip are wider than the board
    assert boxes(narrow)[1, 0].tolist() == [28, 140, 28, 28]
    assert boxes(engine.make("swap"))[7, 7].tolist() == [588, 588, 84, 84]


def test_outcomes_lie_side_by_side_as_siblings_do() -> None:
    state = GAME.reset([1, 2])
    together = outcomes(GAME, state, [UP, RIGHT, -1, DOWN, LEFT, -1])
    apart = [outcomes(GAME, state[:1], [UP, RIGHT, -1]), outcomes(GAME, state[1:], [DOWN, LEFT, -1])]
    assert_array_equal(together.next_hashes, np.concatenate([part.next_hashes for part in apart]))
    assert_array_equal(together.rewards, np.concatenate([part.rewards for part in apart]))
    assert together.next_hashes[2::3].tolist() == engine.state_hash(state).tolist()
    for some in (state, state[:0]):
        assert len(outcomes(GAME, some, []).rewards) == len(outcomes(GAME, some, []).next_hashes) == 0


def test_what_does_not_fit_is_refused() -> None:
    state = GAME.reset([1, 2])
    for some, actions in ((state, [UP, UP, UP]), (state[:0], [UP])):
        with pytest.raises(ValueError, match="as many for each"):
            outcomes(GAME, some, actions)
    with pytest.raises(ValueError, match="actions"):
        outcomes(GAME, state, [UP, 4])
    with pytest.raises(ValueError, match="state has dtype"):
        facts(engine.make("swap"), state[0])


def test_near_best_keeps_a_margin_and_nothing_illegal() -> None:
    worths = np.array([[7, 3, 2, -1], [0, -1, 2, 1], [-1, -1, -1, -1]])
    assert near_best(worths, 4).tolist() == [[True, True, False, False], [True, False, True, True], [False] * 4]
    assert near_best(worths, 0).sum(axis=1).tolist() == [1, 1, 0]
