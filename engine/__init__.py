"""The game engine: batches of visual games as arrays, with no torch, no display and no global state.

    import engine
    game = engine.make("2048")
    state = game.reset([0, 1, 2])
    out = game.step(state, [0, 1, 2])
    frame = game.render(state)

engine/game.py says what a game is; engine/games/ holds one file a game. Gymnasium, wherever it is imported too, makes
each by its name g1/<game>-v0.
"""

from engine.game import Game, Step, branch, game_names, make, split_of, start_states, state_hash
from engine.gym import names as gymnames

__all__ = ["Game", "Step", "branch", "game_names", "make", "split_of", "start_states", "state_hash"]

gymnames.register_when_imported(game_names())
