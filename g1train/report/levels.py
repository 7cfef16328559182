"""Settings ─▶ the named levels that they amount to: results carry settings, people think in levels."""

import functools
import importlib
from typing import Any

from engine import levels
from engine.game import REGISTRY, make

PLAIN = ("tile_px", "prompt")  # settings that make a game no harder
Level = dict[str, str]
"""The level on each axis."""


def level_of(game: str, settings: dict[str, Any]) -> Level | None:
    """The levels that these settings amount to, whatever else they set; None if they are in between."""
    own = make(game, **settings).settings
    return next((level for level, wanted in _levels(game) if all(own[name] == wanted[name] for name in wanted)), None)


def title_of(game: str, settings: dict[str, Any]) -> str:
    """A game at its difficulty, in words: "shisen", "shisen, perception hard", or with the settings that differ."""
    level = level_of(game, settings)
    if level is not None:
        return ", ".join([game, *(f"{axis} {name}" for axis, name in level.items() if name != levels.NORMAL)])
    usual, own = make(game).settings, make(game, **settings).settings
    changed = {name: value for name, value in own.items() if value not in (None, usual[name]) and name not in PLAIN}
    return ", ".join([game, *(f"{name} {value}" for name, value in changed.items())])


@functools.cache
def _levels(game: str) -> list[tuple[Level, dict[str, Any]]]:
    """Every pair of levels with what any level of the game sets, as it comes out there; the normal ones first."""
    declared = importlib.import_module(REGISTRY[game]).LEVELS
    names = {name for axis in declared.values() for level in axis.values() for name in level}
    by_axis = [sorted(levels.of(declared, axis), key=lambda level: level != levels.NORMAL) for axis in levels.AXES]
    found = []
    for perception in by_axis[0]:
        for reasoning in by_axis[1]:
            made = make(game, level=f"perception:{perception},reasoning:{reasoning}").settings
            found.append(({"perception": perception, "reasoning": reasoning}, {name: made[name] for name in names}))
    return found
