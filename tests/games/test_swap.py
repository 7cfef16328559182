"""Swap by literal boards, and every kernel beside its slow twin."""

import subprocess
import sys
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.game import UNREADABLE
from engine.games.swap import LEVELS, SwapStep
from engine.games.swap_settings import tiles_in_play
from native import swap as kernels
from native import swap_deal as dealer
from native import swap_search as search
from native import swap_words as words
from native.state import Records
from tests import naive_swap as naive
from tests.games import contract
from tests.games.contract import COMPILED
from tests.games.test_contract import PROMISES
from tests.naive import Board, Rng

PLAIN: dict[str, Any] = {"tile_px": 28, "strip": False}
GAME = engine.make("swap", **PLAIN)
SMALL = engine.make("swap", rows=4, cols=4, num_colours=5, num_shapes=1, cascades=False, **PLAIN)
# rows, cols, kinds, new tiles by chance: every width of a word, few kinds and many.
CASES = [
    (4, 4, 3, True), (8, 8, 12, True), (5, 12, 5, False), (12, 12, 9, True), (12, 9, 4, False), (4, 5, 192, True),
    (6, 6, 2, True), (9, 4, 3, False), (7, 10, 2, False),
]  # fmt: skip


def placed(board: Board) -> words.Words:
    """A board as the kernels have it at work."""
    at_work = words.blank()
    for (row, col), kind in np.ndenumerate(np.array(board)):
        words.flip(at_work, row, col, np.uint64(kind))
    return at_work


def lifted(at_work: words.Words, board: Board) -> Board:
    """And back, at the size of `board`."""
    return [[int(words.cell(at_work, row, col)) for col in range(len(board[0]))] for row in range(len(board))]


def drawn(lines: list[str]) -> Board:
    """A board from digits, a dot for no tile."""
    return [[0 if letter == "." else int(letter) for letter in line] for line in lines]


RUNS = [
    (["1112", "2331", "3221", "1132"], ["***.", "....", "....", "...."]),  # three
    (["11112", "23312", "32231", "11323"], ["****.", ".....", ".....", "....."]),  # four
    (["1213", "1321", "1233", "1312", "1321"], ["*...", "*...", "*...", "*...", "*..."]),  # five
    (["1213", "1321", "1113", "2332"], ["*...", "*...", "***.", "...."]),  # L
    (["1113", "2132", "3123", "2331"], ["***.", ".*..", ".*..", "...."]),  # T
    (["2132", "1113", "3123", "2331"], [".*..", "***.", ".*..", "...."]),  # a cross
    (["1122", "2211", "1122", "2211"], ["....", "....", "....", "...."]),  # pairs are none
    (["123123123111", "231231231233"], ["." * 9 + "***", "." * 12]),  # the last columns of the widest board
    (["123111123122", "231231133332"], ["...****.....", ".......****."]),  # across the middle of it
]


@pytest.mark.parametrize(("lines", "stars"), RUNS)
def test_runs(lines: list[str], stars: list[str]) -> None:
    board, marks = drawn(lines), words.blank()
    found = words.find_runs(placed(board), len(board), len(board[0]), marks)
    assert found == ("*" in "".join(stars))
    there = {(row, col) for row, col in np.ndindex(len(board), len(board[0])) if words.marked(marks, row, col)}
    assert there == {(row, col) for row, line in enumerate(stars) for col, star in enumerate(line) if star == "*"}
    assert there == naive.runs(board)


FALLS = [
    (["1231", "2223", "3113", "1322"], ["...1", "1233", "3113", "1322"], 3),  # a row goes, one tile falls on each
    (["1232", "2231", "2113", "2322"], [".232", ".231", ".113", "1322"], 3),  # a column goes, one tile falls three
    (["1213", "1321", "1113", "2332"], ["...3", ".211", ".323", "2332"], 5),  # an L goes
]


@pytest.mark.parametrize(("lines", "after", "gone"), FALLS)
def test_falls(lines: list[str], after: list[str], gone: int) -> None:
    board, at_work, marks = drawn(lines), placed(drawn(lines)), words.blank()
    assert words.find_runs(at_work, 4, 4, marks)
    assert words.clear(at_work, 4, marks) == gone
    assert lifted(at_work, board) == drawn(after) == naive.fallen(board, naive.runs(board))


