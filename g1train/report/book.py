"""What a game looks like, for a page that draws its frames by itself: words, layout, and the sprites as PNG.

    states ──use──▶ which sprites are needed ──as_data──▶ {"words", "layout", "background", "sheets", "distractors"}
           ──frames──▶ the numbers of a frame: its sprites grid by grid, and the two halves of the seed of what else

What a level adds (offsets, marks, noise) follows from the hash of the board (`engine.render.frame.dress`), so the page
draws it from that seed as the engine does. Only sprites that some frame shows are kept, and numbered anew: of a
thousand photographs a report needs few.
"""

import base64
import io
import math
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.game import state_hash
from engine.games.grid import GridGame
from native.state import Records


class Book:
    """One game at its settings. All states go through `use` before the first `frames`."""

    def __init__(self, game: GridGame) -> None:
        self.game = game
        self._used = {grid.name: np.empty(0, np.int64) for grid in game.layout.grids if not grid.overlay}

    def use(self, states: Records) -> None:
        """Keep what these states show."""
        draws = self.game.sprites(states)
        for name, used in self._used.items():
            self._used[name] = np.union1d(used, draws[name])

    def frames(self, states: Records) -> list[list[int]]:
        """The numbers of each frame; the seed, its lower half first, only where a level adds something."""
        layout, draws = self.game.layout, self.game.sprites(states)
        columns = [np.searchsorted(used, draws[name]).reshape(len(states), -1) for name, used in self._used.items()]
        if layout.noise or any(grid.jitter or grid.overlay for grid in layout.grids):
            columns.append(state_hash(states)[:, None].view("<u4").astype(np.int64))
        return np.concatenate(columns, axis=1).tolist()  # type: ignore[no-any-return]

    def as_data(self) -> dict[str, Any]:
        """What the page needs to know of the game."""
        game, atlas = self.game, self.game.atlas
        return {
            "name": game.name,
            "settings": game.settings,
            "rows": game.rows,
            "cols": game.cols,
            "words": list(game.cell_words),
            "prompt": game.prompt,
            "layout": msgspec.to_builtins(game.layout),
            "background": _png(atlas.background),
            "sheets": {
                name: _sheet(sprites[self._used[name]] if name in self._used else sprites)
                for name, sprites in atlas.sprites.items()
            },
            "distractors": game.settings["distractors"],
        }


def _sheet(sprites: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """Sprites [S, height, width, 3] side by side, `across` in a row: a square rather than a ribbon."""
    num, height, width, _ = sprites.shape
    across = math.isqrt(num - 1) + 1
    down = -(-num // across)
    sheet = np.zeros((down * across, height, width, 3), np.uint8)
    sheet[:num] = sprites
    rows = sheet.reshape(down, across, height, width, 3).swapaxes(1, 2)
    return {"png": _png(rows.reshape(down * height, across * width, 3)), "across": across}


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    """Opaque, without a colour profile, in base64: a page reads back the same bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
