"""Frames a second on one core, beside memcpy of as many bytes in the same run, both into memory that no cache holds.

    python benchmarks/frames.py [--save]

`memory` is what `render(out=...)` allocates at its peak: far less than a frame, whatever the batch.
"""

import tracemalloc

import numpy as np
from common import Row, median_s, one_core, report

import engine
from engine.levels import NAMES

NUM_FRAMES = 128  # 217 MB at 672 x 840


def measure(name: str, level: str) -> Row | None:
    """Frames of a game at a level of perception; None if it has no such level."""
    try:
        game = engine.make(name, level=f"perception:{level}")
    except ValueError:
        return None
    state = engine.start_states(game, range(NUM_FRAMES), 10)
    frames = np.zeros((NUM_FRAMES, game.atlas.height, game.atlas.width, 3), np.uint8)
    source = np.ones_like(frames)
    render_s, copy_s = median_s(lambda: game.render(state, out=frames), lambda: np.copyto(frames, source))
    tracemalloc.start()
    game.render(state, out=frames)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "game": name, "level": level, "size": f"{game.atlas.width}x{game.atlas.height}",
        "frames/s": NUM_FRAMES / render_s, "GB/s": frames.nbytes / render_s / 1e9,
        "memcpy GB/s": frames.nbytes / copy_s / 1e9, "of memcpy": copy_s / render_s, "memory kB": peak / 1000,
        "bytes a record": game.draw_dtype.itemsize,
    }  # fmt: skip


def main() -> None:
    one_core()
    found = [measure(name, level) for name in engine.game_names() for level in NAMES]
    report("frames", "Frames: pixels a second beside memcpy, one core", [row for row in found if row is not None])


if __name__ == "__main__":
    main()
