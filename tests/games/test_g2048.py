"""2048 by literal boards, and every kernel beside its slow twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.games.g2048 import G2048
from native import g2048 as kernels
from native import g2048_search as search
from native import nibbles
from tests import naive
from tests.games.contract import COMPILED

GAME = engine.make("2048", tile_px=28, strip=False)
POINTS = engine.make("2048", tile_px=28, strip=False, strive="points")
UP, RIGHT, DOWN, LEFT = range(4)
SIZES = [(2, 2), (2, 4), (3, 3), (4, 2), (4, 3), (4, 4)]
cells16 = st.lists(st.integers(0, 15), min_size=16, max_size=16)


def slid(board: list[list[int]], action: int) -> list[list[int]]:
    """The board after a slide, without the new tile."""
    state = GAME.from_board([board], [0])
    table, _ = kernels.slide_tables()
    moved, _ = kernels.slide(state["board"][0], np.uint64(4), np.uint64(4), action, table)
    state["board"] = moved
    return [[int(cell) for cell in row] for row in GAME.board(state)[0]]


def test_slides() -> None:
    board = [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [2, 1, 1, 0],
    ]
    assert slid(board, LEFT) == [[2, 0, 0, 0], [2, 1, 0, 0], [2, 2, 0, 0], [2, 2, 0, 0]]
    assert slid(board, RIGHT) == [[0, 0, 0, 2], [0, 0, 1, 2], [0, 0, 2, 2], [0, 0, 2, 2]]
    assert slid(board, UP) == [[2, 2, 2, 1], [1, 2, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert slid(board, DOWN) == [[0, 0, 0, 0], [1, 0, 0, 0], [2, 2, 1, 0], [2, 2, 2, 1]]


def test_a_merge_pays_and_a_mere_move_costs() -> None:
    board = [[1, 1, 0, 0], [0, 0, 0, 0], [7, 0, 7, 0], [0, 0, 0, 0]]
    state = engine.branch(GAME.from_board([board], [3]), 5)
    out = GAME.step(state, [LEFT, RIGHT, UP, DOWN, -1])
    assert out.reward.tolist() == [1, 1, -1, -1, -1]
    assert out.score.tolist() == [4 + 256, 4 + 256, 0, 0, 0]
    assert out.legal.tolist() == [True, True, True, True, False]
    assert state["score"].tolist() == [260, 260, 0, 0, 0]
    assert (GAME.board(state) > 0).sum(axis=(1, 2)).tolist() == [3, 3, 5, 5, 4]


def test_the_largest_tiles_do_not_merge() -> None:
    board = [[15, 15, 0, 0], [14, 14, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    state = GAME.from_board([board], [3])
    out = GAME.step(state, [LEFT])
    assert out.score.tolist() == [32768]
    assert GAME.describe(state)[0].startswith("32768 32768 ")


def test_two_of_the_largest_end_a_full_board() -> None:
    board = [[15, 15, 1, 2], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]
    assert GAME.from_board([board], [0])["ended"].tolist() == [1]
    board[0][0] = 14
    board[0][1] = 14
    assert GAME.from_board([board], [0])["ended"].tolist() == [0]
    assert GAME.from_board([np.zeros((4, 4), int)], [0])["ended"].tolist() == [1]


def test_the_last_move_ends_the_game() -> None:
    game = engine.make("2048", rows=2, cols=2)
    state = game.from_board([[[3, 4], [0, 5]]], [0])
    out = game.step(state, [LEFT])
    assert out.terminated.tolist() == [True]
    assert out.reward.tolist() == [-1]
    assert game.step(state, [LEFT]).reward.tolist() == [0]


def test_describe_explain_and_perceive_literally() -> None:
    board = [[0, 1, 2, 0], [1, 0, 0, 1], [3, 3, 4, 4], [0, 0, 4, 11]]
    state = GAME.from_board([board], [0])
    assert GAME.describe(state) == ["- 2 4 -\n2 - - 2\n8 8 16 16\n- - 16 2048"]
    assert GAME.explain(state, [RIGHT]) == ["rows 0 4 32 0 columns 0 0 32 0 sideways 32 upright 32 so right"]
    assert GAME.perceived(" - 2 4 -\n2 - - 2 \r\n8  8 16 16\n- - 16 2048\n").tolist() == board
    odd = "- 2 4 3\n2 - - 65536\n08 8 16 x\n0 - 16 2048"
    assert GAME.perceived(odd).tolist() == [[0, 1, 2, 255], [1, 0, 0, 255], [255, 3, 4, 255], [255, 0, 4, 11]]
    assert (GAME.perceived("- 2 4 -\n2 - - 2\n8 8 16 16\n- - 16") == 255).all()


def test_answers() -> None:
    texts = ["0", " 3\n", "up", "Right", "\tdown ", "LEFT"]
    assert [GAME.parse(text) for text in texts] == [0, 3, 0, 1, 2, 3]


@pytest.mark.parametrize("text", ["", " ", "4", "-1", "+1", "00", "1.0", "0 1", "up, left", "upward", "0,", "２"])
def test_answers_that_are_none(text: str) -> None:
    assert GAME.parse(text) is None
    assert GAME.unreadable(text)


def test_short_prompt() -> None:
    assert engine.make("2048", prompt="short").prompt == "2048"


def test_row_tables_equal_twin() -> None:
    table, largest = kernels.slide_tables()
    for row in range(0, 1 << 16, 1 if COMPILED else 7):
        line, merged = naive.slide_line([row >> shift & 15 for shift in (0, 4, 8, 12)])
        assert int(table[row]) & 0xFFFF == sum(cell << 4 * place for place, cell in enumerate(line))
        assert int(table[row]) >> 16 == sum(1 << exponent for exponent in merged) // 4
        assert int(largest[row]) == max(merged, default=0)


@given(cells16)
def test_bit_tricks_equal_twin(cells: list[int]) -> None:
    board = np.uint64(packed(cells))
    rows = [cells[at : at + 4] for at in range(0, 16, 4)]
    assert int(nibbles.transpose(board)) == packed([cell for row in naive.turned(rows) for cell in row])
    assert int(nibbles.mirror(board)) == packed([cell for row in rows for cell in row[::-1]])
    filled = [place for place in range(16) if cells[place]]
    mark = np.uint64(nibbles.occupied(board))
    assert int(mark) == sum(1 << 4 * place for place in filled)
    assert int(nibbles.count(mark)) == len(filled)
    assert [int(nibbles.nth(mark, np.uint64(n))) for n in range(len(filled))] == [1 << 4 * place for place in filled]


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("cols", [0, 1, 2, 3, 4])
def test_inside(rows: int, cols: int) -> None:
    wanted = sum(1 << 16 * row + 4 * col for row in range(rows) for col in range(cols))
    assert int(nibbles.inside(np.uint64(rows), np.uint64(cols))) == wanted


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_whole_games_equal_twin(rows: int, cols: int) -> None:
    game = engine.make("2048", rows=rows, cols=cols)
    for number in range(6):
        state, twin = game.reset([number]), naive.Game2048(number, rows, cols)
        actions = np.random.default_rng(number).integers(-1, 4, 400)
        for action in actions.tolist():
            assert game.legal(state)[0].tolist() == twin.legal()
            out = game.step(state, [action])
            assert (out.reward[0], out.score[0], out.legal[0], out.terminated[0]) == twin.step(action)
            assert game.board(state)[0].tolist() == twin.board
            assert (int(state["rng"][0]), int(state["score"][0])) == (twin.rng.state, twin.score)
            assert game.from_board([twin.board], [0])["ended"] == state["ended"]


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_random_play_equals_twin(rows: int, cols: int) -> None:
    game = engine.make("2048", rows=rows, cols=cols)
    state = game.reset(range(10))
    game.play_random(state, 60)
    for number in range(10):
        twin = naive.Game2048(number, rows, cols)
        for _ in range(60):
            if any(twin.legal()):
                twin.step(twin.rng.below(4))
        assert game.board(state)[number].tolist() == twin.board
        assert (int(state["rng"][number]), int(state["score"][number])) == (twin.rng.state, twin.score)


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_explain_equals_twin(rows: int, cols: int) -> None:
    game = engine.make("2048", rows=rows, cols=cols)
    state = engine.start_states(game, range(20), 10)
    for board, text in zip(game.board(state).tolist(), game.explain(state, game.oracle(state)), strict=True):
        words = text.split()
        sideways = [naive.largest_merge(line) for line in board]
        upright = [naive.largest_merge(line) for line in naive.turned(board)]
        assert words[1 : 1 + rows] == [str(number) for number in sideways]
        assert words[2 + rows : 2 + rows + cols] == [str(number) for number in upright]
        assert words[-6:-1] == ["sideways", str(max(sideways)), "upright", str(max(upright)), "so"]


def test_new_tiles_are_fair() -> None:
    state = GAME.reset(range(2000))
    tiles = GAME.board(state)
    fours = (tiles == 2).sum() / (tiles > 0).sum()
    assert 0.08 < fours < 0.12
    assert np.abs((tiles > 0).sum(axis=0) - 250).max() < 75


def test_oracle_and_values_equal_twin() -> None:
    values = search.value_table().tolist()
    game = engine.make("2048", rows=3, cols=3) if not COMPILED else GAME
    for moves in (5, 40):
        state = engine.start_states(game, range(4), moves if COMPILED else 5)
        wanted = [naive.promises_2048(board, values) for board in game.board(state).tolist()]
        assert game.oracle(state).tolist() == [max(row, key=lambda action: row[action]) for row in wanted]
        worths = np.array([[row.get(action, -1) for action in range(4)] for row in wanted])
        assert isinstance(game, G2048)
        assert game.values(state).tolist() == worths.tolist()
        near = (worths >= 0) & (worths >= worths.max(axis=1, keepdims=True) - 540)
        assert game.near_optimal(state).tolist() == near.tolist()


def test_near_optimal_sides_of_an_even_board() -> None:
    state = GAME.from_board([[[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]], [0])
    assert GAME.near_optimal(state).tolist() == [[True] * 4]
    assert GAME.oracle(state).tolist() == [UP]


@pytest.mark.skipif(not COMPILED, reason="plays 20,000 moves")
def test_oracle_beats_chance() -> None:
    state, chance = GAME.reset(range(8)), GAME.reset(range(8))
    GAME.play_random(chance, 5000)
    while not state["ended"].all():
        GAME.step(state, GAME.oracle(state))
    largest = GAME.board(state).max(axis=(1, 2))
    assert (largest >= 10).sum() >= 7
    assert (largest >= 11).sum() >= 5
    assert state["score"].mean() > 10 * chance["score"].mean()


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_plans_equal_twin(rows: int, cols: int) -> None:
    game = engine.make("2048", rows=rows, cols=cols, strive="points")
    state = engine.start_states(game, range(10 if COMPILED else 2), 8)
    wanted = [naive.plans_2048(board) for board in game.board(state).tolist()]
    worths = np.array([[row.get(action, -1) for action in range(4)] for row in wanted])
    assert isinstance(game, G2048)
    assert game.values(state).tolist() == worths.tolist()
    assert game.oracle(state).tolist() == [max(row, key=lambda action: row[action]) for row in wanted]
    near = (worths >= 0) & (worths >= worths.max(axis=1, keepdims=True) - 100)
    assert game.near_optimal(state).tolist() == near.tolist()


def test_a_plan_is_of_the_board_alone() -> None:
    state = engine.start_states(POINTS, range(50 if COMPILED else 3), 60)
    alone = [POINTS.values(state[place : place + 1])[0].tolist() for place in range(len(state))]
    assert POINTS.values(state[::-1])[::-1].tolist() == alone
    state["rng"] += np.uint64(1)
    state["score"] = 0
    assert POINTS.values(state).tolist() == alone


def test_points_ahead_literally() -> None:
    board = [[0, 1, 2, 0], [1, 0, 0, 1], [3, 3, 4, 4], [0, 0, 4, 11]]
    corner = [[1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert POINTS.explain(POINTS.from_board([board, corner], [0, 0]), [RIGHT, DOWN]) == [
        "up 32 then 20 right 52 then 40 down 32 then 20 left 52 then 32 so right",
        "right 0 then 0 down 0 then 0 so down",
    ]


@pytest.mark.parametrize(("rows", "cols"), SIZES)
def test_points_ahead_equal_twin(rows: int, cols: int) -> None:
    game = engine.make("2048", rows=rows, cols=cols, strive="points")
    state = engine.start_states(game, range(20), 8)
    for board, text in zip(game.board(state).tolist(), game.explain(state, [LEFT] * 20), strict=True):
        words = [
            f"{['up', 'right', 'down', 'left'][action]} {gained} then {naive.points_2048(moved, 1)}"
            for action, moved, gained in naive.paid_moves_2048(board)
        ]
        assert text == " ".join([*words, "so left"])


def test_on_an_ended_board_there_is_nothing_to_strive_for() -> None:
    game = engine.make("2048", rows=2, cols=2, strive="points")
    state = game.from_board([[[1, 2], [2, 1]]], [0])
    assert game.values(state).tolist() == [[-1] * 4]
    assert game.oracle(state).tolist() == [-1]
    assert game.explain(state, [-1]) == ["so nothing"]
    assert game.oracle(state[:0]).tolist() == []
    told = game.from_board([[[1, 0], [0, 0]]], [0])
    told["ended"] = 1
    assert game.values(told).tolist() == [[-1] * 4]


@pytest.mark.skipif(not COMPILED, reason="plays 50,000 moves")
def test_striving_for_points_makes_them() -> None:
    state = POINTS.reset(range(500))
    for _ in range(100):
        POINTS.step(state, POINTS.oracle(state))
    assert state["score"].mean() >= 1080


def packed(cells: list[int]) -> int:
    """Sixteen numbers as one word, the first lowest."""
    return sum(cell << 4 * place for place, cell in enumerate(cells))
