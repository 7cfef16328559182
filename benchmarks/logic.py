"""Steps a second of each game's rules on one core, through `game.step`, checks and outputs included.

    python benchmarks/logic.py [--save]

2048 takes fresh random actions, legal or not, as in random play; the others legal ones, found beforehand. No game is
over while it is measured: an ended game costs next to nothing and would flatter the number.
"""

import numpy as np
from common import Row, median_s, one_core, report

import engine
from engine.game import Game
from native.state import Records

SIZES = (1, 4096, 65536)
TURNS = {1: 16, 4096: 8, 65536: 8}
START_MOVES = {"2048": 10}
Actions = list[np.ndarray[tuple[int], np.dtype[np.int64]]]


def legal_actions(game: Game, state: Records, num_turns: int, rng: np.random.Generator) -> Actions:
    """A random legal action for each game and turn, played on a copy."""
    state, turns = state.copy(), []
    for _ in range(num_turns):
        chosen = np.empty(len(state), np.int64)
        for start in range(0, len(state), 1024):  # masks of pair games are large
            mask = game.legal(state[start : start + 1024])
            chosen[start : start + 1024] = np.argmax(mask * rng.random(mask.shape, np.float32), axis=1)
        game.step(state, chosen)
        turns.append(chosen)
    return turns


def measure(name: str, num: int) -> Row:
    """Steps a second of `num` games at the paper's settings."""
    game, rng = engine.make(name), np.random.default_rng(1)
    start = engine.start_states(game, range(num), START_MOVES.get(name, 0))
    if game.cells_per_action == 0:
        turns = [rng.integers(0, game.num_actions, num) for _ in range(TURNS[num])]
    else:
        turns = legal_actions(game, start, TURNS[num], rng)
    state = start.copy()

    def restore() -> None:
        state[:] = start

    def play() -> None:
        for actions in turns:
            game.step(state, actions)

    (seconds,) = median_s(play, before=restore)
    share = float(np.mean(state["ended"] != 0))
    rate = num * len(turns) / seconds
    return {
        "game": name, "games at once": num, "steps/s": rate, "us a call": seconds / len(turns) * 1e6,
        "share over": share, "actions": "random" if game.cells_per_action == 0 else "legal",
    }  # fmt: skip


def main() -> None:
    one_core()
    rows = [measure(name, num) for name in engine.game_names() for num in SIZES]
    report("logic", "Rules: steps a second, one core", rows)


if __name__ == "__main__":
    main()
