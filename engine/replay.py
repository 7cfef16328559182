"""Replays: what was played, small enough to keep and exact enough to be played again, by people, models and players.

    {"player":"oracle","game":"2048","settings":{"tile_px":28},"start":{"seed":3},"turns":[[[[3]]],[[[0]]]], ...}

A file is JSON Lines, one episode a line, so that it grows by appending and a line cut off by a kill is told from the
rest. An episode is a game with its settings, where it started, and at each state the answers that were tried and which
of them was played on with: one in an episode, all siblings' in a group of training. Boards, frames, truth and rewards
are not kept: they follow from playing it again, and the hashes of the first and last state prove that they do.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

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

    @property
    def spec(self) -> GameSpec:
        return GameSpec(self.game, self.settings)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Episode)


def append(path: Path, *episodes: Episode) -> None:
    """Add episodes to a file, which is made if it is not there. On the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(_encoder.encode(episode) + b"\n" for episode in episodes))
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> Iterator[Episode]:
    """The episodes of a file, less a last line that a kill cut off. Raises `ValueError` naming any other bad line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"{path}, line {number}, is no episode: {error}") from error


def play_again(episode: Episode) -> tuple[Game, Records]:
    """The game, and its states [turns + 1] from the start to the end.

    Raises `ValueError` if they are not those that were played, by the hashes: the file was changed, or the rules were.
    """
    game = make_game(episode.spec)
    states = [start_record(game, episode.start)]
    for turn in episode.turns:
        states.append(states[-1].copy())
        game.step(states[-1], [turn.tries[turn.taken].action])
    played = np.concatenate(states)
    found = state_hash(played[[0, -1]], rng=True).tolist()
    if found != [episode.start_hash, episode.end_hash]:
        where = "start" if found[0] != episode.start_hash else "end"
        raise ValueError(f"the replay of {episode.game} by {episode.player} does not reach the {where} that it names")
    return game, played