def test_a_swap_pays_once_and_what_falls_into_a_run_is_counted_apart() -> None:
    board = drawn(["3453", "4115", "5321", "2243"])  # when 2 2 2 has gone, 1 1 falls beside the other 1
    state = engine.branch(SMALL.from_board([board], [7]), 3)
    out = SMALL.step(state, [SMALL.parse(text) or 0 for text in ("(2, 2) (3, 2)", "(3, 2), (2, 2)", "(0, 0) (0, 1)")])
    assert isinstance(out, SwapStep)
    assert out.reward.tolist() == [1, 1, -1]
    assert out.score.tolist() == state["score"].tolist() == [1, 1, 0]
    assert out.cascade.tolist() == [3, 3, 0]
    after = SMALL.board(state)
    assert after[0].tolist() == after[1].tolist()
    assert after[0][2:].tolist() == [[4, 4, 5, 5], [5, 3, 4, 3]]
    assert after[2].tolist() == board


def test_without_cascades_new_tiles_make_no_run() -> None:
    at_work = placed(drawn(["....", "1.22", "1122", "3311"]))
    for number in range(20):
        trial = at_work.copy()
        dealer.fill(trial, 4, 4, np.uint64(5), False, np.uint64(number))
        assert not words.find_runs(trial, 4, 4, words.blank())


STUCK = drawn(["1234", "3412", "5657", "7865"])  # no three of these can be brought together by one swap


def test_a_board_without_a_swap_is_shuffled() -> None:
    at_work, marks = placed(STUCK), words.blank()
    assert not naive.swaps(STUCK)
    rng, cascade = kernels.settle(at_work, marks, 4, 4, np.uint64(8), True, np.uint64(5))
    assert cascade == 0
    board = lifted(at_work, STUCK)
    twin = naive.Swap(0, 4, 4, 8)
    twin.board, twin.rng = STUCK, Rng(5)
    twin.settle()
    assert (twin.board, twin.rng.state) == (board, int(rng))
    assert naive.swaps(board)


def test_tiles_that_no_shuffle_can_help_are_drawn_anew() -> None:
    at_work, tiles = placed(np.arange(1, 17).reshape(4, 4).tolist()), list(range(1, 17))
    dealer.renew(at_work, words.blank(), 4, 4, np.uint64(16), np.uint64(5))
    board = lifted(at_work, [[0] * 4] * 4)
    assert naive.swaps(board)
    assert sorted(kind for line in board for kind in line) != tiles


def test_shuffles_keep_the_tiles() -> None:
    board = drawn(["1122", "3311", "2233", "1132"])
    at_work = placed(board)
    dealer.renew(at_work, words.blank(), 4, 4, np.uint64(3), np.uint64(5))
    after = lifted(at_work, board)
    assert sorted(np.ravel(after)) == sorted(np.ravel(board))
    assert not naive.runs(after)
    assert naive.swaps(after)


def test_last_resorts_stand() -> None:
    """The board that is laid when no deal has a swap, and the row that follows another, are unlikely but right."""
    for rows, cols in product((4, 7, 12), repeat=2):
        at_work, sized = words.blank(), [[0] * cols] * rows
        dealer.lay(at_work, rows, cols)
        assert not naive.runs(lifted(at_work, sized))
        assert naive.swaps(lifted(at_work, sized))
        for kinds in (2, 5):
            rng = np.uint64(cols)
            for row in range(0, rows - 1, 2):
                rng = np.uint64(dealer.draw_row(at_work, row, cols, np.uint64(kinds), rng))
                dealer.follow_row(at_work, row + 1, cols, np.uint64(kinds))
                board = lifted(at_work, [[0] * cols] * (row + 2))
                assert not naive.runs(board)
                assert board[row + 1] == [kind % kinds + 1 for kind in board[row]]


@pytest.mark.parametrize(("rows", "cols", "kinds", "chance"), CASES)
def test_games_equal_twin(rows: int, cols: int, kinds: int, chance: bool) -> None:
    num_moves = 6 if COMPILED and kinds > 2 else 1 if kinds == 2 and chance else 2
    for number in range(2 if COMPILED else 1):
        twin, random = naive.Swap(number, rows, cols, kinds, chance), np.random.default_rng(number)
        state = np.zeros(1, kernels.DTYPE)
        kernels.reset(state, np.array([number], np.uint64), rows, cols, kinds)
        for turn in range(num_moves):
            assert_equal_position(state, twin)
            mask = np.empty((1, (rows * cols) ** 2), np.bool_)
            kernels.legal(state, mask)
            assert set(np.flatnonzero(mask[0]).tolist()) == twin.legal()
            legal = int(random.choice(np.flatnonzero(mask[0])))
            for action in (legal, -1, int(random.integers((rows * cols) ** 2))) if turn % 2 == 0 else (legal,):
                assert stepped(state, action, kinds, chance) == twin.step(action)
        assert_equal_position(state, twin)


