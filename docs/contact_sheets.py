"""Draw docs/images/<game>-<axis>.png: each game at each of its levels, for the documentation and for looking at.

python docs/contact_sheets.py
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pygame

import engine
from engine import levels
from engine.catalog import catalog

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT, GAP, CAPTION = 208, 260, 16, 26  # of a picture: 672 x 840 made smaller
BACK, INK = (250, 248, 244), (70, 64, 58)
START_MOVES = {"2048": 60, "shisen": 150}
Pixels = npt.NDArray[np.uint8]


def thumbnail(game: str, level: str) -> pygame.Surface:
    """One frame of a game at a level, as large as fits into WIDTH x HEIGHT."""
    made = engine.make(game, level=level)
    frame = made.render(engine.start_states(made, [2], START_MOVES.get(game, 0)))[0]
    picture = pygame.image.frombytes(frame.tobytes(), (frame.shape[1], frame.shape[0]), "RGB")
    area = picture.get_rect().fit(pygame.Rect(0, 0, WIDTH, HEIGHT))
    small = pygame.transform.smoothscale(picture, area.size)
    if made.settings["noise"]:  # five bits a channel are enough for it and make a small file
        pixels = pygame.surfarray.pixels3d(small)
        pixels[:] = pixels & 0xF8 | pixels >> 5
    return small


def sheet(game: str, axis: str, names: list[str]) -> pygame.Surface:
    """The levels of an axis side by side, each with its name below."""
    pygame.font.init()
    font = pygame.font.Font(None, 22)
    size = GAP + len(names) * (WIDTH + GAP), 2 * GAP + HEIGHT + CAPTION
    paper = pygame.Surface(size)
    paper.fill(BACK)
    for index, name in enumerate(names):
        left = GAP + index * (WIDTH + GAP)
        paper.blit(thumbnail(game, f"{axis}:{name}"), (left, GAP))
        paper.blit(font.render(f"{axis}: {name}", True, INK), (left, GAP + HEIGHT + 10))
    return paper


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for entry in catalog():
        for axis in levels.AXES:
            if len(names := list(entry.levels[axis])) > 1:
                path = IMAGES / f"{entry.name}-{axis}.png"
                pygame.image.save(sheet(entry.name, axis, names), path)
                print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
