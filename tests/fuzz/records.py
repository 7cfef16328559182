"""Whatever bytes a record has, no method of a game touches other memory: it raises ValueError or returns.

python -m tests.fuzz.records ROUNDS [SEED [GAME]]

Every public method of every game that takes a state is found by its signature, so a new one is tried too. A crash ends
this process by a signal; with NUMBA_DISABLE_JIT=1, or NUMBA_BOUNDSCHECK=1 and an empty NUMBA_CACHE_DIR, an index out of
bounds is an IndexError that nothing here catches.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import engine
from engine import facts
from engine.game import Game
from native.state import Records

GAMES: list[tuple[str, dict[str, Any]]] = [
    ("2048", {}),
    ("2048", {"rows": 3, "cols": 2, "strip": False, "level": "extreme"}),
    ("2048", {"strive": "points"}),
    ("shisen", {"rows": 4, "cols": 4, "level": "perception:hard"}),
    ("shisen", {"rows": 4, "cols": 5, "tiles": "icons", "pictures_per_class": 3, "max_turns": 3, "strip": False}),
    ("shisen", {"rows": 12, "cols": 16, "max_turns": 1}),
    ("swap", {"rows": 4, "cols": 4, "num_kinds": 2, "cascades": False}),
    ("swap", {"rows": 5, "cols": 9, "level": "perception:extreme"}),
    ("swap", {"rows": 12, "cols": 12, "strip": False}),
]
SLOW_CELLS = 64  # on a larger board of garbage, what searches once for each pair takes minutes
SLOW = ("near_optimal", "facts")
NUM = 3


def sized(game: Game, state: Records) -> Records:
    state["rows"], state["cols"] = game.rows, game.cols
    return state


def tidied(game: Game, state: Records) -> Records:
    """Nothing outside the board, where that is asked for: 2048's nibbles, Swap's bytes."""
    if game.name == "2048":
        cells = sum(15 << (16 * row + 4 * col) for row in range(game.rows) for col in range(game.cols))
        state["board"] &= np.uint64(cells)
    elif game.name == "swap":
        board = state["board"].copy().view(np.uint8).reshape(len(state), 2, -1, 8)
        board[:, :, game.rows :] = 0
        board[:, 0, :, min(game.cols, 8) :] = 0
        board[:, 1, :, max(game.cols - 8, 0) :] = 0
        state["board"] = board.reshape(len(state), 2, -1).view(np.uint64)
    return state


def anything(game: Game, rng: np.random.Generator) -> Records:
    size = NUM * game.dtype.itemsize
    values = rng.integers(0, int(rng.choice([2, 16, 256])), size, np.uint8)
    return np.frombuffer(values.tobytes(), game.dtype).copy()


def damaged(game: Game, rng: np.random.Generator) -> Records:
    state = game.reset(rng.integers(0, 2**32, NUM))
    game.play_random(state, 30)
    data = state.view(np.uint8)
    places = rng.integers(0, len(data), rng.integers(1, 40))
    data[places] = rng.integers(0, 256, len(places))
    return sized(game, state)


def set_by_hand(game: Game, rng: np.random.Generator) -> Records:
    state = game.reset(rng.integers(0, 2**32, NUM))
    name = str(rng.choice([name for name in game.dtype.names or () if name not in ("rows", "cols")]))
    state[name] = rng.choice([0, 1, 127, 128, 255])
    return state


def foreign(game: Game, rng: np.random.Generator) -> Records:
    """Records of another size of the same game."""
    others = [settings for name, settings in GAMES if name == game.name]
    other = engine.make(game.name, tile_px=28, **others[int(rng.integers(len(others)))])
    return other.reset(rng.integers(0, 2**32, NUM))


STATES: list[Callable[[Game, np.random.Generator], Records]] = [
    anything,
    lambda game, rng: sized(game, anything(game, rng)),
    lambda game, rng: tidied(game, sized(game, anything(game, rng))),
    damaged,
    lambda game, rng: tidied(game, damaged(game, rng)),
    set_by_hand,
    lambda game, rng: tidied(game, set_by_hand(game, rng)),
    foreign,
]


def methods(game: Game) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public method whose first argument is a state, and every function of the engine that takes a game's."""
    for name, _ in inspect.getmembers(type(game), callable):
        if not name.startswith("_") and next(iter(inspect.signature(getattr(game, name)).parameters), "") == "state":
            yield name, getattr(game, name)
    yield "facts", lambda state: [facts.facts(game, record) for record in state]
    yield "outcomes", lambda state, actions: facts.outcomes(game, state, actions)
    yield "state_hash", engine.state_hash
    yield "branch", lambda state: engine.branch(state, 2, rng="split")


def arguments(call: Callable[..., Any], game: Game, rng: np.random.Generator) -> list[Any]:
    """What a method takes beside the state, by the names of its arguments."""
    given = {"actions": rng.integers(-1, game.num_actions, NUM), "num_moves": int(rng.integers(0, 40))}
    given["action"] = given["actions"]
    return [given[name] for name in inspect.signature(call).parameters if name in given]


def try_all(game: Game, state: Records, rng: np.random.Generator) -> tuple[int, int]:
    """How many calls returned, and how many refused."""
    returned = refused = 0
    for name, call in methods(game):
        if name in SLOW and game.rows * game.cols > SLOW_CELLS:
            continue
        try:
            call(state.copy(), *arguments(call, game, rng))
            returned += 1
        except ValueError:
            refused += 1
    return returned, refused


def main(rounds: int, seed: int = 0, only: str = "") -> None:
    games = [engine.make(name, tile_px=28, **settings) for name, settings in GAMES if only in ("", name)]
    counts = np.zeros(2, np.int64)
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        game, kind = games[number % len(games)], STATES[number // len(games) % len(STATES)]
        counts += try_all(game, kind(game, rng), rng)
    print(f"{counts[0]} calls returned, {counts[1]} were refused")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    given = dict(enumerate(sys.argv))
    main(int(given[1]), int(given.get(2, 0)), given.get(3, ""))
