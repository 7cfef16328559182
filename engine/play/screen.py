"""What every window of this room shows, and what a place of it means.

    ┌──────────────────────┬──────────────┐
    │                      │ title        │
    │                      │ numbers      │   engine/play/panel.py
    │        frame         │ message      │
    │                      │ texts        │   the frame is what a model would see, untouched;
    │  engine/play/board.py│ [ buttons ]  │   what lies above it is in the Scene
    └──────────────────────┴──────────────┘

A Scene is plain data, so a person's game, a replay and an agent at play look alike, in a window and in a film.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ConnectError
from engine.game import Game
from engine.play import board
from engine.play.board import Cell, Fit, Seen
from engine.play.paint import BACK, Colour, fill, pygame, write_into
from engine.play.panel import Panel, Places, draw_panel
from native.state import Records

SMALLEST, SMALLEST_WITH_TEXTS = (560, 420), (1080, 700)
FRAME_PX = 600  # small frames are enlarged to about this
NARROW_PX = 340  # of a panel that has little to say
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")  # on Linux one of them says where a window goes
NO_DISPLAY = "no window can be opened: there is no display here (DISPLAY is not set)"
UNSEEN = ("offscreen", "dummy")  # what SDL falls back on without a display: a window that nobody would see


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of a game, what is shown above its frame, and the panel beside it.

    `moves` are actions with their colours, the first one on top; `words` stand in place of the cells, and `banner` in
    place of the board. The panel takes 3 parts in 10 of the width, but at most `panel_px`.
    """

    game: Game
    state: Records
    panel: Panel
    marks: Sequence[tuple[Cell, Colour]] = ()
    moves: Sequence[tuple[int, Colour]] = ()
    seen: Seen | None = None
    words: Sequence[Sequence[str]] = ()
    banner: str = ""
    panel_px: int = NARROW_PX


class Screen:
    """A surface to draw on; `cell_at`, `button_at` and `bar_at` say what a click meant, by what was drawn last."""

    def __init__(self, surface: pygame.Surface | None = None) -> None:
        """On the window, unless on a surface of its own."""
        self._surface = surface
        self._fit: Fit | None = None
        self._places = Places({})

    def draw(self, scene: Scene) -> None:
        """Show everything anew."""
        surface = self._surface or pygame.display.get_surface()
        assert surface is not None
        side = _panel_area(surface, scene)
        surface.fill(BACK)
        self._fit = _draw_scene(surface, scene, pygame.Rect(0, 0, side.left, side.height).inflate(-24, -24))
        self._places = draw_panel(surface, side, scene.panel)
        if self._surface is None:
            pygame.display.flip()

    def cell_at(self, place: tuple[int, int]) -> Cell | None:
        """The cell under a place of the window."""
        return self._fit.cell_at(place) if self._fit else None

    def button_at(self, place: tuple[int, int]) -> str | None:
        """The name of the button under a place of the window."""
        return next((name for name, area in self._places.buttons.items() if area.collidepoint(place)), None)

    def bar_at(self, place: tuple[int, int], held: bool = False) -> float | None:
        """How far along the bar a place is, 0 to 1; None beside it, unless it is `held`."""
        bar = self._places.bar
        if bar is None or not (held or bar.inflate(20, 8).collidepoint(place)):
            return None
        return min(1.0, max(0.0, (place[0] - bar.left) / bar.width))


def open_screen(scene: Scene) -> Screen:
    """The window, large enough for a scene; it can be resized. Raises ConnectError where none can be opened."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in DISPLAYS):
        raise ConnectError(NO_DISPLAY)
    try:
        pygame.display.init()
        pygame.display.set_caption(f"G1: {scene.game.name}")
        desktop = pygame.display.get_desktop_sizes()[0]
        pygame.display.set_mode(size_for(scene, (desktop[0] * 9 // 10, desktop[1] * 9 // 10)), pygame.RESIZABLE)
    except pygame.error as error:
        raise ConnectError(f"no window can be opened ({error}): play where there is a display") from error
    if pygame.display.get_driver() in UNSEEN and "SDL_VIDEODRIVER" not in os.environ:
        pygame.display.quit()
        raise ConnectError(NO_DISPLAY)
    pygame.key.set_repeat()
    return Screen()


def size_for(scene: Scene, most: tuple[int, int] | None = None) -> tuple[int, int]:
    """The frame as it is, a small one enlarged, with the panel; all of it within `most`, if that is given."""
    height, width = scene.game.frame_size
    times = max(1, round(FRAME_PX / max(width, height)))
    wanted = width * times + 24 + scene.panel_px, height * times + 24
    scale = min(1.0, most[0] / wanted[0], most[1] / wanted[1]) if most else 1.0
    least = SMALLEST if scene.panel_px == NARROW_PX else SMALLEST_WITH_TEXTS
    return max(least[0], int(wanted[0] * scale)), max(least[1], int(wanted[1] * scale))


def _panel_area(surface: pygame.Surface, scene: Scene) -> pygame.Rect:
    width, height = surface.get_size()
    share = 3 if scene.panel_px == NARROW_PX else 4
    panel = min(max(width * share // 10, 220), scene.panel_px)
    return pygame.Rect(width - panel, 0, panel, height)


def _draw_scene(surface: pygame.Surface, scene: Scene, room: pygame.Rect) -> Fit:
    """The frame as large as fits into the room, in its own proportions, and what lies above it."""
    pixels = scene.game.render(scene.state)[0]
    size = pixels.shape[1], pixels.shape[0]
    fit = Fit(pygame.Rect(0, 0, *size).fit(room), size, board.boxes_of(scene.game))
    board.draw_frame(surface, fit, pixels)
    board.draw_marks(surface, fit, scene.marks)
    if scene.seen:
        board.draw_wrong(surface, fit, scene.seen)
    for rank, (action, colour) in reversed(list(enumerate(scene.moves))):
        board.draw_move(surface, fit, scene.game, action, colour, rank)
    if scene.seen:
        board.draw_labels(surface, fit, scene.seen)
    if scene.words:
        board.draw_words(surface, fit, scene.words)
    elif scene.banner:
        fill(surface, fit.board, BACK, 170)
        write_into(surface, fit.board, scene.banner)
    return fit
