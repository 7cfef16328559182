"""How to make a game, and where play begins. What a game is stands in engine/games/core.py and grid.py.

    make("2048", level="hard", rows=3) ──▶ Game ──start_states(seeds, num_moves, split)──▶ state

A game from outside is made known by `register("mines", "my.package.mines")`, or to every process of a run by the
variable G1_GAMES="mines=my.package.mines,...". Its module has what each under engine/games/ has: `LEVELS`, a struct
`Settings`, and `make(settings)`.
"""

import importlib
import os
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from engine.checks import Integers as Integers
from engine.checks import check_moves, check_seeds
from engine.games.core import UNREADABLE as UNREADABLE
from engine.games.core import Game as Game
from engine.games.core import Step as Step
from engine.games.core import near_best as near_best
from engine.legal_play import play_to_some_depth
from engine.levels import known, settings_of
from engine.states import branch as branch
from engine.states import split_of as split_of
from engine.states import state_hash as state_hash
from native import state as records
from native.state import Records

REGISTRY = {"2048": "engine.games.g2048", "shisen": "engine.games.shisen", "swap": "engine.games.swap"}
MAX_ATTEMPTS = 1000  # sub-seeds tried for one start state

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


def game_names() -> list[str]:
    """Names that `make` knows."""
    return sorted(REGISTRY)


def register(name: str, module: str) -> None:
    """Make a game from outside known here, `module` by its dotted name; ValueError for a name that is taken."""
    if REGISTRY.setdefault(name, module) != module:
        raise ValueError(f"the name {name!r} is taken by {REGISTRY[name]}; choose another for {module}")


def _register_all(pairs: str) -> None:
    """Games of the variable G1_GAMES: `name=module`, separated by commas."""
    for pair in filter(None, pairs.split(",")):
        name, equals, module = (part.strip() for part in pair.partition("="))
        if not (name and equals and module):
            raise ValueError(f"G1_GAMES has {pair!r}; expected name=module, such as mines=my.package.mines")
        register(name, module)


def make(name: str, /, *, level: str = "normal", **settings: Any) -> Game:
    """The game `name` at a difficulty (engine/levels.py); explicit settings override the level's.

    Raises ValueError for an unknown name, level or setting (naming the nearest known one) and for a bad value.
    """
    module = importlib.import_module(REGISTRY[known("game", name, REGISTRY)])
    game: Game = module.make({**settings_of(level, module.LEVELS), **settings})
    return game


def resolve(kind: type[SettingsT], settings: dict[str, Any]) -> SettingsT:
    """`settings` as a checked struct; ValueError on unknown names and values of a wrong type or range."""
    for name in settings:
        known("setting", name, kind.__struct_fields__)
    try:
        return msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"bad setting: {error}; got {settings}") from error


def start_states(
    game: Game,
    seeds: Integers,
    num_moves: int,
    split: Literal["train", "eval"] | None = None,
    play: Literal["random", "legal"] = "random",
) -> Records:
    """States [N] after `num_moves` random moves, none of them over; with `split`, all on that side of `split_of`.

    With play="legal" every depth of a game is met: moves are legal, and how many follows from the seed, evenly from 0
    to where that very game ends or `num_moves` is reached.

    The side is that of `Game.position_hash`, so what a frame hides counts. What does not fit is drawn again from the
    next sub-seed, so a seed's state does not depend on the batch it is in. Raises ValueError if some seed finds none,
    as on a board too small for that many moves.
    """
    if split not in (None, "train", "eval"):
        raise ValueError(f"split {split!r} is not None, 'train' or 'eval'")
    if play not in ("random", "legal"):
        raise ValueError(f"play {play!r} is not 'random' or 'legal'")
    wanted, moves = check_seeds(seeds), check_moves(num_moves)
    state = np.zeros(len(wanted), game.dtype)
    pending = np.arange(len(wanted))
    for attempt in range(MAX_ATTEMPTS):
        drawn = np.empty(len(pending), np.uint64)
        records.sub_seeds(wanted[pending], np.uint64(attempt), drawn)
        fresh = game.reset(drawn)
        if play == "legal":
            play_to_some_depth(game, fresh, drawn, moves)
        else:
            game.play_random(fresh, moves)
        good = fresh["ended"] == 0
        if split is not None:
            good &= split_of(game.position_hash(fresh)) == split
        state[pending[good]] = fresh[good]
        pending = pending[~good]
        if not len(pending):
            return state
    raise ValueError(f"no state of {game.name} is left after {num_moves} random moves; ask for fewer moves")


_register_all(os.environ.get("G1_GAMES", ""))
