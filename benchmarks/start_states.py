"""Start states of one RL step as the paper has it: 128 boards after random play, with their frames, on one core.

    python benchmarks/start_states.py [--save]

The released code draws a frame at every random move: about 13 s (2048) and 140 s (Shisen-Sho) a step.
"""

import numpy as np
from common import Row, median_s, one_core, report

import engine

NUM_STATES = 128
MOVES = {"2048": 100, "shisen": 250}  # random moves before the state; else none


def measure(name: str) -> Row:
    """Seconds for the states and their frames, in memory that is there already as a trainer's is."""
    game, moves = engine.make(name), MOVES.get(name, 0)
    frames = np.zeros((NUM_STATES, game.atlas.height, game.atlas.width, 3), np.uint8)
    step = iter(range(10**6))

    def fresh_seeds() -> range:
        first = NUM_STATES * next(step)
        return range(first, first + NUM_STATES)

    states_s, both_s = median_s(
        lambda: engine.start_states(game, fresh_seeds(), moves),
        lambda: game.render(engine.start_states(game, fresh_seeds(), moves), out=frames),
    )
    return {
        "game": name, "random moves": moves, "states ms": states_s * 1e3, "with frames ms": both_s * 1e3,
        "frame": f"{game.atlas.width}x{game.atlas.height}",
    }  # fmt: skip


def main() -> None:
    one_core()
    rows = [measure(name) for name in engine.game_names()]
    report("start_states", f"Start states: {NUM_STATES} boards and frames, one core", rows)


if __name__ == "__main__":
    main()
