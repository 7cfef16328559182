"""The window of human play: the frame that a model would see, untouched, and beside it what only a person is told.

    ┌──────────────────────┬──────────────┐
    │                      │ 2048         │  title, level and seed
    │                      │ score moves  │  numbers
    │        frame         │ last move    │
    │                      │ hint         │  the oracle's action and its reason
    │                      │ [ buttons ]  │
    └──────────────────────┴──────────────┘

Cursor, chosen cell and hint are outlines above the frame; the truth text covers it while it is shown.
"""

import os
from dataclasses import dataclass, field
from functools import cache

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "g1-play")
import numpy as np
import numpy.typing as npt
import pygame as pygame  # play.py takes it from here, after its greeting was switched off

from engine.errors import ConnectError
from engine.games.core import Game
from engine.play.session import Session

Cell = tuple[int, int]
Colour = tuple[int, int, int]
BACK, PANEL, RAISED, HOVER = (46, 43, 40), (58, 54, 50), (78, 73, 67), (98, 92, 84)
TEXT, FAINT, ACCENT, GOOD, BAD = (242, 237, 228), (170, 161, 150), (240, 196, 84), (126, 204, 126), (240, 118, 100)
CURSOR, CHOSEN, HINTED = (40, 40, 44), (235, 64, 160), (20, 170, 90)
BUTTONS = (("hint", "Hint", "H"), ("undo", "Undo", "U"), ("truth", "Truth", "T"), ("new", "New", "N"))
HOW_TO_MOVE = (
    "arrows, digits or drag", "click a cell, or arrows and Enter", "click two cells, or arrows and Enter"
)  # fmt: skip
SMALLEST = (560, 420)
FRAME_PX = 600  # small frames are enlarged to about this


@dataclass(slots=True)
class View:
    """What is shown beside the game itself."""

    cursor: Cell | None = None
    chosen: Cell | None = None
    hinted: list[Cell] = field(default_factory=list)
    hint: str = ""
    message: str = ""
    good: bool = True
    truth: bool = False


UNSEEN = ("offscreen", "dummy")  # what SDL falls back on without a display: a window that nobody would see