def stepped(state: Records, action: int, kinds: int, chance: bool) -> tuple[float, int, bool, bool, int]:
    """One step of the kernel on one game."""
    reward, gained, cascade = np.empty(1, np.float32), np.empty(1, np.int64), np.empty(1, np.int64)
    legal, over = np.empty(1, np.bool_), np.empty(1, np.bool_)
    kernels.step(state, np.array([action]), kinds, chance, reward, gained, legal, over, cascade)
    return float(reward[0]), int(gained[0]), bool(legal[0]), bool(over[0]), int(cascade[0])


def assert_equal_position(state: Records, twin: naive.Swap) -> None:
    """Board, random numbers and score agree, nothing can be cleared and something can be swapped."""
    cells = np.empty((1, twin.rows, twin.cols), np.uint8)
    kernels.unpack(state, cells)
    assert cells[0].tolist() == twin.board
    assert (int(state["rng"][0]), int(state["score"][0]), int(state["ended"][0])) == (twin.rng.state, twin.score, 0)
    assert not naive.runs(twin.board)
    assert naive.swaps(twin.board)


def test_random_play_equals_twin() -> None:
    num_moves = 600 if COMPILED else 40
    state, twin = SMALL.reset([3]), naive.Swap(3, 4, 4, 5, chance=False)
    SMALL.play_random(state, num_moves)
    for _ in range(num_moves):
        twin.step(twin.rng.below(256))
    assert_equal_position(state, twin)
    assert twin.score > 0 or not COMPILED


@pytest.mark.parametrize(("rows", "cols", "kinds", "chance"), [(8, 8, 12, True), (5, 11, 4, True), (4, 4, 3, True)])
def test_oracle_and_reasons_equal_twin(rows: int, cols: int, kinds: int, chance: bool) -> None:
    num = 3 if COMPILED else 1
    state = np.zeros(num, kernels.DTYPE)
    kernels.reset(state, np.arange(num, dtype=np.uint64), rows, cols, kinds)
    cells, actions = np.empty((num, rows, cols), np.uint8), np.empty(num, np.int64)
    kernels.unpack(state, cells)
    search.oracle(state, actions)
    assert actions.tolist() == [naive.oracle(board) for board in cells.tolist()]
    other = np.empty((num, (rows * cols) ** 2), np.bool_)
    kernels.legal(state, other)
    for given_actions in (actions, np.array([np.flatnonzero(mask)[-1] for mask in other]), np.full(num, -1)):
        swaps = np.empty((num, 1 + kinds), np.int64)
        search.by_kind(state, given_actions, swaps)
        for board, action, row in zip(cells.tolist(), given_actions.tolist(), swaps.tolist(), strict=True):
            assert {kind: swap for kind, swap in enumerate(row) if swap != -2} == naive.by_kind(board, action)


def test_values_are_what_the_oracle_weighs() -> None:
    state = SMALL.reset(range(20 if COMPILED else 2))
    worths = np.empty((len(state), SMALL.num_actions), np.int64)
    search.values(state, worths)
    assert ((worths >= 0) == SMALL.legal(state)).all()
    assert (worths[np.arange(len(state)), SMALL.oracle(state)] == worths.max(axis=1)).all()
    board = drawn(["3453", "4115", "5321", "2243"])
    search.values(SMALL.from_board([board], [0]), worths[:1])
    for one, other in naive.swaps(board):
        assert worths[0, naive.action_of(one, other, board)] == naive.worth(board, one, other)
        assert worths[0, naive.action_of(other, one, board)] == naive.worth(board, one, other)


def test_near_optimal_is_one_swap_below_the_best_at_most() -> None:
    state = GAME.reset(range(40 if COMPILED else 1))
    for board, mask in zip(GAME.board(state).tolist(), GAME.near_optimal(state), strict=True):
        worths = {swap: naive.worth(board, *swap) for swap in naive.swaps(board)}
        near = [swap for swap, worth in worths.items() if worth >= max(worths.values()) - 4]
        both = {naive.action_of(*pair, board) for swap in near for pair in (swap, swap[::-1])}
        assert set(np.flatnonzero(mask).tolist()) == both


