"""The words for tiles of colour x shape, and what they look like. No pygame here: games need the words by themselves.

The first few colours and shapes are the ones that are told apart most easily, so few kinds make an easy picture.
"""

import math

import numpy as np

Point = tuple[float, float]

COLOURS = (
    "Red", "Blue", "Green", "Yellow", "Purple", "Orange", "Cyan", "Pink",
    "Brown", "Black", "White", "Lime", "Navy", "Gray", "Maroon", "Teal",
)  # fmt: skip
SHAPES = (
    "Circle", "Square", "Triangle", "Star", "Diamond", "Cross", "Heart", "Ring", "Moon", "Arrow", "Bolt", "Hourglass",
)  # fmt: skip
# sRGB of each colour's word, in the same order.
PAINTS: tuple[tuple[int, int, int], ...] = (
    (226, 38, 44), (36, 92, 232), (28, 164, 66), (250, 208, 20), (142, 54, 200), (250, 130, 16), (40, 206, 228),
    (252, 140, 192), (140, 84, 36), (30, 30, 34), (255, 255, 255), (168, 230, 40), (18, 34, 116), (142, 146, 152),
    (118, 12, 44), (0, 118, 118),
)  # fmt: skip


def _round(steps: int, radius: float, turn: float = 0.0, centre: Point = (0.0, 0.0)) -> list[Point]:
    """A regular polygon whose first corner points up; with 72 steps a circle."""
    angles = [2 * math.pi * (step / steps + turn) for step in range(steps)]
    return [(centre[0] + radius * math.sin(angle), centre[1] - radius * math.cos(angle)) for angle in angles]


def _star() -> list[Point]:
    outer, inner = _round(5, 1.08), _round(5, 0.46, 0.1)
    return [(x, y + 0.08) for pair in zip(outer, inner, strict=True) for x, y in pair]


def _heart() -> list[Point]:
    points = []
    for angle in [2 * math.pi * step / 72 for step in range(72)]:
        waves = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        points.append((math.sin(angle) ** 3, -waves / 16 - 0.08))
    return points


def _moon() -> list[Point]:
    """What a circle leaves of another: the outer edge from horn to horn, then the inner edge back."""
    outer = [(math.sin(a) + 0.15, -math.cos(a)) for a in (math.radians(d) for d in range(40, -221, -5))]
    horn_x, horn_y = outer[0]
    centre = 0.67
    radius = math.hypot(horn_x - centre, horn_y)
    start = math.degrees(math.atan2(horn_x - centre, -horn_y))
    degrees = np.linspace(-180 - start, start, 40)[1:-1]
    inner = [(centre + radius * math.sin(a), -radius * math.cos(a)) for a in np.radians(degrees).tolist()]
    return outer + inner


# Corners of each shape between -1 and 1, x to the right and y down.
OUTLINES: dict[str, tuple[list[Point], ...]] = {
    "Circle": (_round(72, 0.94),),
    "Square": ([(-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)],),
    "Triangle": ([(0, -0.95), (1.0, 0.82), (-1.0, 0.82)],),
    "Star": (_star(),),
    "Diamond": ([(0, -1.06), (0.74, 0), (0, 1.06), (-0.74, 0)],),
    "Cross": (
        [
            (-0.33, -0.96), (0.33, -0.96), (0.33, -0.33), (0.96, -0.33), (0.96, 0.33), (0.33, 0.33),
            (0.33, 0.96), (-0.33, 0.96), (-0.33, 0.33), (-0.96, 0.33), (-0.96, -0.33), (-0.33, -0.33),
        ],
    ),
    "Heart": (_heart(),),
    "Ring": (_round(72, 0.96), _round(72, 0.44)),
    "Moon": (_moon(),),
    "Arrow": ([(0, -1.0), (0.95, 0.02), (0.38, 0.02), (0.38, 0.95), (-0.38, 0.95), (-0.38, 0.02), (-0.95, 0.02)],),
    "Bolt": ([(0.3, -1.05), (-0.75, 0.2), (-0.1, 0.2), (-0.35, 1.05), (0.75, -0.28), (0.1, -0.28)],),
    "Hourglass": ([(-0.8, -0.95), (0.8, -0.95), (0.14, 0), (0.8, 0.95), (-0.8, 0.95), (-0.14, 0)],),
}  # fmt: skip
