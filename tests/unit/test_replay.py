"""Replays: what goes in comes out and plays again, and whatever was changed since is told."""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import engine
from engine import replay
from engine.answer import compose
from engine.replay import Episode, Try, Turn, append, make_episode, play_again, read
from engine.start import make_game, start_record
from engine.ticket import GameSpec, Start
from native.state import Records

SPEC = GameSpec("2048", {"tile_px": 28, "strip": False})


def played(name: str = "2048", num_turns: int = 6, start: Start = Start(3, 20), texts: bool = True) -> Episode:  # noqa: B008
    """The oracle's play, with an answer beside it that was not taken."""
    spec = GameSpec(name, {"tile_px": 28, "strip": False})
    game = make_game(spec)
    state = start_record(game, start)
    turns = []
    for _ in range(num_turns):
        best = int(game.oracle(state)[0])
        text = compose(game.describe(state)[0], "because", game.action_text(best)) if texts else None
        turns.append(Turn([Try(-1, "no answer", 2, True), Try(best, text)], taken=1))
        game.step(state, [best])
    return make_episode("oracle", spec, start, turns, {"temperature": 0.5})


@pytest.mark.parametrize("name", engine.game_names())
@pytest.mark.parametrize("texts", [True, False])
def test_a_file_gives_back_what_was_played(tmp_path: Path, name: str, texts: bool) -> None:
    episodes = [played(name, texts=texts), played(name, 0, texts=texts), played(name, 3, Start(4), texts=texts)]
    append(tmp_path / "new" / "some.jsonl", *episodes[:1])
    append(tmp_path / "new" / "some.jsonl", *episodes[1:])
    assert list(read(tmp_path / "new" / "some.jsonl")) == episodes
    for episode in episodes:
        game, states = play_again(episode)
        assert len(states) == len(episode.turns) + 1
        assert states[:1].tobytes() == start_record(game, episode.start).tobytes()
        assert int(states["score"][-1] - states["score"][0]) == episode.score


def test_a_record_is_a_start_too() -> None:
    game = make_game(SPEC)
    record = start_record(game, Start(9, 50))
    episode = make_episode("somebody", SPEC, Start(record=record.tobytes()), [Turn([Try(0)]), Turn([Try(1)])])
    _, states = play_again(episode)
    assert states[:1].tobytes() == record.tobytes()
    assert episode.score == int(states["score"][-1]) - int(record["score"][0])


def test_a_hundred_steps_take_little_room(tmp_path: Path) -> None:
    game = make_game(SPEC)
    state = start_record(game, Start(1))
    turns = []
    for _ in range(100):
        best = int(game.oracle(state)[0])
        turns.append(Turn([Try(best)]))
        game.step(state, [best])
    append(tmp_path / "long.jsonl", make_episode("oracle", SPEC, Start(1), turns))
    assert (tmp_path / "long.jsonl").stat().st_size < 1400


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "another action": ({"turns": [[[[0]]], *[[[[1]]]] * 5]}, "does not reach the end"),
    "one turn less": ({"turns": [[[[1]]]] * 5}, "does not reach the end"),
    "no such action": ({"turns": [[[[4]]]]}, "actions"),
    "another seed": ({"start": {"seed": 4, "num_moves": 20}}, "does not reach the start"),
    "more moves before": ({"start": {"seed": 3, "num_moves": 21}}, "does not reach the start"),
    "no record": ({"start": {"record": "AAAA"}}, "are no record of 2048"),
    "other settings": ({"settings": {"rows": 3}}, "does not reach the start"),
    "unknown settings": ({"settings": {"rowz": 3}}, "rowz.*rows"),
    "unknown game": ({"game": "2049"}, "2049.*2048"),
    "a level that is none": ({"settings": {"level": 3}}, "cannot be played"),
    "a seed that is none": ({"start": {"seed": -1}}, "cannot be played"),
    "another score": ({"score": 1_000}, "does not reach the end"),
    "another hash": ({"end_hash": 1}, "does not reach the end"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_told(tmp_path: Path, change: str) -> None:
    path = tmp_path / "some.jsonl"
    append(path, played())
    changes, told = CHANGES[change]
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | changes) + b"\n")
    (episode,) = read(path)
    with pytest.raises(ValueError, match=told):
        play_again(episode)


def test_a_text_that_means_another_action_is_told(tmp_path: Path) -> None:
    episode = played()
    texts = [tried.text or "" for tried in episode.turns[2].tries]
    answers = {"up": "down", "down": "left", "left": "right", "right": "up"}
    said = next(word for word in answers if f"<answer>{word}</answer>" in texts[1])
    path = tmp_path / "some.jsonl"
    append(path, episode)
    changed = texts[1].replace(f"<answer>{said}", f"<answer>{answers[said]}")
    for old, new in ((texts[1], changed), (texts[0], "<answer>up</answer>")):
        line = path.read_text().replace(msgspec.json.encode(old).decode(), msgspec.json.encode(new).decode())
        (other,) = (msgspec.json.decode(line, type=Episode),)
        with pytest.raises(ValueError, match=r"in turn \d an answer that does not mean the action beside it"):
            play_again(other)


def test_other_rules_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this version dealt two tiles after each move."""
    episode, game = played(), make_game(SPEC)
    kind, rules = type(game), type(game).step

    def step(self: Any, state: Records, actions: Any) -> engine.Step:
        out = rules(self, state, actions)
        state["rng"] += np.uint64(1)
        return out

    monkeypatch.setattr(kind, "step", step)
    with pytest.raises(ValueError, match="does not reach the end that it names: the file was changed, or the rules"):
        play_again(episode)


def test_a_cut_off_line_is_left_out_and_a_bad_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    append(path, played(), played(num_turns=2))
    whole = path.read_bytes()
    for cut in (1, 40, len(whole.splitlines()[1])):
        path.write_bytes(whole[:-cut])
        assert list(read(path)) == [played()]
    deep = whole.splitlines()[0][:-1] + b',"more":' + b"[" * 100_000 + b"\n"
    odd = b'{"settings":{"level":[[]]},' + whole.splitlines()[0].replace(b'"settings":', b'"notes":', 1)[1:] + b"\n"
    for bad in (deep, odd, b"{}\n", b"hello\n", b"\xff\xfe\n", b"\n", b'{"player":1}\n'):
        path.write_bytes(whole + bad)
        with pytest.raises(ValueError, match=r"some\.jsonl, line 3, is no episode"):
            list(read(path))


def test_the_answer_taken_is_one_of_those_tried(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="answer 2 of 1"):
        Turn([Try(0)], 2)
    path = tmp_path / "some.jsonl"
    append(path, played())
    path.write_text(path.read_text().replace("],1]", "],7]", 1))
    with pytest.raises(ValueError, match="line 1, is no episode: answer 7 of 2"):
        list(read(path))


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.jsonl"
    replay.replace(path, played(num_turns=1))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            replay.replace(path, played(num_turns=2))
    assert list(read(path)) == [played(num_turns=1)]
    replay.replace(path, played(num_turns=2))
    assert list(read(path)) == [played(num_turns=2)]