class Screen:
    """A window that can be resized; `draw` shows a session, `cell_at` and `button_at` say what a click meant."""

    def __init__(self, session: Session) -> None:
        """Raises ConnectError where no window can be opened."""
        height, width = session.game.frame_size
        self._frame_size = width, height
        self._boxes = _boxes_of(session.game)
        self._buttons: dict[str, pygame.Rect] = {}
        try:
            pygame.display.init()
            pygame.font.init()
            self._window = pygame.display.set_mode(self._first_size(), pygame.RESIZABLE)
        except pygame.error as error:
            raise ConnectError(f"no window can be opened ({error}): play where there is a display") from error
        if pygame.display.get_driver() in UNSEEN and "SDL_VIDEODRIVER" not in os.environ:
            pygame.display.quit()
            raise ConnectError("no window can be opened: there is no display here (DISPLAY is not set)")
        pygame.display.set_caption(f"G1: {session.game.name}")
        pygame.key.set_repeat()

    def _first_size(self) -> tuple[int, int]:
        """The frame as it is, a small one enlarged, all of it within the desktop."""
        width, height = self._frame_size
        times = max(1, round(FRAME_PX / max(width, height)))
        desktop_width, desktop_height = pygame.display.get_desktop_sizes()[0]
        wanted = width * times + 340, height * times + 32
        scale = min(1.0, 0.9 * desktop_width / wanted[0], 0.9 * desktop_height / wanted[1])
        return max(SMALLEST[0], int(wanted[0] * scale)), max(SMALLEST[1], int(wanted[1] * scale))

    def draw(self, session: Session, view: View) -> None:
        """Show everything anew."""
        self._window = pygame.display.get_surface() or self._window
        self._window.fill(BACK)
        self._draw_frame(session, view)
        self._draw_panel(session, view)
        pygame.display.flip()

    def cell_at(self, place: tuple[int, int]) -> Cell | None:
        """The cell under a place of the window."""
        area = self._frame_area()
        x = (place[0] - area.left) * self._frame_size[0] / area.width
        y = (place[1] - area.top) * self._frame_size[1] / area.height
        top, left, bottom, right = (self._boxes[..., side] for side in range(4))
        found = np.argwhere((top <= y) & (y < bottom) & (left <= x) & (x < right))
        return (int(found[0][0]), int(found[0][1])) if len(found) else None

    def button_at(self, place: tuple[int, int]) -> str | None:
        """The name of the button under a place of the window."""
        return next((name for name, area in self._buttons.items() if area.collidepoint(place)), None)

    def _panel_area(self) -> pygame.Rect:
        width, height = self._window.get_size()
        panel = min(max(width * 3 // 10, 220), 340)
        return pygame.Rect(width - panel, 0, panel, height)

    def _frame_area(self) -> pygame.Rect:
        """Where the frame is shown: as large as fits, in its own proportions."""
        room = pygame.Rect(0, 0, self._panel_area().left, self._window.get_height()).inflate(-24, -24)
        return pygame.Rect(0, 0, *self._frame_size).fit(room)

    def _draw_frame(self, session: Session, view: View) -> None:
        self._draw_picture(session, view)
        board = self._on_window(self._boxes[0, 0, :2], self._boxes[-1, -1, 2:])
        if view.truth:
            self._shade(board, 225)
            self._write_truth(session, board)
        elif session.ended:
            self._shade(board, 170)
            self._write_into(board, f"Game over {session.score} points")

    def _draw_picture(self, session: Session, view: View) -> None:
        """The frame, and outlines of cells above it."""
        area = self._frame_area()
        pixels = session.game.render(session.state)[0]
        picture = pygame.image.frombuffer(pixels.tobytes(), self._frame_size, "RGB")
        enlarge = pygame.transform.scale if area.width >= 2 * self._frame_size[0] else pygame.transform.smoothscale
        self._window.blit(enlarge(picture, area.size), area)
        outlines = [(cell, HINTED) for cell in view.hinted]
        outlines += [(view.chosen, CHOSEN)] if view.chosen else []
        outlines += [(view.cursor, CURSOR)] if view.cursor else []
        for (row, col), colour in outlines:
            box = self._on_window(self._boxes[row, col, :2], self._boxes[row, col, 2:])
            inset = 5 if colour == CURSOR else 0  # so that it can be seen inside the others
            pygame.draw.rect(self._window, colour, box.inflate(-2 * inset, -2 * inset), 5, border_radius=8)

    def _write_truth(self, session: Session, board: pygame.Rect) -> None:
        """The truth, each cell in its place; in the middle where there are no cells."""
        truth = session.game.describe(session.state)[0]
        if not session.game.offers("layout"):
            self._write_into(board, truth)
            return
        for row, line in enumerate(truth.split("\n")):
            for col, words in enumerate(cells_of(line, session.game.cols)):
                self._write_into(self._on_window(self._boxes[row, col, :2], self._boxes[row, col, 2:]), words)

    def _on_window(self, top_left: npt.NDArray[np.int64], bottom_right: npt.NDArray[np.int64]) -> pygame.Rect:
        """A box of the frame, given by two corners (y, x), where it is shown."""
        area = self._frame_area()
        scale = area.width / self._frame_size[0]
        (top, left), (bottom, right) = (top_left * scale).tolist(), (bottom_right * scale).tolist()
        return pygame.Rect(area.left + left, area.top + top, right - left, bottom - top)

    def _shade(self, area: pygame.Rect, alpha: int) -> None:
        """Darken a part of the window."""
        shade = pygame.Surface(area.size, pygame.SRCALPHA)
        shade.fill((*BACK, alpha))
        self._window.blit(shade, area)

    def _write_into(self, area: pygame.Rect, text: str) -> None:
        """A few words in the middle of an area, each on a line of its own, as large as they fit."""
        words = text.split()
        widest = max(_font(40).size(word)[0] for word in words)
        size = max(8, int(min(40, area.height / (1.6 * len(words)), 40 * 0.9 * area.width / widest)))
        for index, word in enumerate(words):
            y = area.centery + int((index - (len(words) - 1) / 2) * size * 1.3)
            drawn = _font(size).render(word, True, TEXT)
            self._window.blit(drawn, drawn.get_rect(center=(area.centerx, y)))

    def _draw_panel(self, session: Session, view: View) -> None:
        area = self._panel_area()
        pygame.draw.rect(self._window, PANEL, area)
        inside = area.inflate(-36, -36)
        unit = max(13, min(20, inside.height // 38))
        y = self._write(inside.left, inside.top, session.game.name, unit * 2, ACCENT)
        y = self._write(inside.left, y, f"level {session.level} · seed {session.seed}", unit, FAINT, inside.width)
        y = self._draw_numbers(session, pygame.Rect(inside.left, y + unit // 2, inside.width, unit * 3), unit)
        y = self._write(inside.left, y + unit, view.message, unit, GOOD if view.good else BAD, inside.width)
        if view.hint:
            y = self._write(inside.left, y + unit // 2, "The oracle says", unit, FAINT)
            room = inside.bottom - unit * 8 - y
            sizes = [size for size in range(unit, 8, -1) if self._height(view.hint, size, inside.width) < room]
            self._write(inside.left, y, view.hint, max(sizes, default=8), TEXT, inside.width)
        self._draw_buttons(inside, unit, session.game.cells_per_action)

    def _draw_numbers(self, session: Session, area: pygame.Rect, unit: int) -> int:
        """Score, moves and time side by side; where they end."""
        minutes, seconds = divmod(int(session.elapsed_s), 60)
        numbers = (
            ("score", str(session.score)),
            ("moves", str(len(session.actions))),
            ("time", f"{minutes}:{seconds:02}"),
        )
        width = (area.width - 16) // 3
        for index, (name, value) in enumerate(numbers):
            box = pygame.Rect(area.left + index * (width + 8), area.top, width, area.height)
            pygame.draw.rect(self._window, RAISED, box, border_radius=8)
            for text, size, colour, share in ((name, unit * 3 // 4, FAINT, 0.28), (value, unit, TEXT, 0.66)):
                drawn = _font(size).render(text, True, colour)
                self._window.blit(drawn, drawn.get_rect(center=(box.centerx, box.top + int(box.height * share))))
        return area.bottom

    def _draw_buttons(self, inside: pygame.Rect, unit: int, cells_per_action: int) -> None:
        """Buttons two by two above a line on how to move, at the bottom."""
        how = HOW_TO_MOVE[cells_per_action]
        height, bottom = unit * 5 // 2, inside.bottom - unit * 2
        self._write(inside.left, bottom + unit // 2, f"{how} · Q quits", unit * 3 // 4, FAINT, inside.width)
        width = (inside.width - 8) // 2
        for index, (name, label, key) in enumerate(BUTTONS):
            top = bottom - (2 - index // 2) * (height + 8)
            box = pygame.Rect(inside.left + index % 2 * (width + 8), top, width, height)
            hovered = box.collidepoint(pygame.mouse.get_pos())
            pygame.draw.rect(self._window, HOVER if hovered else RAISED, box, border_radius=8)
            drawn, hotkey = _font(unit).render(label, True, TEXT), _font(unit).render(key, True, ACCENT)
            self._window.blit(drawn, drawn.get_rect(midleft=(box.left + unit * 2 // 3, box.centery)))
            self._window.blit(hotkey, hotkey.get_rect(midright=(box.right - unit * 2 // 3, box.centery)))
            self._buttons[name] = box

    def _write(self, x: int, y: int, text: str, size: int, colour: Colour, width: int = 0) -> int:
        """Text from (x, y), its lines broken at `width`; where the next line goes."""
        for line in broken(text, _font(size), width):
            self._window.blit(_font(size).render(line, True, colour), (x, y))
            y += _font(size).get_linesize() * 5 // 4
        return y

    def _height(self, text: str, size: int, width: int) -> int:
        """How much `_write` would take."""
        return len(broken(text, _font(size), width)) * (_font(size).get_linesize() * 5 // 4)


def _boxes_of(game: Game) -> npt.NDArray[np.int64]:
    """Where each cell lies on the frame, [rows, cols, (top, left, bottom, right)]; the whole frame where none does."""
    return game.layout.boxes() if game.offers("layout") else np.array([[[0, 0, *game.frame_size]]])


def broken(text: str, font: pygame.font.Font, width: int) -> list[str]:
    """A text in lines of at most `width` pixels, if that is not 0, broken at blanks."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width and line and font.size(longer)[0] > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def cells_of(line: str, cols: int) -> list[str]:
    """A line of a description cut into its cells, where one word or two make a cell; else the line as one piece."""
    words = line.split()
    if len(words) == cols:
        return words
    cells: list[str] = []
    while words:
        take = 1 if words[0] == "-" else 2
        cells.append(" ".join(words[:take]))
        words = words[take:]
    return cells if len(cells) == cols else [line]


@cache
def _font(size: int) -> pygame.font.Font:
    """The font that comes with pygame; `size` is about the height of a line."""
    return pygame.font.Font(None, size * 4 // 3)
