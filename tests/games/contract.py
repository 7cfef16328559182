"""What every game keeps, whatever its rules: one function a promise, called for each game by test_contract.py."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import engine
from engine import facts
from engine.game import UNREADABLE, Game
from engine.games.grid import GridGame
from native.rng import mix
from native.state import HEADER, Records

HEADER_BYTES = np.dtype(HEADER).itemsize  # 16 of random state and score, which may be anything, then 8
COMPILED = hasattr(mix, "py_func")  # False when the kernels run as plain Python, and tests had better be short


def played(game: Game, num: int, num_moves: int = 15) -> Records:
    """Some positions, a few of which may be over."""
    state = game.reset(np.arange(num, dtype=np.uint64))
    game.play_random(state, num_moves)
    return state


def some_actions(game: Game, state: Records) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The oracle's, or the first legal ones where a game has none; -1 where it is over."""
    if game.offers("oracle"):
        return game.oracle(state)
    mask = game.legal(state)
    return np.where(mask.any(axis=1), mask.argmax(axis=1), -1)


def random_actions(game: Game, num: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Actions, unreadable ones among them."""
    return np.random.default_rng(seed).integers(-1, game.num_actions, num)


def header_comes_first(game: Game) -> None:
    """Every record begins alike and has no byte that nobody writes."""
    names = [field[0] for field in HEADER]
    assert game.dtype.names is not None
    assert list(game.dtype.names[: len(names)]) == names
    assert sum(game.dtype[name].itemsize for name in game.dtype.names) == game.dtype.itemsize


def settings_make_an_equal_game(game: Game) -> None:
    """The resolved settings are plain values that give the same game again."""
    twin = engine.make(game.name, **game.settings)
    assert twin.settings == game.settings
    state = played(game, 3)
    assert twin.describe(state) == game.describe(state)
    assert twin.frame_size == game.render(state).shape[1:3]
    if game.offers("atlas"):
        assert twin.atlas.digest == game.atlas.digest
        assert twin.draw_dtype == game.atlas.draw_dtype


def batch_does_not_matter(game: Game, sizes: tuple[int, ...]) -> None:
    """Seed and actions of a game decide its bytes, not the games beside it."""
    num = max(sizes)
    seeds = np.arange(num, dtype=np.uint64)
    actions = [random_actions(game, num, turn) for turn in range(6)]
    results = []
    for size in sizes:
        parts = []
        for start in range(0, min(num, 3 * size), size):
            state = game.reset(seeds[start : start + size])
            game.play_random(state, 10)
            for turn in actions:
                game.step(state, turn[start : start + size])
            parts.append(state)
        results.append(np.concatenate(parts))
    for result in results:
        assert result.tobytes() == results[-1][: len(result)].tobytes()


def snapshot_restores_everything(game: Game) -> None:
    """Bytes of a state are the state: what follows from both is the same."""
    state = played(game, 20)
    restored = np.frombuffer(state.tobytes(), game.dtype).copy()
    for turn in range(5):
        actions = random_actions(game, 20, turn)
        one, other = game.step(state, actions), game.step(restored, actions)
        assert_array_equal(one.reward, other.reward)
    assert state.tobytes() == restored.tobytes()


def siblings_share_or_split(game: Game) -> None:
    """Shared siblings that act alike stay alike; split ones get futures of their own, and the parent none of it."""
    state = played(game, 8)
    before = state.tobytes()
    shared, split = engine.branch(state, 5), engine.branch(state, 5, rng="split")
    assert shared[::5].tobytes() == shared[4::5].tobytes() == before
    actions = np.repeat(some_actions(game, state), 5)
    game.step(shared, actions)
    assert shared[::5].tobytes() == shared[4::5].tobytes()
    assert len(np.unique(split["rng"])) == 40
    assert_array_equal(engine.state_hash(split), np.repeat(engine.state_hash(state), 5))
    assert state.tobytes() == before
    assert len(engine.branch(state, 1, rng="split")) == 8


def unreadable_and_illegal_change_nothing(game: Game) -> None:
    """They cost 1, gain nothing, and not even the random numbers move."""
    state = engine.start_states(game, range(20), 5)
    mask = game.legal(state)
    illegal = np.where(mask.all(axis=1), -1, np.argmin(mask, axis=1))
    for actions in (np.full(20, -1), illegal):
        before = state.tobytes()
        out = game.step(state, actions)
        assert state.tobytes() == before
        assert out.reward.tolist() == [-1] * 20
        assert not out.score.any()
        assert not out.legal.any()
        assert not out.terminated.any()


def ended_games_stay_as_they_are(game: Game) -> None:
    """They pay 0, have no legal action, and the oracle gives -1."""
    state = played(game, 20)
    state["ended"] = 1
    before = state.tobytes()
    out = game.step(state, random_actions(game, 20))
    game.play_random(state, 5)
    assert state.tobytes() == before
    assert out.terminated.all()
    assert not out.reward.any()
    assert not out.legal.any()
    assert not game.legal(state).any()
    if game.offers("near_optimal"):
        assert not game.near_optimal(state).any()
    if game.offers("oracle"):
        assert game.oracle(state).tolist() == [-1] * 20
    assert len(game.explain(state, [-1] * 20)) == 20


def outputs_have_their_types(game: Game) -> None:
    """Types and shapes of what a step gives."""
    state = played(game, 4)
    out = game.step(state, [0, 0, 0, -1])
    kinds = [array.dtype for array in (out.reward, out.score, out.legal, out.terminated)]
    assert kinds == [np.float32, np.int64, np.bool_, np.bool_]
    assert_array_equal(out.terminated, state["ended"].astype(bool))
    assert game.board(state).shape == (4, *game.perceived("").shape)
    assert game.board(state).dtype == np.uint8
    if game.offers("layout"):
        assert game.perceived("").shape == (game.rows, game.cols)


def legal_is_what_step_says(game: Game) -> None:
    """`legal` and `out.legal` agree on every action, and the oracle's is legal."""
    state = played(game, 30)
    mask, live = game.legal(state), state["ended"] == 0
    for action in range(game.num_actions):
        out = game.step(state.copy(), np.full(30, action))
        assert_array_equal(out.legal, mask[:, action])
    assert mask[live, some_actions(game, state)[live]].all()
    assert (mask.any(axis=1) == live).all()


def readers_leave_the_state_alone(game: Game) -> None:
    """They take read-only states and slices, and give the same for them."""
    state = played(game, 12)
    frozen = np.frombuffer(state.tobytes(), game.dtype)
    sliced = np.repeat(state, 2)[::2]
    actions = some_actions(game, state)
    for view in (frozen, sliced):
        assert_array_equal(game.legal(view), game.legal(state))
        assert_array_equal(some_actions(game, view), actions)
        if game.offers("near_optimal"):
            assert_array_equal(game.near_optimal(view[:4]), game.near_optimal(state[:4]))
        assert_array_equal(game.board(view), game.board(state))
        assert game.describe(view) == game.describe(state)
        assert game.explain(view, actions) == game.explain(state, actions)
        if game.offers("sprites"):
            assert game.sprites(view).tobytes() == game.sprites(state).tobytes()
        assert_array_equal(game.position_hash(view), game.position_hash(state))
        assert_array_equal(game.render(view[:2]), game.render(state[:2]))
        assert_array_equal(engine.state_hash(view), engine.state_hash(state))
    assert frozen.tobytes() == state.tobytes()


def a_slice_is_a_batch(game: Game) -> None:
    """Stepping a slice changes those records and no other."""
    state = played(game, 10)
    expected = state.copy()
    part = expected[::2].copy()
    game.step(part, np.zeros(5, np.int64))
    expected[::2] = part
    game.step(state[::2], np.zeros(5, np.int64))
    assert state.tobytes() == expected.tobytes()


def truth_is_read_back(game: Game) -> None:
    """`perceived` inverts `describe`, blanks around it are free, and any other shape is unreadable throughout."""
    state = played(game, 20)
    for text, board in zip(game.describe(state), game.board(state), strict=True):
        if isinstance(game, GridGame):
            assert text == "\n".join(" ".join(game.cell_words[cell] for cell in row) for row in board.tolist())
        assert_array_equal(game.perceived(text), board)
        assert_array_equal(game.perceived(f"\n  {text} \n"), board)
        assert (game.perceived(text + "\n" + text) == UNREADABLE).all()
    assert (game.perceived("") == UNREADABLE).all()


def any_text_is_taken(game: Game, text: str) -> None:
    """Never an error, never an action or a shape out of range."""
    action = game.parse(text)
    assert (action is None) == (game.unreadable(text) is not None)
    assert action is None or 0 <= action < game.num_actions
    assert game.perceived(text).shape == game.perceived("").shape


def actions_are_read_back(game: Game) -> None:
    """`parse` inverts `action_text`."""
    assert [game.parse(game.action_text(action)) for action in range(game.num_actions)] == list(range(game.num_actions))


def boards_can_be_set_up(game: Game) -> None:
    """`from_board` inverts `board`, and knows by the rules whether the game is over; not if it hides something."""
    assert game.offers("from_board") == (game.offers("layout") and not game.hidden)
    if not game.offers("from_board"):
        return
    state = played(game, 20)
    again = game.from_board(game.board(state), range(20))
    assert_array_equal(game.board(again), game.board(state))
    assert_array_equal(again["ended"], state["ended"])
    assert_array_equal(engine.state_hash(again), engine.state_hash(state))


def only_positions_are_verified(game: Game) -> None:
    """Every state of play passes. One whose end, size or padding is changed does not; one that is changed elsewhere
    passes only if it is safe to play and to show."""
    state = played(game, 30)
    game.verify(state)
    if game.offers("from_board"):
        game.verify(game.from_board(game.board(state), range(30)))
    places = HEADER_BYTES + np.random.default_rng(3).integers(0, game.dtype.itemsize - HEADER_BYTES, 300)
    for number, place in enumerate([*range(16, HEADER_BYTES), *places.tolist()]):
        changed = state[:1].copy()
        changed.view(np.uint8)[place] ^= 1 + number % 255
        try:
            game.verify(changed)
        except ValueError:
            continue
        assert place >= HEADER_BYTES
        game.play_random(changed, 20)
        some_actions(game, changed)
        game.render(changed)


def start_states_keep_apart(game: Game) -> None:
    """None is over, a seed's state is its own whatever the batch, and the two splits never meet."""
    train = engine.start_states(game, range(60), 10, split="train")
    evaluate = engine.start_states(game, range(60), 10, split="eval")
    assert not train["ended"].any()
    assert set(engine.split_of(game.position_hash(train))) == {"train"}
    assert set(engine.split_of(game.position_hash(evaluate))) == {"eval"}
    assert engine.start_states(game, [41], 10, split="eval").tobytes() == evaluate[41:42].tobytes()


def equal_hashes_are_equal_frames(game: Game) -> None:
    """`state_hash` is of what is shown: where it is equal so are the pixels; `position_hash` is of all."""
    state = np.concatenate([played(game, 40, num_moves) for num_moves in (0, 2)])
    shown, frames = engine.state_hash(state), game.render(state)
    _, first, where = np.unique(shown, return_index=True, return_inverse=True)
    assert_array_equal(frames, frames[first][where])
    if game.hidden:
        assert len(np.unique(game.position_hash(state))) > len(first)
    else:
        assert_array_equal(game.position_hash(state), shown)


def what_is_not_offered_says_so(game: Game) -> None:
    """In one way for all: a ValueError that names the game and the thing."""
    state = game.reset([1])
    calls: dict[str, Callable[[], object]] = {
        "oracle": lambda: game.oracle(state), "values": lambda: game.values(state),
        "near_optimal": lambda: game.near_optimal(state),
        "from_board": lambda: game.from_board(game.board(state), [1]), "sprites": lambda: game.sprites(state),
        "atlas": lambda: game.atlas, "layout": lambda: game.layout, "draw_dtype": lambda: game.draw_dtype,
    }  # fmt: skip
    for what, call in calls.items():
        if game.offers(what):
            call()
        else:
            with pytest.raises(ValueError, match=f"{game.name} offers no {what}"):
                call()
    assert game.offers("explain") == any(game.explain(state, [0]))


def only_own_records_are_taken(game: Game) -> None:
    """Every method refuses a board of another size, and what would change a read-only state does not."""
    state = played(game, 3)
    before = state.tobytes()
    readers: list[Callable[[Records], object]] = [
        game.legal, game.board, game.describe, game.render, game.verify, game.position_hash,
    ]  # fmt: skip
    writers: list[Callable[[Records], object]] = [
        lambda some: game.step(some, [0] * 3),
        lambda some: game.play_random(some, 1),
    ]
    for field in ("rows", "cols"):
        other = state.copy()
        other[field][1] += 1
        for call in readers + writers:
            with pytest.raises(ValueError, match=r"state\[1\] is of another board size"):
                call(other)
    frozen = np.frombuffer(before, game.dtype)
    for call in writers:
        with pytest.raises(ValueError, match="read-only"):
            call(frozen)
    assert frozen.tobytes() == before


def any_array_is_taken_or_refused(game: Game) -> None:
    """Actions and seeds in other byte orders, with gaps or as unsigned numbers are what they say; none wraps around."""
    state = game.reset([1, 2])
    wanted = game.step(state.copy(), [0, 1])
    for kind in (">i8", "<i8", "u1", ">u8", "i2"):
        gaps = np.array([0, 9, 1, 9], kind)[::2]
        assert_array_equal(game.step(state.copy(), gaps).reward, wanted.reward)
    for number in (2**64 - 1, 2**63, game.num_actions):
        with pytest.raises(ValueError, match=rf"actions\[0\] is {number}"):
            game.step(state, np.array([number, 0], np.uint64))
    assert game.reset(np.array([1, 9, 2, 9], ">u8")[::2]).tobytes() == state.tobytes()
    with pytest.raises(ValueError, match="state has dtype"):
        game.step(state.astype(game.dtype.newbyteorder(">")), [0, 0])
    with pytest.raises(ValueError, match="expected an array of records"):
        game.legal([0, 1])  # type: ignore[arg-type]
    for num_moves in (-1, 0.5, 2**64):
        with pytest.raises(ValueError, match="num_moves"):
            game.play_random(state, num_moves)  # type: ignore[arg-type]


def near_optimal_is_legal_and_holds_the_oracles(game: Game) -> None:
    """The mask is never empty while a game goes on, and a pair is as good in both orders of its cells."""
    if not game.offers("near_optimal"):
        return
    state = played(game, 12 if COMPILED else 3, 20)
    state["ended"][:1] = 1
    live, best = state["ended"] == 0, game.oracle(state)
    mask = game.near_optimal(state)
    assert mask.dtype == np.bool_
    assert mask.shape == (len(state), game.num_actions)
    assert not (mask & ~game.legal(state)).any()
    assert mask[live, best[live]].all()
    assert_array_equal(mask.any(axis=1), live)
    if game.cells_per_action == 2:
        cells = game.rows * game.cols
        assert_array_equal(mask.reshape(-1, cells, cells), mask.reshape(-1, cells, cells).swapaxes(1, 2))
    assert_array_equal(game.near_optimal(state[1:2]), mask[1:2])
    assert game.near_optimal(state[:0]).shape == (0, game.num_actions)


def outcomes_are_what_playing_gives(game: Game) -> None:
    """Reward and next hash of every kind of action, in any number for each game, with the state left alone."""
    state = engine.start_states(game, range(5), 2)
    state["ended"][4] = 1
    before = state.tobytes()
    actions = random_actions(game, 20)
    actions[::4] = some_actions(game, state)
    known = facts.outcomes(game, state, actions)
    assert state.tobytes() == before
    for place, action in enumerate(actions.tolist()):
        twin = state[place // 4 : place // 4 + 1].copy()
        assert game.step(twin, [action]).reward[0] == known.rewards[place]
        assert engine.state_hash(twin)[0] == known.next_hashes[place]
    assert known.rewards[::4][:4].tolist() != [0] * 4
    assert (known.rewards[16:] == 0).all()


def facts_are_what_the_game_says(game: Game) -> None:
    """Of a game that goes on and of one that is over, and without drawing."""
    game = engine.make(game.name, **game.settings)
    state = played(game, 2)
    state["ended"][1] = 1
    for index in range(2):
        one = state[index : index + 1]
        known = facts.facts(game, state[index])
        assert [known.truth] == game.describe(one)
        assert_array_equal(known.cells, game.perceived(known.truth))
        assert_array_equal(known.legal, np.flatnonzero(game.legal(one)[0]))
        if game.offers("near_optimal"):
            assert_array_equal(known.near_optimal, np.flatnonzero(game.near_optimal(one)[0]))
        assert known.oracle == (game.oracle(one)[0] if game.offers("oracle") else -1)
        assert [known.reason] == game.explain(one, [known.oracle])
        after = facts.outcomes(game, one, known.legal)
        assert_array_equal(known.rewards, after.rewards)
        assert_array_equal(known.next_hashes, after.next_hashes)
        assert len(known.legal) == len(known.rewards) == len(known.next_hashes)
        assert known.boxes.shape == ((*known.cells.shape, 4) if game.offers("layout") else (0, 0, 4))
    assert len(known.legal) == len(known.near_optimal) == 0
    assert known.oracle == -1
    assert "atlas" not in vars(game)


def boxes_show_their_cells(game: Game) -> None:
    """Where nothing else changes with the board, another tile changes pixels of its own box and no other."""
    if not game.offers("from_board"):
        return
    still = {"noise": 0, "jitter": 0, "distractors": 0}
    plain = engine.make(game.name, **{**game.settings, **still})
    where = facts.boxes(plain)
    assert where.dtype == np.int32
    assert_array_equal(facts.boxes(game), where)
    assert plain.layout == plain.atlas.layout
    board = plain.board(plain.reset([3]))
    frame = plain.render(plain.from_board(board, [0]))[0]
    seen = 0
    for row, col in np.ndindex(*board.shape[1:]):
        other = with_another_tile(plain, board, row, col)
        if other is not None:
            changed = (plain.render(other)[0] != frame).any(axis=-1)
            top, left, height, width = where[row, col].tolist()
            assert changed[top : top + height, left : left + width].sum() == changed.sum() > 0
            seen += 1
    assert 2 * seen >= board.size


def with_another_tile(
    game: Game, board: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], row: int, col: int
) -> Records | None:
    """The board [1, rows, cols] with another tile in one cell, if there is one with which it can stand."""
    for tile in np.unique(board[board > 0]):
        changed = board.copy()
        changed[0, row, col] = tile
        if tile != board[0, row, col]:
            try:
                return game.from_board(changed, [0])
            except ValueError:
                continue
    return None


def prompt_asks_for_the_format(game: Game) -> None:
    """The full prompt names every tag."""
    for tag in ("<perception>", "</perception>", "<think>", "</think>", "<answer>", "</answer>"):
        assert tag in game.prompt
