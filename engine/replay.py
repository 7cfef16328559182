"""Replays: what was played, small enough to keep and exact enough to be played again, by people, models and players.

    {"player":"oracle","game":"2048","settings":{"tile_px":28},"start":{"seed":3},"turns":[[[[3]]],[[[0]]]], ...}

A file is JSON Lines, one episode a line, so that it grows by appending and a line cut off by a kill is told from the
rest. An episode is a game with its settings, where it started, and at each state the answers that were tried and which
of them was played on with: one in an episode, all siblings' in a group of training. Boards, frames, truth and rewards
are not kept: they follow from playing it again, and the hashes of the first and last state prove that they do.

    people        engine/play/session.py replaces its file after each move      ┐
    evaluations   append as episodes end                                        ├──▶ read ──▶ play_again ──▶ states
    training      g1train/run/rollouts.py makes them from a run's rollouts      ┘
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.answer import action_of, parse
from engine.game import Game, state_hash
from engine.start import make_game, start_record
from engine.ticket import GameSpec, Start
from native.state import Records


class Try(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One answer to a state: its action (-1 if it was unreadable), and what was said where that is known.

    `num_tokens` and `cut` (by the budget) are 0 and false where no model spoke.
    """

    action: int
    text: str | None = None
    num_tokens: int = 0
    cut: bool = False


class Turn(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The answers tried at one state, and the place of the one with which play went on."""

    tries: list[Try]
    taken: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.taken < len(self.tries):
            raise ValueError(f"answer {self.taken} of {len(self.tries)} cannot be the one that was taken")

    @property
    def action(self) -> int:
        """What was played."""
        return self.tries[self.taken].action


class Episode(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a file. `start_hash` and `end_hash` are `state_hash(state, rng=True)` of the first and last state;
    `score` is the points gained in between. `notes` is whatever else its writer knows: temperature, step, seconds."""

    player: str
    game: str
    settings: dict[str, Any]
    start: Start
    turns: list[Turn]
    start_hash: int
    end_hash: int
    score: int = 0
    notes: dict[str, Any] = {}

    def __post_init__(self) -> None:
        for name, value in self.settings.items():
            if not isinstance(value, bool | int | float | str | None):
                raise ValueError(f"the setting {name!r} is {value!r}, which no setting can be")

    @property
    def spec(self) -> GameSpec:
        return GameSpec(self.game, self.settings)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Episode)


def make_episode(
    player: str, spec: GameSpec, start: Start, turns: Sequence[Turn], notes: dict[str, Any] | None = None
) -> Episode:
    """An episode from what was answered; hashes and score follow from playing it. Raises `ValueError` if it cannot."""
    game = make_game(spec)
    states = _play(game, start, turns)
    first, last = state_hash(states[[0, -1]], rng=True).tolist()
    gained = _gained(states)
    return Episode(player, game.name, game.settings, start, list(turns), first, last, gained, notes or {})


def append(path: Path, *episodes: Episode) -> None:
    """Add episodes to a file, which is made if it is not there. On the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(_lines(episodes))
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, *episodes: Episode) -> None:
    """Make a file anew with these episodes: whoever reads it finds all of the old one or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_bytes(_lines(episodes))
    os.replace(unfinished, path)


def _lines(episodes: Iterable[Episode]) -> bytes:
    short = [msgspec.structs.replace(episode, turns=[_short(turn) for turn in episode.turns]) for episode in episodes]
    return b"".join(_encoder.encode(episode) + b"\n" for episode in short)


def _short(turn: Turn) -> list[Any]:
    """As it is written: without what is as usual. msgspec reads that, but writes arrays in full."""
    tries = [[one.action] if one == Try(one.action) else one for one in turn.tries]
    return [tries, turn.taken] if turn.taken else [tries]


def read(path: Path) -> Iterator[Episode]:
    """The episodes of a file, less a last line that a kill cut off. Raises `ValueError` naming any other bad line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise ValueError(f"{path}, line {number}, is no episode: {error}") from error


def play_again(episode: Episode) -> tuple[Game, Records]:
    """The game, and its states [turns + 1] from the start to the end.

    Raises `ValueError` if they are not those that were played, by the hashes, the score and what the texts mean: the
    file was changed, or the rules were.
    """
    whose = f"the replay of {episode.game} by {episode.player}"
    try:
        game = make_game(episode.spec)
        states = _play(game, episode.start, episode.turns)
    except (ValueError, TypeError, OverflowError) as error:  # of the latter what no game takes for a setting or a seed
        raise ValueError(f"{whose} cannot be played: {error}") from error
    found = state_hash(states[[0, -1]], rng=True).tolist()
    if found != [episode.start_hash, episode.end_hash] or _gained(states) != episode.score:
        where = "start" if found[0] != episode.start_hash else "end"
        raise ValueError(f"{whose} does not reach the {where} that it names: the file was changed, or the rules were")
    for number, turn in enumerate(episode.turns, 1):
        if not all(_means(game, tried) for tried in turn.tries):
            raise ValueError(f"{whose} has in turn {number} an answer that does not mean the action beside it")
    return game, states


def _means(game: Game, tried: Try) -> bool:
    """Is the action one of the game's, and that of the text where there is one?"""
    if tried.text is None:
        return -1 <= tried.action < game.num_actions
    return action_of(game, parse(tried.text)) == tried.action


def _play(game: Game, start: Start, turns: Iterable[Turn]) -> Records:
    """The states [turns + 1] that answers lead through."""
    states = [start_record(game, start)]
    for turn in turns:
        states.append(states[-1].copy())
        game.step(states[-1], [turn.action])
    return np.concatenate(states)


def _gained(states: Records) -> int:
    return int(states["score"][-1]) - int(states["score"][0])
