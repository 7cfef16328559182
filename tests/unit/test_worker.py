"""How a ticket is played, without processes: the coroutines of engine/rollout/episode.py against a scripted player."""

import asyncio
import logging
import time
from typing import get_args

import msgspec
import numpy as np
import pytest

from engine.errors import WireError, WorkerError
from engine.game import start_states, state_hash
from engine.net import wire
from engine.rollout.asker import AtlasLedger
from engine.rollout.episode import Play, frames_of, look, open_play, open_plays, settle
from engine.rollout.pool import HEALTHY_S, UNREADY_DEATHS, Child
from engine.start import make_game, restore
from engine.ticket import GameSpec, Split, Start, Ticket, derive_seed, ticket_hash
from g1train.inference.frames import AtlasStore
from g1train.inference.scripted import Scripted
from tests import tiny

GAME = GameSpec("2048", {"tile_px": 28, "strip": False})
START = Start(seed=5, num_moves=20)


def ticket(num_samples: int = 1, num_turns: int = 1, start: Start = START) -> Ticket:
    return Ticket(0, 11, GAME, start, num_samples=num_samples, num_turns=num_turns)


def answered(ask: wire.Ask, player: str = "random") -> wire.Answer:
    prompt, samples = asyncio.run(Scripted(player).generate(ask, []))
    return wire.Answer(ask.id, prompt, samples, 0)


def play_out(plays: list[Play], player: str = "random") -> list[wire.Group]:
    open_chains = [chain for play in plays for chain in play.chains]
    while open_chains:
        settle(open_chains, [answered(ask, player) for ask in look(open_chains)])
        open_chains = [chain for chain in open_chains if not chain.ended]
    groups = [play.group("me") for play in plays]
    return [group for group in groups if group is not None]


def played(one: Play, player: str = "random") -> wire.Group:
    (group,) = play_out([one], player)
    return group


def first_ask(play: Play) -> wire.Ask:
    return look(play.chains)[0]


def test_a_group_is_one_ask_for_all_siblings() -> None:
    play = open_play(ticket(num_samples=4))
    (ask,) = look(play.chains)
    assert (ask.num_samples, ask.seed, len(play.chains)) == (4, derive_seed(11, 0, 0), 1)
    assert play.group("me") is None
    settle(play.chains, [answered(ask)])
    group = play.group("me")
    assert group is not None
    (one,) = group.rounds
    assert len(one.samples) == len(one.scores) == 4
    assert one.state_hash == group.start_hash
    assert all(score.perception_reward == score.format_reward == 1.0 for score in one.scores)


def test_company_makes_no_difference() -> None:
    small = GameSpec("2048", {**GAME.settings, "rows": 3, "cols": 3})
    wanted = [
        ticket(num_samples=4),
        ticket(num_turns=6, start=Start(seed=8)),
        msgspec.structs.replace(ticket(num_samples=2, num_turns=3), game=small, start=Start(seed=1)),
        ticket(num_samples=4, start=Start(seed=9, num_moves=20, split="eval")),
        ticket(num_samples=3, start=Start(record=start_states(make_game(GAME), [3], 30).tobytes())),
    ]
    assert play_out(open_plays(wanted, [ticket_hash(one) for one in wanted])) == [
        played(open_play(one)) for one in wanted
    ]


def test_a_frame_is_small_and_draws_the_same_pixels() -> None:
    ask = first_ask(open_play(ticket()))
    frame = ask.turns[0].frame
    assert frame is not None
    assert len(wire.encode(wire.Answer(0, b"", [], 0))) + len(frame.data) < 1000
    game = make_game(GAME)
    store = AtlasStore()
    store.add(wire.Atlas(game.atlas.digest, game.atlas.to_bytes()))
    assert np.array_equal(store.pixels(frame), game.render(restore(game, ask.state))[0])


@pytest.mark.usefixtures("tiny_games")
def test_a_game_without_sprites_is_shown_as_packed_pixels() -> None:
    game = make_game(GameSpec("line"))
    state = game.reset([1, 2])
    frames = frames_of(game, state)
    assert [frame.codec for frame in frames] == ["lz4", "lz4"]
    assert len(frames[0].data) < 300
    assert np.array_equal(AtlasStore().pixels(frames[1]), game.render(state)[1])


@pytest.mark.usefixtures("tiny_games")
@pytest.mark.parametrize(("name", "player"), [("mines", "greedy"), ("mines", "random"), ("line", "oracle")])
def test_games_of_every_kind_are_played(name: str, player: str) -> None:
    spec = GameSpec(name, {**tiny.SMALL[name], "prompt": "short"})
    wanted = [
        msgspec.structs.replace(ticket(num_samples, num_turns, Start(seed, num_moves=1, split=split)), game=spec)
        for seed, split in enumerate(get_args(Split))
        for num_samples, num_turns in ((3, 1), (2, 6))
    ]
    best = play_out(open_plays(wanted, [ticket_hash(one) for one in wanted]), player)
    assert best == [played(open_play(one), player) for one in wanted]
    scores = [score for group in best for one in group.rounds for score in one.scores]
    assert all(score.perception_reward == score.format_reward == 1.0 for score in scores)
    assert {score.game_reward for score in scores} == ({1.0, -1.0} if player == "random" else {1.0})