@pytest.mark.skipif(not COMPILED, reason="plays 100 moves in each of 64 games")
def test_oracle_never_errs_and_chance_nearly_always_does() -> None:
    state, chance = GAME.reset(range(64)), GAME.reset(range(64))
    GAME.play_random(chance, 100)
    for _ in range(100):
        GAME.step(state, GAME.oracle(state))
    assert (state["score"] == 100).all()
    assert chance["score"].mean() < 2  # the paper counts 1


@pytest.mark.skipif(not COMPILED, reason="a cascade of two kinds goes on for a hundred rounds")
@pytest.mark.parametrize("cascades", [True, False])
@pytest.mark.parametrize(("rows", "cols", "kinds"), [(4, 4, 2), (12, 12, 2), (12, 12, 3), (4, 4, 192)])
def test_corner_cases_end(rows: int, cols: int, kinds: int, cascades: bool) -> None:
    size: dict[str, Any] = {"num_colours": 16, "num_shapes": 12, "rows": rows, "cols": cols}
    game = engine.make("swap", num_kinds=kinds, cascades=cascades, **PLAIN, **size)
    state = game.reset(range(16))
    for _ in range(10):
        assert game.step(state, game.oracle(state)).legal.all()
        game.from_board(game.board(state), range(16))


def test_new_tiles_are_fair() -> None:
    tiles = GAME.board(GAME.reset(range(400 if COMPILED else 40)))
    counts = np.bincount(tiles.ravel(), minlength=13)
    assert counts[0] == 0
    assert np.abs(counts[1:] / tiles.size * 12 - 1).max() < (0.1 if COMPILED else 0.35)


def test_describe_explain_and_perceive_literally() -> None:
    game = engine.make("swap", rows=4, cols=4, num_colours=2, num_shapes=2, **PLAIN)
    board = drawn(["1241", "2213", "3123", "1324"])
    state = game.from_board([board], [0])
    text = (
        "Red circle Red square Blue square Red circle\nRed square Red square Red circle Blue circle\n"
        "Blue circle Red circle Red square Blue circle\nRed circle Blue circle Red square Blue square"
    )
    assert game.describe(state) == [text]
    assert game.perceived(text.upper().replace("\n", " ,\n")).tolist() == board
    odd = game.perceived(text.replace("Blue circle Red circle", "Blue star -", 1).replace("Blue circle\n", "Blue\n", 1))
    assert odd[2].tolist() == [UNREADABLE, 0, 2, 3]
    assert odd[1].tolist() == [2, 2, 1, UNREADABLE]
    assert (game.perceived(text + " -") == UNREADABLE).all()
    # 2 2 1 in the second row and the third column want a 2, and so does the second column above the 1.
    assert game.explain(state, [-1]) == [
        "Red circle none Red square (1, 1) (1, 2) Blue circle none Blue square none so nothing"
    ]
    assert game.explain(state, game.oracle(state)) == [
        "Red circle none Red square (2, 2) (1, 2) Blue circle none Blue square none so (2, 2) (1, 2)"
    ]


@pytest.mark.parametrize(("text", "action"), [("(0, 1) (0, 2)", 66), ("( 7,7 ),(7 , 6)\n", 4094), ("(0,0)(0,0)", 0)])
def test_answers(text: str, action: int) -> None:
    assert GAME.parse(text) == action


@pytest.mark.parametrize("text", ["", "(0, 8) (1, 0)", "(0, 1)", "(0, 1) (0, 2) (0, 3)", "(-1, 0) (0, 0)", "5"])
def test_answers_that_are_none(text: str) -> None:
    assert GAME.parse(text) is None
    assert GAME.unreadable(text)


PIECES = ["(", ")", ", ", ",", " ", "\n", "-", "0", "1", "8", "63", "(0, 1)", "(7,7) ", "(3, 8)", "(1, 1) (1, 2)"]


