"""Difficulty: two axes, *perception* (what the picture looks like) and *reasoning* (what the rules ask), named levels.

    make("shisen", level="hard")                                hard on each axis that has such a level
    make("shisen", level="perception:hard,reasoning:easy")      each axis by itself; one left out is normal
    make("shisen", level="hard", noise=0)                       explicit settings override the level

A level is a set of settings, and `normal`, the paper's, is the settings' own defaults. A game declares its levels:

    class Settings(Perception, frozen=True, kw_only=True): ...  its own settings beside those that all games share
    LEVELS: Levels = {"perception": PERCEPTION, "reasoning": {"easy": {"rows": 4}, "hard": {"rows": 8}}}

and may give `{**PERCEPTION, "hard": {**PERCEPTION["hard"], "num_colours": 6}}`. `normal` is understood, an axis that is
left out has nothing else, and the two axes never set the same thing, which is why they compose.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

AXES: Final = ("perception", "reasoning")
NAMES: Final = ("easy", "normal", "hard", "extreme")
NORMAL: Final = "normal"

Levels = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Settings by axis and level."""

PERCEPTION: Final[dict[str, dict[str, Any]]] = {
    "easy": {"strip": False},
    "hard": {"nearness": 35, "noise": 20, "jitter": 6},
    "extreme": {"nearness": 60, "noise": 48, "jitter": 10, "distractors": 40, "grid_lines": False},
}
"""What the perception levels of every game have in common."""


def settings_of(level: str, levels: Levels) -> dict[str, Any]:
    """The settings that a level stands for, from what the game declares.

    Raises ValueError for an axis or a level that is not there (naming the nearest), or an axis named twice.
    """
    chosen: dict[str, Any] = {}
    for axis, name in chosen_levels(level, levels).items():
        chosen |= levels.get(axis, {}).get(name, {})
    return chosen


def chosen_levels(level: str, levels: Levels) -> dict[str, str]:
    """The level on each axis; ValueError as in `settings_of`.

    A name alone means all axes, and `normal` on one that has no such level; after `axis:` the level must be there.
    """
    if not isinstance(level, str):
        raise ValueError(f"level is a text, such as 'hard' or 'perception:hard,reasoning:easy', not {level!r}")
    if ":" not in level:
        name = known("level", level.strip(), [name for name in NAMES if any(name in of(levels, axis) for axis in AXES)])
        return {axis: name if name in of(levels, axis) else NORMAL for axis in AXES}
    chosen = dict.fromkeys(AXES, NORMAL)
    named: set[str] = set()
    for part in level.split(","):
        axis, _, name = (word.strip() for word in part.partition(":"))
        if known("axis of difficulty", axis, AXES) in named:
            raise ValueError(f"level {level!r} names {axis} twice")
        named.add(axis)
        chosen[axis] = known(f"level of {axis}", name, of(levels, axis))
    return chosen


def of(levels: Levels, axis: str) -> list[str]:
    """The levels on an axis, from easy to extreme."""
    return [name for name in NAMES if name == NORMAL or name in levels.get(axis, {})]


def known(what: str, name: str, names: Iterable[str]) -> str:
    """`name` if it is among `names`, else a ValueError that names the nearest."""
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    raise ValueError(f"unknown {what} {name!r}; {hint}")