@pytest.mark.usefixtures("tiny_games")
def test_a_player_that_a_game_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="mines offers no oracle"):
        played(open_play(msgspec.structs.replace(ticket(), game=GameSpec("mines", tiny.SMALL["mines"]))), "oracle")


def test_episodes_branch_and_play_the_same_again() -> None:
    first = played(open_play(ticket(num_samples=2, num_turns=15)))
    again = played(open_play(ticket(num_samples=2, num_turns=15)))
    assert first == again
    assert [(one.sibling, one.turn) for one in first.rounds] == [(k, turn) for k in (0, 1) for turn in range(15)]
    assert first.rounds[0].state_hash == first.rounds[15].state_hash
    assert first.rounds[14].state_hash != first.rounds[29].state_hash


def test_an_episode_ends_with_its_game() -> None:
    small = msgspec.structs.replace(
        ticket(num_turns=500), game=GameSpec("2048", {**GAME.settings, "rows": 2, "cols": 2})
    )
    rounds = played(open_play(small)).rounds
    assert len(rounds) < 500
    assert [one.scores[0].terminated for one in rounds] == [False] * (len(rounds) - 1) + [True]


def test_a_start_may_be_a_record() -> None:
    game = make_game(GAME)
    record = start_states(game, [3], 30)
    play = open_play(ticket(start=Start(record=record.tobytes())))
    assert play.start_hash == int(state_hash(record)[0])


def test_what_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="0 samples"):
        open_play(ticket(num_samples=0))
    with pytest.raises(ValueError, match="are no record of 2048"):
        open_play(ticket(start=Start(record=b"short")))
    other = start_states(make_game(GameSpec("2048", {"rows": 3, "cols": 3})), [3], 5)
    with pytest.raises(ValueError, match="another board size"):
        open_play(ticket(start=Start(record=other.tobytes())))
    play = open_play(ticket(num_samples=3))
    look(play.chains)
    with pytest.raises(WireError, match="0 answers where 3"):
        settle(play.chains, [wire.Answer(0, b"", [], 0)])
    assert play.chains[0].turn == 0


def test_worker_and_node_forget_the_same_atlas() -> None:
    ledger = AtlasLedger()
    names = [bytes([number]) for number in range(wire.ATLAS_SLOTS)]
    for name in (*names, names[0], b"one more"):
        ledger.use(name)
    assert names[0] in ledger
    assert names[1] not in ledger
    assert names[2] in ledger


def test_store_refuses_what_it_cannot_draw() -> None:
    atlas, store = make_game(GAME).atlas, AtlasStore()
    frame = wire.Frame("sprites", atlas.height, atlas.width, bytes(atlas.draw_dtype.itemsize), atlas.digest)
    with pytest.raises(ValueError, match="is not here: send it"):
        store.pixels(frame)
    with pytest.raises(WireError, match="but is"):
        store.add(wire.Atlas(b"another", atlas.to_bytes()))
    with pytest.raises(WireError, match="did not decode"):
        store.add(wire.Atlas(b"damaged", b"atlas"))
    store.add(wire.Atlas(atlas.digest, atlas.to_bytes()))
    assert store.pixels(frame).shape == (atlas.height, atlas.width, 3)
    with pytest.raises(ValueError, match="does not fit its atlas"):
        store.pixels(msgspec.structs.replace(frame, data=b"short"))
    with pytest.raises(ValueError, match="12 bytes are not 2 x 3 pixels"):
        store.pixels(wire.Frame("pixels", 2, 3, bytes(12)))


def test_last_words_fit_into_an_environment(caplog: pytest.LogCaptureFixture) -> None:
    child = Child("host/0", ["/nowhere"])
    child.last_lines.append("core\0dumped")
    with caplog.at_level(logging.ERROR, "g1"):
        child.died(-11)
        with pytest.raises(FileNotFoundError):
            child.start()
    assert "core?dumped" in child.last_words


def test_a_dead_worker_is_started_later_each_time() -> None:
    child = Child("host/0", [])
    pauses = []
    for _ in range(8):
        child.ready, child.started = True, time.monotonic()
        pauses.append(child.pause_s)
        child.died(-9)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    child.started = time.monotonic() - HEALTHY_S
    child.died(-9)
    assert child.pause_s == 0.4


def test_a_worker_that_is_never_ready_ends_the_pool() -> None:
    child = Child("host/0", [])
    child.last_lines.append("No module named engine")
    for _ in range(UNREADY_DEATHS - 1):
        child.died(1)
    with pytest.raises(WorkerError, match=r"(?s)before it was ready.*No module named engine"):
        child.died(1)
