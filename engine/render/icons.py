"""Ten classes of pictures that the project draws itself: no two alike, so that a class has to be seen, not a picture.

    "train fish 17" ──seed──▶ colours, mirror, angle, scale, place, background, noise ──▶ the fish number 17

Each thing is a list of parts, polygons between -1 and 1 (x to the right, y down) with the role of their colour: `main`
and `extra` are any colours, `dark` and `light` follow them. The parts of a thing are what does not vary.
"""

import colorsys
import math
import random
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pygame

from engine.render.photos import ICONS, Split
from engine.render.tiles import Colour, to_pixels

Pixels = npt.NDArray[np.uint8]
Point = tuple[float, float]
Part = tuple[str, list[Point]]


def draw(side: int, split: Split, num_pictures: int) -> Pixels:
    """The first `num_pictures` of each class, uint8[10, num_pictures, side, side, 3]; the splits share none."""
    numbers = range(num_pictures)
    return np.stack(
        [np.stack([_picture(side, f"{split} {name} {number}", name) for number in numbers]) for name in ICONS]
    )


def _picture(side: int, seed: str, name: str) -> Pixels:
    """One picture: ground, thing, noise."""
    chance = random.Random(seed)
    zoom = 4 if side < 80 else 2
    hue, extra_hue, ground_hue = chance.random(), chance.random(), chance.random()
    bright = chance.random() < 0.7  # a bright thing on a dark ground is the rarer case, and the ground is always paler
    ground = _colour(ground_hue, _between(chance, 0.08, 0.3), _between(chance, 0.84, 0.97) if bright else 0.34)
    paints = {
        "main": _colour(hue, _between(chance, 0.65, 0.95), _between(chance, 0.55, 0.8) if bright else 0.95),
        "extra": _colour(extra_hue, _between(chance, 0.5, 0.9), _between(chance, 0.4, 0.7) if bright else 0.8),
        "dark": _colour(hue, 0.5, 0.25) if bright else _colour(hue, 0.4, 0.12),
        "light": _colour(hue, 0.12, 0.99),
    }
    surface = pygame.Surface((side * zoom, side * zoom))
    surface.fill(ground)
    _strew(surface, chance, ground)
    _place(surface, chance, THINGS[name](chance), paints)
    pixels = to_pixels(pygame.transform.smoothscale(surface, (side, side))).astype(np.int16)
    strength = _between(chance, 0, 14)
    grain = np.frombuffer(chance.randbytes(pixels.size), np.uint8).reshape(pixels.shape).astype(np.int16)
    return np.clip(pixels + (grain - 128) * int(strength) // 128, 0, 255).astype(np.uint8)


def _strew(surface: pygame.Surface, chance: random.Random, ground: Colour) -> None:
    """Something pale in the background: stripes, spots, a horizon or nothing."""
    size, kind = surface.get_width(), int(chance.random() * 4)
    red, green, blue = ground
    pale = (red * 9 // 10, green * 9 // 10, blue * 9 // 10)
    if kind == 0:
        step = _between(chance, 0.12, 0.3)
        for number in range(int(2 / step) + 2):
            x, slant = (number * step - 0.5) * size, _between(chance, 0.2, 0.3) * size
            pygame.draw.line(surface, pale, (x, 0), (x + slant, size), max(1, int(size * step / 3)))
    elif kind == 1:
        for _ in range(9):
            pygame.draw.circle(surface, pale, (chance.random() * size, chance.random() * size), size * 0.09)
    elif kind == 2:
        top = _between(chance, 0.55, 0.75) * size
        pygame.draw.rect(surface, pale, (0, top, size, size))


def _place(surface: pygame.Surface, chance: random.Random, parts: list[Part], paints: dict[str, Colour]) -> None:
    """Draw the parts, turned, mirrored, scaled and moved as chance has it, each with a dark edge."""
    size = surface.get_width()
    angle, mirror = math.radians(_between(chance, -22, 22)), -1 if chance.random() < 0.5 else 1
    scale = size * _between(chance, 0.34, 0.43)
    left, top = size * _between(chance, 0.45, 0.55), size * _between(chance, 0.45, 0.55)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    for role, points in parts:
        turned = [(left + x * mirror * cos - y * sin, top + x * mirror * sin + y * cos) for x, y in points]
        pygame.draw.polygon(surface, paints[role], turned)
        if role != "dark":
            for start, end in zip(turned, turned[1:] + turned[:1], strict=True):
                pygame.draw.line(surface, paints["dark"], start, end, max(1, size // 50))


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _between(chance: random.Random, low: float, high: float) -> float:
    return low + (high - low) * chance.random()


def _box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _arc(x: float, y: float, across: float, down: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points of an ellipse from `start` to `end` degrees, 0 to the right and 90 down."""
    angles = np.radians(np.linspace(start, end, 37)).tolist()
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


def _ring(x: float, y: float, outer: float, inner: float, start: float, end: float) -> list[Point]:
    """A band between two circles."""
    return _arc(x, y, outer, outer, start, end) + _arc(x, y, inner, inner, start, end)[::-1]


def _house(chance: random.Random) -> list[Part]:
    ridge = _between(chance, -1.0, -0.8)
    return [
        ("extra", _box(0.35, -0.85, 0.6, -0.2)),
        ("light", _box(-0.75, -0.15, 0.75, 0.95)),
        ("main", [(-1.0, -0.1), (0.0, ridge), (1.0, -0.1)]),
        ("extra", _box(-0.5, 0.3, -0.05, 0.95)),
        ("dark", _box(0.2, 0.15, 0.55, 0.5)),
    ]


def _tree(chance: random.Random) -> list[Part]:
    trunk: Part = ("extra", _box(-0.16, 0.2, 0.16, 1.0))
    if chance.random() < 0.5:
        tiers = [(-0.3, 0.5, 0.95), (-0.65, 0.05, 0.78), (-1.0, -0.4, 0.58)]
        return [trunk, *(("main", [(0, top), (wide, bottom), (-wide, bottom)]) for top, bottom, wide in tiers)]
    crown = [(-0.45, 0.0), (0.45, 0.0), (0.0, -0.48)]
    return [trunk, *(("main", _arc(x, y, 0.52, 0.5)) for x, y in crown)]


def _fish(chance: random.Random) -> list[Part]:
    height = _between(chance, 0.4, 0.6)
    return [
        ("extra", [(-0.45, 0.0), (-1.0, -0.55), (-0.85, 0.0), (-1.0, 0.55)]),
        ("extra", [(-0.25, -height * 0.7), (0.1, -height - 0.35), (0.35, -height * 0.7)]),
        ("main", _arc(0.2, 0, 0.8, height)),
        ("light", _arc(0.62, -0.12, 0.13, 0.13)),
        ("dark", _arc(0.65, -0.12, 0.06, 0.06)),
        ("dark", _ring(0.05, 0, 0.36, 0.29, -50, 50)),
    ]


def _flower(chance: random.Random) -> list[Part]:
    petals = 5 + int(chance.random() * 3)
    angles = [2 * math.pi * petal / petals for petal in range(petals)]
    return [
        ("dark", _box(-0.06, 0.0, 0.06, 1.0)),
        ("extra", _arc(0.3, 0.72, 0.28, 0.13)),
        *(("main", _arc(0.42 * math.cos(a), -0.3 + 0.42 * math.sin(a), 0.28, 0.28)) for a in angles),
        ("light", _arc(0, -0.3, 0.24, 0.24)),
    ]


def _boat(chance: random.Random) -> list[Part]:
    top = _between(chance, -1.0, -0.85)
    return [
        ("dark", _box(-0.1, top, 0.0, 0.45)),
        ("light", [(0.06, top + 0.05), (0.85, 0.28), (0.06, 0.28)]),
        ("extra", [(-0.16, top + 0.3), (-0.16, 0.28), (-0.72, 0.28)]),
        ("main", [(-1.0, 0.42), (1.0, 0.42), (0.62, 0.95), (-0.62, 0.95)]),
    ]


def _car(chance: random.Random) -> list[Part]:
    roof = _between(chance, -0.5, -0.35)
    return [
        ("main", [(-0.65, 0.0), (-0.4, roof), (0.3, roof), (0.65, 0.0)]),
        ("light", [(-0.45, -0.02), (-0.3, roof + 0.12), (-0.08, roof + 0.12), (-0.08, -0.02)]),
        ("light", [(0.04, -0.02), (0.04, roof + 0.12), (0.24, roof + 0.12), (0.44, -0.02)]),
        ("main", _box(-1.0, 0.0, 1.0, 0.42)),
        *(("dark", _arc(x, 0.44, 0.27, 0.27)) for x in (-0.55, 0.55)),
        *(("light", _arc(x, 0.44, 0.12, 0.12)) for x in (-0.55, 0.55)),
    ]


def _cup(chance: random.Random) -> list[Part]:
    foot = _between(chance, 0.4, 0.55)
    return [
        ("main", _ring(0.55, 0.05, 0.42, 0.24, -90, 90)),
        ("main", [(-0.75, -0.45), (0.6, -0.45), (foot, 0.7), (-foot - 0.1, 0.7)]),
        ("extra", _arc(-0.07, -0.45, 0.67, 0.16)),
        ("extra", _box(-0.68, -0.02, 0.53, 0.2)),
        ("light", _arc(-0.07, 0.78, 0.85, 0.12)),
    ]


def _key(chance: random.Random) -> list[Part]:
    teeth = [0.45, 0.72] if chance.random() < 0.5 else [0.4, 0.6, 0.8]
    return [
        *(("main", _box(x, 0.05, x + 0.13, 0.42)) for x in teeth),
        ("main", _ring(-0.55, 0, 0.46, 0.2, 0, 360)),
        ("main", _box(-0.33, -0.11, 0.98, 0.11)),
    ]


def _mushroom(chance: random.Random) -> list[Part]:
    width = _between(chance, 0.22, 0.32)
    spots = [(-0.5, -0.28, 0.13), (0.0, -0.55, 0.17), (0.48, -0.25, 0.14)]
    return [
        ("light", [(-width, -0.1), (width, -0.1), (width + 0.08, 0.9), (-width - 0.08, 0.9)]),
        ("main", _arc(0, 0.05, 0.95, 0.95, 180, 360)),
        *(("light", _arc(x, y, size, size)) for x, y, size in spots),
    ]


def _umbrella(chance: random.Random) -> list[Part]:
    rim = _between(chance, -0.05, 0.05)
    return [
        ("dark", _box(-0.05, -1.0, 0.05, 0.75)),
        ("dark", _ring(0.17, 0.72, 0.23, 0.12, 0, 180)),
        ("main", _arc(0, rim, 1.0, 0.85, 180, 360)),
        ("extra", _arc(0, rim, 0.36, 0.85, 180, 360)),
        *(("dark", _arc(x, rim + 0.02, 0.32, 0.14, 180, 360)) for x in (-0.67, 0.0, 0.67)),
    ]


THINGS: dict[str, Callable[[random.Random], list[Part]]] = {
    "house": _house, "tree": _tree, "fish": _fish, "flower": _flower, "boat": _boat, "car": _car, "cup": _cup,
    "key": _key, "mushroom": _mushroom, "umbrella": _umbrella,
}  # fmt: skip
