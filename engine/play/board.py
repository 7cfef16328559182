"""The frame that a model sees, and above it what it says of it: marks, its words cell by cell, its action.

┌─────┬─────┐
│     │     │   a cell that it reads right bears its words in a dark label,
│ (2) │ [8] │   one that it reads wrong in a red one, with a red border
├─────┼─────┤
│  ───────▶ │   an action: an arrow, or its cells with a line between them
└─────┴─────┘
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.game import Game
from engine.games.answers import action_cells
from engine.play.paint import BACK, CURSOR, TEXT, WRONG, Colour, fill, font, printable, pygame, write_into

Cell = tuple[int, int]
DIRECTIONS = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}  # (x, y)


@dataclass(frozen=True, slots=True)
class Seen:
    """A perception: the words for each cell, row by row, and which of them are wrong [rows, cols]."""

    words: list[list[str]]
    wrong: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fit:
    """A frame of size (width, height) shown in an area of a surface; `boxes` [rows, cols, 4] as in `Layout.boxes`."""

    area: pygame.Rect
    size: tuple[int, int]
    boxes: npt.NDArray[np.int64]

    def box(self, row: int, col: int) -> pygame.Rect:
        """Where a cell is."""
        return self._place(self.boxes[row, col])

    @property
    def board(self) -> pygame.Rect:
        """Where all cells are."""
        return self._place(np.concatenate([self.boxes[0, 0, :2], self.boxes[-1, -1, 2:]]))

    def cell_at(self, place: tuple[int, int]) -> Cell | None:
        """The cell under a place of the surface."""
        x = (place[0] - self.area.left) * self.size[0] / self.area.width
        y = (place[1] - self.area.top) * self.size[1] / self.area.height
        top, left, bottom, right = (self.boxes[..., side] for side in range(4))
        found = np.argwhere((top <= y) & (y < bottom) & (left <= x) & (x < right))
        return (int(found[0][0]), int(found[0][1])) if len(found) else None

    def _place(self, sides: npt.NDArray[np.int64]) -> pygame.Rect:
        top, left, bottom, right = (sides * (self.area.width / self.size[0])).tolist()
        return pygame.Rect(self.area.left + left, self.area.top + top, right - left, bottom - top)


def boxes_of(game: Game) -> npt.NDArray[np.int64]:
    """Where each cell lies on the frame, as `Layout.boxes`; the whole frame as one cell where a game has none."""
    return game.layout.boxes() if game.offers("layout") else np.array([[[0, 0, *game.frame_size]]])


def draw_frame(surface: pygame.Surface, fit: Fit, pixels: npt.NDArray[np.uint8]) -> None:
    """The frame untouched, enlarged or made smaller to fit."""
    picture = pygame.image.frombuffer(pixels.tobytes(), fit.size, "RGB")
    enlarge = pygame.transform.scale if fit.area.width >= 2 * fit.size[0] else pygame.transform.smoothscale
    surface.blit(enlarge(picture, fit.area.size), fit.area)


def draw_marks(surface: pygame.Surface, fit: Fit, marks: Sequence[tuple[Cell, Colour]]) -> None:
    """Outlines of cells."""
    for (row, col), colour in marks:
        inset = 5 if colour == CURSOR else 0  # so that it can be seen inside the others
        box = fit.box(row, col).inflate(-2 * inset, -2 * inset)
        pygame.draw.rect(surface, colour, box, 5, border_radius=8)


def draw_words(surface: pygame.Surface, fit: Fit, words: Sequence[Sequence[str]]) -> None:
    """A text that says what each cell is, in place of the cells."""
    fill(surface, fit.board, BACK, 225)
    for row, line in enumerate(words):
        for col, some in enumerate(line):
            write_into(surface, fit.box(row, col), some)


def draw_wrong(surface: pygame.Surface, fit: Fit, seen: Seen) -> None:
    """Red borders around cells that are read wrong."""
    for row, col in np.argwhere(seen.wrong).tolist():
        box = fit.box(row, col)
        fill(surface, box, WRONG, 36)
        pygame.draw.rect(surface, WRONG, box, max(3, box.width // 28))


def draw_labels(surface: pygame.Surface, fit: Fit, seen: Seen) -> None:
    """The words for each cell at its foot, all as large as fits for the longest."""
    cell, words = fit.box(0, 0), [[printable(some) for some in line] for line in seen.words]
    size = max(9, min(18, cell.height // 6))
    while size > 9 and max(font(size).size(some)[0] for line in words for some in line) > cell.width - 12:
        size -= 1
    for row, line in enumerate(words):
        for col, some in enumerate(line):
            _label(surface, fit.box(row, col), font(size).render(some, True, TEXT), bool(seen.wrong[row, col]))


def _label(surface: pygame.Surface, box: pygame.Rect, drawn: pygame.Surface, wrong: bool) -> None:
    label = drawn.get_rect().inflate(10, 6).clip(pygame.Rect(-5, -3, box.width, box.height))
    label.midbottom = (box.centerx, box.bottom - max(3, box.height // 24))
    fill(surface, label, WRONG if wrong else BACK, 255 if wrong else 185, radius=5)
    surface.set_clip(box)
    surface.blit(drawn, drawn.get_rect(center=label.center))
    surface.set_clip(None)


def draw_move(surface: pygame.Surface, fit: Fit, game: Game, action: int, colour: Colour, rank: int) -> None:
    """An action, if it is cells or a direction; `rank` 0 lies above, 1 shows around it where both are alike."""
    cells = action_cells(action, game.cells_per_action, game.rows, game.cols) if game.offers("layout") else []
    boxes = [fit.box(*cell) for cell in cells]
    if len(boxes) == 2:
        _connect(surface, boxes[0], boxes[1], colour, rank)
    for box in boxes:
        pygame.draw.rect(surface, colour, _grown(box, rank), 6, border_radius=8)
    if not game.cells_per_action and (way := DIRECTIONS.get(game.action_text(action))):
        _arrow(surface, fit.board, way, colour, rank)


def _grown(box: pygame.Rect, rank: int) -> pygame.Rect:
    return box.inflate(12 * rank - 6, 12 * rank - 6)


def _connect(surface: pygame.Surface, first: pygame.Rect, second: pygame.Rect, colour: Colour, rank: int) -> None:
    pygame.draw.line(surface, colour, first.center, second.center, 6 + 8 * rank)
    for box in (first, second):
        pygame.draw.aacircle(surface, colour, box.center, 9 + 5 * rank)


def _arrow(surface: pygame.Surface, board: pygame.Rect, way: tuple[int, int], colour: Colour, rank: int) -> None:
    """An arrow from the middle of the board, half of what lies below showing through."""
    unit, wide = min(board.size) / 2, 8 * rank
    outline = [(0.06, -0.06), (0.5, -0.06), (0.5, -0.17), (0.82, 0), (0.5, 0.17), (0.5, 0.06), (0.06, 0.06)]
    angle = math.atan2(way[1], way[0])
    turn = [(x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)) for x, y in outline]
    points = [(board.width / 2 + x * unit, board.height / 2 + y * unit) for x, y in turn]
    veil = pygame.Surface(board.size, pygame.SRCALPHA)
    if wide:
        pygame.draw.lines(veil, (*colour, 255), True, points, wide)
    else:
        pygame.draw.polygon(veil, (*colour, 170), points)
        pygame.draw.aalines(veil, TEXT, True, points)
    surface.blit(veil, board)
