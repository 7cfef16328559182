"""Colours, fonts and text on a surface: what board and panel are painted with."""

import os
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "g1-play")
import pygame as pygame  # the room takes it from here, after its greeting was switched off

Colour = tuple[int, int, int]
BACK, PANEL, RAISED, HOVER = (46, 43, 40), (58, 54, 50), (78, 73, 67), (98, 92, 84)
TEXT, FAINT, ACCENT, GOOD, BAD = (242, 237, 228), (170, 161, 150), (240, 196, 84), (126, 204, 126), (240, 118, 100)
FONTS = ("dejavusans", "notosans", "liberationsans", "helvetica", "arial")
LONGEST = 20_000  # characters of a text that are shown
CURSOR, CHOSEN, HINTED, WRONG = (40, 40, 44), (235, 64, 160), (20, 170, 90), (214, 40, 40)


def write(surface: pygame.Surface, x: int, y: int, lines: Sequence[str], size: int, colour: Colour) -> int:
    """Lines from (x, y) downwards; where the next one goes."""
    for line in lines:
        surface.blit(font(size).render(line, True, colour), (x, y))
        y += line_height(size)
    return y


def write_into(surface: pygame.Surface, area: pygame.Rect, text: str, colour: Colour = TEXT) -> None:
    """A few words in the middle of an area, each on a line of its own, as large as they fit."""
    words = printable(text).split()
    if not words:
        return
    widest = max(font(40).size(word)[0] for word in words)
    size = max(8, int(min(40, area.height / (1.6 * len(words)), 40 * 0.9 * area.width / widest)))
    for index, word in enumerate(words):
        y = area.centery + int((index - (len(words) - 1) / 2) * size * 1.3)
        drawn = font(size).render(word, True, colour)
        surface.blit(drawn, drawn.get_rect(center=(area.centerx, y)))


def fill(surface: pygame.Surface, area: pygame.Rect, colour: Colour, alpha: int, radius: int = 0) -> None:
    """A part of the surface under a colour that shows what lies below."""
    veil = pygame.Surface(area.size, pygame.SRCALPHA)
    pygame.draw.rect(veil, (*colour, alpha), veil.get_rect(), border_radius=radius)
    surface.blit(veil, area)


def printable(text: str) -> str:
    """A text from anywhere, as far as a font can show it: a box for what is no character, at most `LONGEST` of them."""
    shown = "".join(mark if mark.isprintable() or mark == "\n" else "\ufffd" for mark in text[:LONGEST])
    return shown if len(text) <= LONGEST else f"{shown} …"


@lru_cache(maxsize=1024)
def broken(text: str, size: int, width: int) -> tuple[str, ...]:
    """A text in lines of at most `width` pixels, broken at blanks, and within words that are longer than a line."""
    return tuple(line for paragraph in printable(text).split("\n") for line in _broken(paragraph, font(size), width))


def _broken(text: str, face: pygame.font.Font, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and face.size(longer)[0] > width:
            lines.append(line)
            longer = word
        while len(longer) > 1 and face.size(longer)[0] > width:
            fits = bisect_right(range(1, len(longer)), width, key=lambda num: face.size(longer[:num])[0])
            lines.append(longer[: max(1, fits)])
            longer = longer[max(1, fits) :]
        line = longer
    return [*lines, line]


def line_height(size: int) -> int:
    """From one line of text to the next."""
    return font(size).get_linesize() * 9 // 8


@cache
def font(size: int) -> pygame.font.Font:
    """A plain font of this machine, or else the one that comes with pygame; `size` is about the height of a line."""
    pygame.font.init()
    found = pygame.font.match_font(FONTS)
    return pygame.font.Font(found, size) if found else pygame.font.Font(None, size * 4 // 3)
