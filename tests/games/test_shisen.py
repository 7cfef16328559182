"""Shisen-Sho by literal boards, and every kernel beside its slow twin."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.game import Game
from engine.games.shisen import Shisen
from engine.render.kinds import COLOURS, SHAPES
from native import shisen_route as routes
from tests import naive_shisen as naive
from tests.games import contract
from tests.games.contract import COMPILED
from tests.naive import Rng

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"rows": 4, "cols": 4, "max_turns": 1},
    "odd": {"rows": 5, "cols": 4, "max_turns": 3, "prompt": "short"},
    "looks": {"rows": 4, "cols": 5, "level": "perception:extreme,reasoning:easy"},
    "icons": {"rows": 4, "cols": 4, "tiles": "icons", "pictures_per_class": 3},
}
SIZES = [(4, 4), (4, 7), (6, 6), (12, 4), (4, 13)]
PATH = np.zeros((3, 2), np.int8)


def game_of(**chosen: Any) -> Shisen:
    """A small-tiled game."""
    game = engine.make("shisen", **{"tile_px": 28, "strip": False, **chosen})
    assert isinstance(game, Shisen)
    return game


GAMES = {name: game_of(**chosen) for name, chosen in SETTINGS.items()}
FIVE = {turns: game_of(rows=4, cols=5, max_turns=turns) for turns in range(4)}


def action(text: str, game: Game = FIVE[2]) -> int:
    """The action that a text means."""
    number = game.parse(text)
    assert number is not None
    return number


def test_paths_by_turns() -> None:
    snake = [[2, 1, 2, 2, 2], [2, 0, 0, 0, 2], [2, 2, 2, 0, 2], [2, 2, 1, 0, 2]]
    hook = [[0, 0, 0, 3, 0], [1, 3, 0, 0, 0], [0, 3, 3, 3, 0], [0, 3, 1, 0, 0]]
    corner = [[1, 0, 0, 0, 3], [3, 3, 3, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]]
    straight = [[0, 0, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    answers = {"(0, 1) (3, 2)": (snake, 3), "(1, 0) (3, 2)": (hook, 2), "(0, 0) (3, 3)": (corner, 1)}
    answers["(1, 0) (1, 4)"] = (straight, 0)
    for text, (board, needed) in answers.items():
        for turns, game in FIVE.items():
            state = game.from_board([board], [0])
            out = game.step(state, [action(text)])
            assert out.reward.tolist() == [1 if turns >= needed else -1], (text, turns)


def test_paths_around_the_border() -> None:
    full = np.arange(20).reshape(4, 5) % 18 + 2
    full[0, 0] = full[0, 4] = full[3, 4] = full[1, 1] = full[2, 3] = 1
    game = game_of(rows=4, cols=5, num_colours=4, num_shapes=5)
    texts = ["(0, 0) (0, 4)", "(0, 4) (3, 4)", "(0, 0) (3, 4)", "(0, 0) (1, 1)", "(1, 1) (2, 3)"]
    state = engine.branch(game.from_board([full], [0]), 5)
    assert game.step(state, [action(text) for text in texts]).legal.tolist() == [True, True, False, False, False]
    around = engine.branch(game_of(rows=4, cols=5, num_colours=4, num_shapes=5, max_turns=3).from_board([full], [0]), 5)
    deeper = game_of(rows=4, cols=5, num_colours=4, num_shapes=5, max_turns=3)
    assert deeper.step(around, [action(text) for text in texts]).legal.tolist() == [True, True, True, False, False]


def test_what_is_not_a_pair() -> None:
    board = [[1, 1, 2, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 2]]
    texts = ["(0, 0) (0, 0)", "(1, 0) (1, 1)", "(0, 0) (0, 2)", "(0, 0) (1, 0)", "(0, 1) (0, 0)"]
    state = engine.branch(FIVE[2].from_board([board], [3]), 6)
    out = FIVE[2].step(state, [*(action(text) for text in texts), -1])
    assert out.reward.tolist() == [-1, -1, -1, -1, 1, -1]
    assert out.score.tolist() == state["score"].tolist() == [0, 0, 0, 0, 1, 0]
    assert not out.terminated.any()
    assert len({record.tobytes() for record in state}) == 2


def test_the_end() -> None:
    last = [[0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
    state = FIVE[2].from_board([last], [0])
    out = FIVE[2].step(state, [action("(2, 3) (1, 1)")])
    assert (out.reward[0], out.terminated[0], state["left"][0]) == (1, True, 0)
    crossed = [[1, 1, 2, 3, 4], [2, 1, 4, 3, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    state = FIVE[0].from_board([crossed], [0])
    assert FIVE[0].step(state, [action("(0, 0) (0, 1)")]).terminated.tolist() == [False]
    assert FIVE[0].step(state, [action("(0, 3) (1, 3)")]).terminated.tolist() == [True]
    assert FIVE[0].step(state, [action("(1, 1) (1, 4)")]).reward.tolist() == [0]
    assert FIVE[2].from_board(FIVE[0].board(state), [0])["ended"].tolist() == [0]
    assert FIVE[0].from_board([np.zeros((4, 5), int)], [0])["ended"].tolist() == [1]


def test_describe_explain_and_perceive_literally() -> None:
    game = game_of(rows=4, cols=4)
    board = [[1, 2, 1, 0], [4, 4, 3, 0], [0, 3, 0, 0], [2, 0, 0, 0]]
    state = game.from_board([board], [0])
    text = (
        "Red circle Red square Red circle -\nBlue square Blue square Blue circle -\n- Blue circle - -\nRed square - - -"
    )
    assert game.describe(state) == [text]
    assert game.perceived(text.lower().replace("e b", "e, b")).tolist() == board
    assert game.perceived(text.replace("Red square", "Pink square", 1)).tolist()[0] == [1, 255, 1, 0]
    assert game.explain(state, [action("(0, 2) (0, 0)", game)]) == [
        "Red circle (0, 0) (0, 2) Red square none Blue circle (1, 2) (2, 1) Blue square (1, 0) (1, 1)"
        " by (0, 2) (-1, 2) (-1, 0) (0, 0) so (0, 2) (0, 0)"
    ]
    assert game.explain(state, [action("(1, 0) (1, 0)", game)])[0].endswith(" by nothing so (1, 0) (1, 0)")
    icons = GAMES["icons"].from_board([[[1, 0, 0, 3]] + [[0] * 4] * 3], [5])
    assert GAMES["icons"].describe(icons) == ["house - - fish" + "\n- - - -" * 3]
    assert GAMES["icons"].perceived("house - kite fish" + "\n- - - -" * 3).tolist()[0] == [1, 0, 255, 3]


@pytest.mark.parametrize(
    ("text", "cells"),
    [("(0, 1) (2, 3)", (0, 1, 2, 3)), ("(0,1),(2,3)", (0, 1, 2, 3)), (" ( 5 ,\n0 )\t(00, 05) ", (5, 0, 0, 5))],
)
def test_answers(text: str, cells: tuple[int, int, int, int]) -> None:
    r1, c1, r2, c2 = cells
    game = game_of()
    assert game.parse(text) == ((r1 * 6 + c1) * 6 + r2) * 6 + c2
    assert game.parse(game.action_text(action(text, game))) == action(text, game)


@pytest.mark.parametrize(
    "text",
    ["", "186", "(0, 6) (1, 0)", "(6, 0) (1, 0)", "(0, 1)", "(0, 1) (2, 3) (4, 5)", "(-0, 1) (2, 3)", "(+1, 1) (2, 3)",
     "(0.0, 1) (2, 3)", "(0, 1),, (2, 3)", "0, 1 2, 3", "[0, 1] [2, 3]", "(0 1) (2 3)", "(0, 1) to (2, 3)",
     "(0, \uff11) (2, 3)", "(0, 1, 2, 3)", "(0, 1) (2, " + "9" * 5000 + ")"],
)  # fmt: skip
def test_answers_that_are_none(text: str) -> None:
    assert game_of().parse(text) is None
    assert game_of().unreadable(text)


@settings(max_examples=1700 if COMPILED else 300)
@given(
    st.one_of(
        st.text("0123456789 (),-+.\n", max_size=30),
        st.from_regex(r"\s?\(\s?[0-9]{1,2}, ?[0-9]{1,2}\)[ ,]?\([0-9]{1,2},\s?[0-9]\)(\([0-9]\))?", fullmatch=True),
        st.text(),
    ),
    st.sampled_from(sorted(GAMES)),
)
def test_any_text_is_taken(text: str, name: str) -> None:
    for variant in (text, text[1:], text[::-1], f"({text}) ({text})", f"(0, 1) {text}", f"{text} (3, 2)"):
        contract.any_text_is_taken(GAMES[name], variant)


PROMISES: list[Callable[[Game], None]] = [
    contract.header_comes_first, contract.settings_make_an_equal_game, contract.snapshot_restores_everything,
    contract.siblings_share_or_split, contract.unreadable_and_illegal_change_nothing,
    contract.ended_games_stay_as_they_are, contract.outputs_have_their_types, contract.readers_leave_the_state_alone,
    contract.a_slice_is_a_batch, contract.truth_is_read_back, contract.actions_are_read_back,
    contract.start_states_keep_apart, contract.near_optimal_is_legal_and_holds_the_oracles,
    contract.outcomes_are_what_playing_gives, contract.facts_are_what_the_game_says, contract.boxes_show_their_cells,
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(GAMES) if COMPILED else ["icons"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(name: str, promise: Callable[[Game], None]) -> None:
    promise(GAMES[name])


def test_batch_does_not_matter() -> None:
    contract.batch_does_not_matter(GAMES["icons"], (1, 7, 4096) if COMPILED else (1, 7, 20))


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import engine, hashlib; g = engine.make('shisen', rows=5, cols=4); s = g.reset(range(5)); g.play_random(s, 9);"
        "print(hashlib.sha256(s.tobytes()).hexdigest(), g.oracle(s).tolist())"
    )
    game = engine.make("shisen", rows=5, cols=4)
    state = game.reset(range(5))
    game.play_random(state, 9)

    wanted = f"{hashlib.sha256(state.tobytes()).hexdigest()} {game.oracle(state).tolist()}\n"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == wanted


@pytest.mark.parametrize("max_turns", [0, 1, 2, 3])
@pytest.mark.parametrize(("rows", "cols"), SIZES if COMPILED else SIZES[:2])
def test_whole_games_equal_twin(rows: int, cols: int, max_turns: int) -> None:
    game = game_of(rows=rows, cols=cols, max_turns=max_turns)
    kinds, choices = game.settings["num_kinds"], game.settings["num_colours"] * game.settings["num_shapes"]
    for number in range(2 if COMPILED else 1):
        state, rng = game.reset([number]), Rng.seeded(number)
        board = naive.deal(rng, rows, cols, kinds, choices, max_turns)
        chance = np.random.default_rng(number)
        while True:
            assert game.board(state)[0].tolist() == board
            assert int(state["rng"][0]) == rng.state
            legal = np.flatnonzero(game.legal(state)[0])
            wanted = sorted(action(f"{one} {other}", game) for one, other in naive.pairs(board, max_turns))
            assert [pair for pair in legal.tolist() if pair // (rows * cols) < pair % (rows * cols)] == wanted
            assert (len(legal) == 0) == bool(state["ended"][0])
            move = int(chance.choice(legal)) if len(legal) and chance.random() < 0.8 else int(chance.integers(-1, 99))
            board, *wanted_step = naive.step(board, move, max_turns)
            out = game.step(state, [move])
            assert [out.reward[0], out.score[0], out.legal[0], out.terminated[0]] == wanted_step
            if not len(legal):
                break


def test_random_play_equals_twin() -> None:
    game = GAMES["small"]
    state = game.reset(range(10))
    boards, streams = game.board(state).tolist(), [Rng(int(rng)) for rng in state["rng"]]
    game.play_random(state, 60)
    for number, (board, rng) in enumerate(zip(boards, streams, strict=True)):
        for _ in range(60):
            if any(naive.pairs(board, 1)):
                board = naive.step(board, rng.below(256), 1)[0]
        assert game.board(state)[number].tolist() == board
        assert int(state["rng"][number]) == rng.state


@pytest.mark.parametrize("max_turns", [0, 1, 2, 3])
def test_routes_equal_twin(max_turns: int) -> None:
    chance = np.random.default_rng(max_turns)
    game, cells = FIVE[max_turns], 20
    for _ in range(60 if COMPILED else 8):
        board = (chance.integers(1, 6, (4, 5)) * (chance.random((4, 5)) < chance.uniform(0.3, 0.9))).tolist()
        state = game.from_board([board], [0])
        one, other = (int(cell) for cell in chance.choice(cells, 2, replace=False))
        start, end = divmod(one, 5), divmod(other, 5)
        wanted = naive.fewest_turns(board, start, end)
        turns = int(routes.route(state, 0, one * cells + other, max_turns, PATH))
        assert turns == (-1 if wanted is None or wanted > max_turns else wanted)
        walk = [start, *[(int(row), int(col)) for row, col in PATH[: max(turns, 0)]], end]
        for (r1, c1), (r2, c2) in pairwise(walk):
            assert turns < 0 or (r1 == r2) != (c1 == c2)


def test_nearest_pairs_equal_twin() -> None:
    for name in ("small", "odd"):
        game = GAMES[name]
        state = engine.start_states(game, range(6), 25)
        for board, text in zip(game.board(state).tolist(), game.explain(state, game.oracle(state)), strict=True):
            words = text.partition(" by ")[0]
            colours = sum((word in COLOURS) for word in words.split())
            assert colours == len({kind for line in board for kind in line if kind})
            for kind in range(1, game.settings["num_colours"] * game.settings["num_shapes"] + 1):
                pair = naive.nearest(board, kind, game.settings["max_turns"])
                colour, shape = divmod(kind - 1, game.settings["num_shapes"])
                said = f"{COLOURS[colour]} {SHAPES[shape].lower()} {f'{pair[0]} {pair[1]}' if pair else 'none'}"
                assert (said in words) == any(kind in line for line in board)


@pytest.mark.parametrize("max_turns", [0, 1, 2])
def test_oracle_knows_what_trying_everything_knows(max_turns: int) -> None:
    game = game_of(rows=4, cols=4, max_turns=max_turns, num_kinds=3)
    chance, boards = np.random.default_rng(max_turns), []
    for _ in range(40 if COMPILED else 3):
        tiles = chance.permutation([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0, 0])
        boards.append(tiles.reshape(4, 4).tolist())
    state = game.from_board(boards, range(len(boards)))
    assert game.can_clear(state).tolist() == [naive.clearable(board, max_turns) for board in boards]
    for move, board, over in zip(game.oracle(state).tolist(), boards, state["ended"], strict=True):
        assert over or naive.step(board, move, max_turns)[3]


@pytest.mark.parametrize("max_turns", [0, 1, 2])
def test_near_optimal_is_what_trying_everything_leaves(max_turns: int) -> None:
    game = game_of(rows=4, cols=4, max_turns=max_turns, num_kinds=3)
    chance, spoiling = np.random.default_rng(max_turns), 0
    for _ in range(60 if COMPILED else 4):
        board = chance.permutation([1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 0, 0, 0, 0, 0, 0]).reshape(4, 4).tolist()
        state = game.from_board([board], [0])
        pairs = list(naive.pairs(board, max_turns))
        good = {(one, other) for one, other in pairs if naive.clearable(naive.without(board, one, other), max_turns)}
        wanted = {action(f"{one} {other}", game) for pair in good for one, other in (pair, pair[::-1])}
        spoiling += 0 < len(good) < len(pairs)
        if not good and not state["ended"][0]:
            best = int(game.oracle(state)[0])
            wanted = {best, best % 16 * 16 + best // 16}
        assert set(np.flatnonzero(game.near_optimal(state)[0]).tolist()) == wanted
    assert spoiling or not COMPILED


def test_a_pair_that_spoils_the_board() -> None:
    game = game_of(rows=4, cols=4, max_turns=0)
    state = game.from_board([[[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]], [0])
    texts = [game.action_text(pair) for pair in np.flatnonzero(game.near_optimal(state)[0]).tolist()]
    assert texts == ["(0, 0) (0, 1)", "(0, 1) (0, 0)", "(0, 2) (2, 2)", "(2, 2) (0, 2)"]
    assert game.legal(state).sum() == 6


def cleared(game: Game, num: int) -> bool:
    """Does the oracle clear every one of so many deals?"""
    state = game.reset(range(num))
    while not state["ended"].all():
        assert game.step(state, game.oracle(state)).legal[state["ended"] == 0].all()
    return not state["left"].any()


@pytest.mark.skipif(not COMPILED, reason="plays 60,000 moves")
def test_oracle_clears_every_deal() -> None:
    assert cleared(game_of(), 2000)
    for chosen in ({"max_turns": 0}, {"max_turns": 1}, {"max_turns": 3}, {"num_kinds": 3}, {"num_kinds": 18}):
        assert cleared(game_of(**chosen), 200)
    for rows in range(4, 13):
        for cols in range(4, 17):
            if rows * cols % 2 == 0:
                game = game_of(rows=rows, cols=cols, max_turns=(rows + cols) % 4)
                assert (game.can_clear(game.reset(range(20))) == 1).all(), (rows, cols)
    assert cleared(game_of(rows=12, cols=16), 4)


@pytest.mark.parametrize(
    ("chosen", "kinds", "colours", "shapes", "counts"),
    [
        ({}, 9, 3, 3, [4] * 9),
        ({"rows": 4, "cols": 4}, 4, 2, 2, [4] * 4),
        ({"rows": 6, "cols": 7}, 11, 4, 3, [4] * 10 + [2]),
        ({"num_kinds": 5}, 5, 3, 2, [8, 8, 8, 6, 6]),
        ({"copies": 2, "rows": 12, "cols": 16}, 96, 11, 9, [2] * 96),
        ({"num_colours": 2, "num_shapes": 1}, 2, 2, 1, [18, 18]),
        ({"num_colours": 8, "num_shapes": 6}, 9, 8, 6, [4] * 9),
    ],
)
def test_kinds(chosen: dict[str, int], kinds: int, colours: int, shapes: int, counts: list[int]) -> None:
    game = game_of(**chosen)
    assert [game.settings[name] for name in ("num_kinds", "num_colours", "num_shapes")] == [kinds, colours, shapes]
    for board in game.board(game.reset([1, 2])):
        assert sorted(np.unique(board, return_counts=True)[1].tolist(), reverse=True) == counts
        assert 1 <= board.min() <= board.max() <= colours * shapes


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"rows": 5, "cols": 5}, "25 cells cannot hold pairs only"),
        ({"rows": 3}, "rows are 4 to 12"),
        ({"cols": 17}, "columns are 4 to 16"),
        ({"max_turns": 4}, "max_turns=4"),
        ({"copies": 3}, "copies=3"),
        ({"num_kinds": 19}, "room for 1 to 18"),
        ({"num_kinds": 9, "num_colours": 2, "num_shapes": 2}, "make 4"),
        ({"num_colours": 17}, "1 to 16 colours"),
        ({"num_shapes": 0}, "1 to 12 shapes"),
        ({"tiles": "icons", "num_kinds": 11}, "has 10 classes"),
        ({"pictures_per_class": 0}, "pictures_per_class=0"),
        ({"tiles": "photos"}, "photos"),
    ],
)
def test_bad_settings(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        game_of(**chosen)


def test_bad_boards() -> None:
    with pytest.raises(ValueError, match="board has kinds 0"):
        FIVE[2].from_board([[[10, 0, 0, 0, 0]] + [[0] * 5] * 3], [0])
    with pytest.raises(ValueError, match="shape"):
        FIVE[2].from_board(np.zeros((1, 5, 4), int), [0])


def test_levels_compose() -> None:
    game = engine.make("shisen", level="perception:hard,reasoning:extreme", strip=False)
    assert game.settings["num_kinds"] == 48
    assert (game.board(game.reset(range(3))) > 0).all()


def test_siblings_share_the_frame() -> None:
    game = GAMES["icons"]
    state = game.reset([1])
    pictures = game.sprites(state)["board"]
    assert len(np.unique(pictures)) > len(np.unique(game.board(state)))
    assert np.array_equal((pictures[0] - 1) // 3 + 1, game.board(state)[0])
    assert np.array_equal(*game.sprites(engine.branch(state, 2, rng="split"))["board"])


def test_pictures_and_proofs_are_verified() -> None:
    """What a board does not tell must be right too: kernels take a picture and the legal pair for an index."""
    game = GAMES["icons"]
    state = game.reset([1, 2, 3])
    game.verify(state)
    first_cell = state["board"][0, 0]
    for field, value in (("pair", 2**32 - 1), ("pair", 0), ("left", 3), ("ended", 1)):
        changed = state.copy()
        changed[field][0] = value
        with pytest.raises(ValueError, match=r"does not fit|is not legal"):
            game.verify(changed)
    for cell in (first_cell + 3 * (1 << 12), 1 << 12):
        changed = state.copy()
        changed["board"][0, 0] = cell
        with pytest.raises(ValueError, match=r"pictures that do not exist|does not fit"):
            game.verify(changed)
