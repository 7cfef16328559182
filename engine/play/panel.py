"""The right side of a window: title, numbers, a message, sections of text, a bar to move along, buttons.

Text gets what room there is: first it becomes smaller, then the longest section shows as many lines as fit from
`scroll` on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.play.paint import (
    ACCENT,
    BACK,
    BAD,
    FAINT,
    GOOD,
    HOVER,
    PANEL,
    RAISED,
    TEXT,
    Colour,
    broken,
    font,
    line_height,
    pygame,
    write,
)  # fmt: skip

SMALLEST = 12


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, with a dot where `dot` has the colour of something on the board, and the text below it."""

    heading: str
    text: str
    colour: Colour = TEXT
    dot: Colour | None = None


@dataclass(frozen=True, slots=True)
class Button:
    name: str
    label: str
    key: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What is said beside a frame. `bar` is a place and the last place there is; `keys` are told at the bottom.

    Of more than two buttons in a row each has its key below its label.
    """

    title: str
    under: str = ""
    numbers: Sequence[tuple[str, str]] = ()
    message: str = ""
    good: bool = True
    sections: Sequence[Section] = ()
    scroll: int = 0
    bar: tuple[int, int] | None = None
    buttons: Sequence[Button] = ()
    button_cols: int = 2
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things to click on were drawn."""

    buttons: dict[str, pygame.Rect]
    bar: pygame.Rect | None = None


