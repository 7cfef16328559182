"""What it costs to look at records before a kernel does: `Game.check` alone, beside the step that it guards.

python benchmarks/door.py [--save]
"""

import numpy as np
from common import Row, median_s, one_core, report

import engine

SIZES = (1, 4096)
CALLS = {1: 2000, 4096: 50}


def measure(name: str, num: int) -> Row:
    """Microseconds a call at the paper's settings; the step is of unreadable answers, the cheapest there is."""
    game = engine.make(name)
    state, actions = game.reset(range(num)), np.full(num, -1)

    def check() -> None:
        for _ in range(CALLS[num]):
            game.check(state, writable=True)

    def step() -> None:
        for _ in range(CALLS[num]):
            game.step(state, actions)

    checked, stepped = (seconds / CALLS[num] * 1e6 for seconds in median_s(check, step))
    each = checked / num * 1e3 if num > 1 else None
    return {
        "game": name, "games at once": num, "us a check": checked, "ns a record": each, "us a step": stepped,
    }  # fmt: skip


def main() -> None:
    one_core()
    rows = [measure(name, num) for name in engine.game_names() for num in SIZES]
    report("door", "The door: looking at records before kernels do, one core", rows)


if __name__ == "__main__":
    main()
