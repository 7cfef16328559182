"""The game engine: batches of visual games as arrays, with no torch, no display and no global state.

    import engine
    game = engine.make("2048")
    state = game.reset([0, 1, 2])
    out = game.step(state, [0, 1, 2])
    frame = game.render(state)

engine/games/core.py says what a game is; engine/games/ holds one file a game. Gymnasium, wherever it is imported too,
makes each by its name g1/<game>-v0.
"""

from engine.game import Game, Step, branch, game_names, make, split_of, start_states, state_hash
from engine.game import register as _register
from engine.gym import names as gymnames

__all__ = ["Game", "Step", "branch", "game_names", "make", "register", "split_of", "start_states", "state_hash"]


def register(name: str, module: str) -> None:
    """Make a game from outside known, to Gymnasium as g1/<name>-v0; see engine/game.py. ValueError for a name that is
    taken by another module."""
    _register(name, module)
    gymnames.register_when_imported([name])


gymnames.register_when_imported(game_names())