def draw_panel(surface: pygame.Surface, area: pygame.Rect, panel: Panel) -> Places:
    pygame.draw.rect(surface, PANEL, area)
    inside = area.inflate(-36, -36)
    unit = max(13, min(20, inside.height // 38))
    y = write(surface, inside.left, inside.top, [panel.title], unit * 2, ACCENT)
    y = write(surface, inside.left, y, broken(panel.under, unit, inside.width), unit, FAINT) if panel.under else y
    if panel.numbers:
        y = _draw_numbers(surface, pygame.Rect(inside.left, y + unit // 2, inside.width, unit * 3), unit, panel.numbers)
    if panel.message:
        lines = broken(panel.message, unit, inside.width)
        y = write(surface, inside.left, y + unit, lines, unit, GOOD if panel.good else BAD)
    places = _draw_controls(surface, inside, unit, panel)
    tops = [place.top for place in (*places.buttons.values(), places.bar) if place] or [inside.bottom]
    room = pygame.Rect(inside.left, y + unit // 2, inside.width, min(tops) - unit - y)
    _draw_sections(surface, room, unit, panel)
    return places


def _draw_numbers(
    surface: pygame.Surface, area: pygame.Rect, unit: int, numbers: Sequence[tuple[str, str]]
) -> int:  # fmt: skip
    """Side by side; where they end."""
    width = (area.width - 8 * (len(numbers) - 1)) // len(numbers)
    for index, (name, value) in enumerate(numbers):
        box = pygame.Rect(area.left + index * (width + 8), area.top, width, area.height)
        pygame.draw.rect(surface, RAISED, box, border_radius=8)
        for text, size, colour, share in ((name, unit * 3 // 4, FAINT, 0.28), (value, unit, TEXT, 0.66)):
            drawn = font(size).render(text, True, colour)
            surface.blit(drawn, drawn.get_rect(center=(box.centerx, box.top + int(box.height * share))))
    return area.bottom


def _draw_sections(surface: pygame.Surface, room: pygame.Rect, unit: int, panel: Panel) -> None:
    sections = [section for section in panel.sections if section.text]  # as many as there is room for
    if not sections or room.height < line_height(SMALLEST):
        return
    fits = (size for size in range(unit, SMALLEST, -1) if _height(sections, size, unit, room.width) <= room.height)
    size = next(fits, SMALLEST)
    while len(sections) > 1 and _least(sections, size, unit) > room.height:
        sections.pop()
    y = room.top
    for section, some in zip(sections, _shortened(sections, size, unit, room, panel.scroll), strict=True):
        if section.dot:
            pygame.draw.aacircle(surface, section.dot, (room.left + unit // 3, y + line_height(unit) // 2), unit // 3)
        y = write(surface, room.left + (unit if section.dot else 0), y, [section.heading], unit, FAINT)
        y = write(surface, room.left, y, some, size, section.colour) + unit // 2


def _height(sections: Sequence[Section], size: int, unit: int, width: int) -> int:
    """How much room all sections would take."""
    num_lines = sum(len(broken(section.text, size, width)) for section in sections)
    return len(sections) * (line_height(unit) + unit // 2) + num_lines * line_height(size)


def _least(sections: Sequence[Section], size: int, unit: int) -> int:
    """How much room they take with one line each."""
    return len(sections) * (line_height(unit) + unit // 2 + line_height(size))


def _shortened(
    sections: Sequence[Section], size: int, unit: int, room: pygame.Rect, scroll: int
) -> list[Sequence[str]]:  # fmt: skip
    """The lines of each section; those of the longest from `scroll` on, as many as there is room for."""
    lines: list[Sequence[str]] = [broken(section.text, size, room.width) for section in sections]
    over = -(-(_height(sections, size, unit, room.width) - room.height) // line_height(size))
    while over > 0 and max(map(len, lines)) > 1:
        longest = max(range(len(lines)), key=lambda place: len(lines[place]))
        keep = max(1, len(lines[longest]) - over)
        over -= len(lines[longest]) - keep
        lines[longest] = _from(lines[longest], scroll, keep)
    return lines


def _from(lines: Sequence[str], scroll: int, keep: int) -> Sequence[str]:
    """So many of the lines, dots behind the last one if more follow."""
    first = min(scroll, len(lines) - keep)
    shown = lines[first : first + keep]
    return shown if first + keep == len(lines) else [*shown[:-1], f"{shown[-1]} …"]


def _draw_controls(surface: pygame.Surface, inside: pygame.Rect, unit: int, panel: Panel) -> Places:
    """Bar and buttons above a line on the keys, at the bottom."""
    hints = broken(panel.keys, unit * 3 // 4, inside.width) if panel.keys else []
    bottom = inside.bottom - len(hints) * line_height(unit * 3 // 4)
    write(surface, inside.left, bottom, hints, unit * 3 // 4, FAINT)
    cols, height = panel.button_cols, unit * 5 // 2
    top = bottom - unit // 2 - -(-len(panel.buttons) // cols) * (height + 8)
    width = (inside.width - 8 * (cols - 1)) // cols
    boxes = {}
    for index, button in enumerate(panel.buttons):
        down, right = divmod(index, cols)
        boxes[button.name] = pygame.Rect(inside.left + right * (width + 8), top + down * (height + 8), width, height)
        _draw_button(surface, boxes[button.name], unit, button, below=cols > 2)
    if panel.bar is None:
        return Places(boxes)
    bar = pygame.Rect(inside.left, top - unit * 2, inside.width, unit * 3 // 2)
    _draw_bar(surface, bar, panel.bar)
    return Places(boxes, bar)


def _draw_button(surface: pygame.Surface, box: pygame.Rect, unit: int, button: Button, below: bool) -> None:
    hovered = pygame.display.get_init() and box.collidepoint(pygame.mouse.get_pos())
    pygame.draw.rect(surface, HOVER if hovered else RAISED, box, border_radius=8)
    size = unit * 7 // 8 if below else unit
    drawn, key = font(size).render(button.label, True, TEXT), font(size * 7 // 8).render(button.key, True, ACCENT)
    if below:
        surface.blit(drawn, drawn.get_rect(center=(box.centerx, box.top + box.height * 3 // 10)))
        surface.blit(key, key.get_rect(center=(box.centerx, box.top + box.height * 7 // 10)))
    else:
        surface.blit(drawn, drawn.get_rect(midleft=(box.left + unit * 2 // 3, box.centery)))
        surface.blit(key, key.get_rect(midright=(box.right - unit * 2 // 3, box.centery)))


def _draw_bar(surface: pygame.Surface, area: pygame.Rect, bar: tuple[int, int]) -> None:
    place, last = bar
    line = pygame.Rect(area.left, area.centery - 3, area.width, 6)
    pygame.draw.rect(surface, BACK, line, border_radius=3)
    x = line.left + (line.width * place // last if last else 0)
    pygame.draw.rect(surface, ACCENT, (line.left, line.top, x - line.left, line.height), border_radius=3)
    pygame.draw.aacircle(surface, ACCENT, (x, line.centery), 9)
