"""What a ticket says in numbers, as a game and its records: where play begins."""

import functools
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from engine import ticket as tickets
from engine.game import Game, make, start_states
from native.state import Records


@functools.lru_cache(maxsize=64)
def _make(name: str, settings: bytes) -> Game:
    return make(name, **msgspec.json.decode(settings))


def make_game(spec: tickets.GameSpec) -> Game:
    """The game of a spec, made once. Raises `ValueError` for an unknown game or setting."""
    return _make(spec.name, msgspec.json.encode(spec.settings, order="deterministic"))


def restore(game: Game, data: bytes) -> Records:
    """record[1] from bytes, which may come from anywhere. Raises `ValueError` for what is no position of this game."""
    return restore_all(game, [data])


def restore_all(game: Game, data: Sequence[bytes]) -> Records:
    """record[N], each from its bytes; `ValueError` if one of them is no position of this game."""
    if any(len(one) != game.dtype.itemsize for one in data):
        sizes = sorted({len(one) for one in data})
        raise ValueError(f"{sizes} bytes are no record of {game.name}, which has {game.dtype.itemsize}")
    state = np.frombuffer(b"".join(data), dtype=game.dtype).copy()
    game.verify(state)
    return state


def start_record(game: Game, start: tickets.Start) -> Records:
    """record[1] where play begins."""
    return start_records(game, [start])


def start_records(game: Game, starts: Sequence[tickets.Start]) -> Records:
    """record[N] where N plays begin; seeds with the same number of moves and split are drawn in one call."""
    records = np.zeros(len(starts), game.dtype)
    together: dict[tuple[int, tickets.Split], list[int]] = defaultdict(list)
    for number, start in enumerate(starts):
        if start.record:
            records[number] = restore(game, start.record)[0]
        else:
            together[start.num_moves, start.split].append(number)
    for (num_moves, split), numbers in together.items():
        seeds = tickets.as_seeds([starts[number].seed for number in numbers])
        records[numbers] = start_states(game, seeds, num_moves, split=None if split == "any" else split)
    return records
