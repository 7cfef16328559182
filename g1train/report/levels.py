"""Settings ─▶ the named levels that they amount to: results carry settings, people think in levels."""

import importlib
from typing import Any

from engine import levels
from engine.game import REGISTRY, make


def level_of(game: str, settings: dict[str, Any]) -> dict[str, str] | None:
    """The level on each axis that these settings amount to, whatever else they set; None if an axis fits no level."""
    declared = importlib.import_module(REGISTRY[game]).LEVELS
    own = make(game, **settings).settings
    found = {}
    for axis in levels.AXES:
        names = {name for level in declared.get(axis, {}).values() for name in level}
        fitting = [
            level
            for level in levels.of(declared, axis)
            if all(make(game, level=f"{axis}:{level}").settings[name] == own[name] for name in names)
        ]
        if not fitting:
            return None
        found[axis] = fitting[0] if levels.NORMAL not in fitting else levels.NORMAL
    return found