@settings(max_examples=10_000)
@given(st.binary(max_size=6).map(lambda picks: "".join(PIECES[pick % len(PIECES)] for pick in picks)))
def test_no_answer_is_out_of_range(text: str) -> None:
    action = GAME.parse(text)
    assert (action is None) == (GAME.unreadable(text) is not None)
    if action is not None:
        assert 0 <= action < GAME.num_actions
        assert [int(number) for number in "".join(c if c.isdigit() else " " for c in text).split()] == [
            int(number) for number in "".join(c if c.isdigit() else " " for c in GAME.action_text(action)).split()
        ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"rows": 3}, "4 to 12"), ({"cols": 13}, "4 to 12"), ({"num_colours": 17}, "1 to 16"),
        ({"num_shapes": 0}, "1 to 12"), ({"num_kinds": 1}, "needs 2"), ({"num_kinds": 13}, "are 12 kinds"),
        ({"num_colours": 1, "num_shapes": 1}, "needs 2"), ({"cascade": True}, "cascades"),
    ],
)  # fmt: skip
def test_settings_that_are_refused(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engine.make("swap", **bad)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1113", "2132", "3123", "2331"], "run of three"), (["1234", "3412", "1234", "3412"], "no swap"),
        (["1.31", "2213", "3123", "1322"], "holds 0"), (["1631", "2213", "3123", "1322"], "holds 6"),
        (["123", "221", "312", "132"], "shape"),
    ],
)  # fmt: skip
def test_boards_that_cannot_stand(lines: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMALL.from_board([drawn(lines)], [0])


def test_kinds_show_all_colours_and_shapes() -> None:
    assert tiles_in_play(6, 3, 2).tolist() == [0, 1, 4, 5, 2, 3, 6]
    for num_colours, num_shapes in ((16, 12), (3, 4), (1, 5), (5, 1), (4, 4)):
        tiles = tiles_in_play(num_colours * num_shapes, num_colours, num_shapes)
        assert sorted(tiles.tolist()) == list(range(1 + num_colours * num_shapes))


def test_levels_compose_and_perception_leaves_the_rules_alone() -> None:
    for looks, rules in product((*LEVELS["perception"], "normal"), (*LEVELS["reasoning"], "normal")):
        game = engine.make("swap", level=f"perception:{looks},reasoning:{rules}")
        plain = engine.make("swap", level=f"reasoning:{rules}")
        assert game.settings["num_kinds"] == plain.settings["num_kinds"]
        assert game.reset([1]).tobytes() == plain.reset([1]).tobytes()


def test_frames_show_the_tiles() -> None:
    game = engine.make("swap", tile_px=28, num_colours=16, num_shapes=12, num_kinds=192)
    state = game.reset([1])
    sprites = game.sprites(state)
    assert sprites["board"][0].tolist() == game.board(state)[0].tolist()
    frame = game.render(state)
    assert frame.shape == (1, 8 * 28 + 168, 420, 3)
    assert engine.make("swap").atlas.layout.height == 840


SETTINGS: list[dict[str, Any]] = [
    {"rows": 4, "cols": 4, "num_kinds": 3},
    {"rows": 5, "cols": 9, "num_colours": 2, "num_shapes": 2, "cascades": False, "prompt": "full", "noise": 9},
]


@pytest.mark.parametrize("chosen", SETTINGS if COMPILED else SETTINGS[:1])
def test_contract_at_other_settings(chosen: dict[str, Any]) -> None:
    game = engine.make("swap", **{**PLAIN, **chosen})
    for promise in PROMISES:
        promise(game)
    contract.batch_does_not_matter(game, (1, 7, 4096) if COMPILED else (1, 7))


def test_legal_play_is_the_same_in_any_batch() -> None:
    num = 4096 if COMPILED else 14
    state = SMALL.reset(range(num))
    parts = [state[:1].copy(), state[:7].copy(), state]
    for _ in range(4):
        for part in parts:
            SMALL.step(part, SMALL.oracle(part))
    assert parts[0].tobytes() == state[:1].tobytes()
    assert parts[1].tobytes() == state[:7].tobytes()


def test_split_siblings_part_and_shared_ones_stay() -> None:
    state = GAME.reset([5])
    cases: list[tuple[Literal["shared", "split"], int]] = [("shared", 1), ("split", 6)]
    for rng, futures in cases:
        siblings = engine.branch(state, 6, rng=rng)
        GAME.step(siblings, np.repeat(GAME.oracle(state), 6))
        assert len(set(engine.state_hash(siblings).tolist())) == futures


PLAY = """
import engine
game = engine.make("swap", rows=6, cols=10)
state = game.reset(range(5))
for _ in range(3):
    game.step(state, game.oracle(state))
game.play_random(state, 20)
print(engine.state_hash(state, rng=True).tolist())
"""


def test_another_process_plays_the_same() -> None:
    there = subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, check=True).stdout
    game = engine.make("swap", rows=6, cols=10)
    state = game.reset(range(5))
    for _ in range(3):
        game.step(state, game.oracle(state))
    restored = np.frombuffer(state.tobytes(), game.dtype).copy()
    for twin in (state, restored):
        game.play_random(twin, 20)
        assert f"{engine.state_hash(twin, rng=True).tolist()}\n" == there
