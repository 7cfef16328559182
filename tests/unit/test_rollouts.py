"""A run's rollouts as replays: the same states, answers and points, and nothing that other rules would lead to."""

from pathlib import Path

import msgspec
import pytest

from engine.errors import CheckpointError, ConfigError
from engine.game import state_hash
from engine.net import wire
from engine.replay import append, play_again
from engine.rollout.episode import look, open_play, settle
from engine.ticket import GameSpec, Start, Ticket
from g1train.inference import scripted
from g1train.run.folder import Played
from g1train.run.rollouts import episodes_of, read_episodes

SPEC = GameSpec("2048", {"tile_px": 28, "strip": False})
GROUP = Ticket(7, 1, SPEC, Start(5, 30, "train"), num_samples=4)
EPISODES = Ticket(8, 2, SPEC, Start(6), num_samples=3, num_turns=5)
EPISODE = Ticket(9, 3, SPEC, Start(6), num_turns=5)


def played(ticket: Ticket, player: str = "random") -> Played:
    """What a worker and a scripted node make of a ticket."""
    play = open_play(ticket)
    while open_chains := [chain for chain in play.chains if not chain.ended]:
        answers = [
            wire.Answer(0, b"", scripted.play(player, [ask])[0], version=3) for ask in look(open_chains)
        ]  # fmt: skip
        settle(open_chains, answers)
    group = play.group("worker")
    assert group is not None
    return Played(ticket, group)


def save(path: Path, *plays: Played) -> Path:
    path.write_bytes(msgspec.msgpack.encode(plays))
    return path


@pytest.mark.parametrize(("ticket", "num", "num_turns", "num_tries"), [
    (GROUP, 1, 1, 4), (EPISODES, 3, 5, 1), (EPISODE, 1, 5, 1),
])  # fmt: skip
def test_rollouts_play_again(tmp_path: Path, ticket: Ticket, num: int, num_turns: int, num_tries: int) -> None:
    made = played(ticket)
    episodes = read_episodes(save(tmp_path / "rl-000001.msgpack", made))
    assert [len(episode.turns) for episode in episodes] == [num_turns] * num
    for sibling, episode in enumerate(episodes):
        rounds = [one for one in made.group.rounds if one.sibling == sibling]
        game, states = play_again(episode)
        assert state_hash(states[:-1]).tolist() == [one.state_hash for one in rounds]
        assert [game.describe(states[place : place + 1])[0] for place in range(num_turns)] == [
            one.truth for one in rounds
        ]
        tried = [[(one.text, one.action) for one in turn.tries] for turn in episode.turns]
        assert tried == [
            [(said.text, score.action) for said, score in zip(one.samples, one.scores, strict=True)] for one in rounds
        ]
        assert len(tried[0]) == num_tries
        assert episode.score == sum(one.scores[0].score for one in rounds)
        assert episode.player == "rl-000001"
        assert episode.notes["version"] == 3


def test_siblings_have_futures_of_their_own() -> None:
    episodes = episodes_of("rl", played(EPISODES))
    assert len({episode.start_hash for episode in episodes}) == 3
    assert [episode.notes["sibling"] for episode in episodes] == [0, 1, 2]


def test_rollouts_of_other_rules_are_refused() -> None:
    made = played(EPISODE)
    one = msgspec.structs.replace(made.group.rounds[2], state_hash=1)
    rounds = [*made.group.rounds[:2], one, *made.group.rounds[3:]]
    changed = Played(made.ticket, msgspec.structs.replace(made.group, rounds=rounds))
    with pytest.raises(ValueError, match="ticket 9 of rl leads through other states now"):
        episodes_of("rl", changed)


def test_damaged_rollouts_are_named(tmp_path: Path) -> None:
    good = msgspec.msgpack.encode([played(GROUP)])
    for bad in (good[:-9], good.replace(b"2048", b"2049", 1), good.replace(b"perception", b"percept\xffon", 1)):
        (tmp_path / "bad.msgpack").write_bytes(bad)
        with pytest.raises(
            (ValueError, CheckpointError), match=r"bad\.msgpack (cannot be played again|is not a rollout)"
        ):
            read_episodes(tmp_path / "bad.msgpack")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad.msgpack").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"bad\.msgpack is not a rollout file"):
        read_episodes(tmp_path / "bad.msgpack")
    with pytest.raises(ConfigError, match=r"cannot be read: No such file or directory; give a replay"):
        read_episodes(tmp_path / "absent.jsonl")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory; it has bad\.msgpack"):
        read_episodes(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ConfigError, match="there is no episode in"):
        read_episodes(tmp_path / "empty.jsonl")


def test_a_replay_is_read_as_it_is(tmp_path: Path) -> None:
    episodes = episodes_of("rl", played(GROUP))
    append(tmp_path / "some.jsonl", *episodes)
    assert read_episodes(tmp_path / "some.jsonl") == episodes
