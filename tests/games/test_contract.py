"""The contract, once for every game in the registry and the two of tests/tiny, at its smallest frame."""

import importlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.game import Game
from tests import tiny
from tests.games import contract

GAMES = {name: engine.make(name, tile_px=28, strip=False) for name in engine.game_names()}
GAMES |= {name: importlib.import_module(module).make(tiny.SMALL[name]) for name, module in tiny.GAMES.items()}
PROMISES: list[Callable[[Game], None]] = [
    contract.header_comes_first,
    contract.settings_make_an_equal_game,
    contract.snapshot_restores_everything,
    contract.siblings_share_or_split,
    contract.unreadable_and_illegal_change_nothing,
    contract.ended_games_stay_as_they_are,
    contract.outputs_have_their_types,
    contract.legal_is_what_step_says,
    contract.readers_leave_the_state_alone,
    contract.a_slice_is_a_batch,
    contract.truth_is_read_back,
    contract.actions_are_read_back,
    contract.boards_can_be_set_up,
    contract.only_positions_are_verified,
    contract.start_states_keep_apart,
    contract.equal_hashes_are_equal_frames,
    contract.what_is_not_offered_says_so,
    contract.only_own_records_are_taken,
    contract.any_array_is_taken_or_refused,
    contract.near_optimal_is_legal_and_holds_the_oracles,
    contract.outcomes_are_what_playing_gives,
    contract.facts_are_what_the_game_says,
    contract.boxes_show_their_cells,
    contract.prompt_asks_for_the_format,
]

pytestmark = [pytest.mark.parametrize("name", sorted(GAMES)), pytest.mark.usefixtures("tiny_games")]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_promise(name: str, promise: Callable[[Game], None]) -> None:
    promise(GAMES[name])


def test_batch_does_not_matter(name: str) -> None:
    contract.batch_does_not_matter(GAMES[name], (1, 7, 4096) if contract.COMPILED else (1, 7, 50))


@given(text=st.one_of(st.text(), st.text("0123456789 (),-+.\n"), st.from_regex(r"[a-z0-9 \n-]*", fullmatch=True)))
def test_any_text_is_taken(name: str, text: str) -> None:
    contract.any_text_is_taken(GAMES[name], text)


@pytest.mark.parametrize("actions", [[4], [-2], [0, 0], [0.5], [[0]], [True]])
def test_bad_actions(name: str, actions: list[int]) -> None:
    game = GAMES[name]
    bad = [game.num_actions] if actions == [4] else actions
    state = game.reset([1])
    before = state.tobytes()
    with pytest.raises(ValueError, match="actions"):
        game.step(state, bad)
    assert state.tobytes() == before


@pytest.mark.parametrize("seeds", [[-1], [2**64], [0.5], np.array([-1]), "ab"])
def test_bad_seeds(name: str, seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="seeds"):
        GAMES[name].reset(seeds)


def test_bad_state(name: str) -> None:
    game = GAMES[name]
    state = game.reset([1, 2])
    for bad in (state[0:2].reshape(1, 2), np.zeros(2, [("rng", "<u8")])):
        with pytest.raises(ValueError, match="state"):
            game.step(bad, [0, 0])
    with pytest.raises(ValueError, match="k is at least 1"):
        engine.branch(state, 0)


def test_nothing_in_nothing_out(name: str) -> None:
    game = GAMES[name]
    state = game.reset([])
    assert len(game.step(state, []).reward) == len(game.describe(state)) == len(game.render(state)) == 0
    assert len(engine.state_hash(state)) == len(engine.start_states(game, [], 5)) == 0
