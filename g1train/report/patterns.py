"""Two patterns in a model's reasoning that the paper counts through training.

localisation   a cell is named by its coordinates: "(2, 3)", "row 2, column 3"
enumeration    two or more different candidates are weighed: two pairs of cells, or two directions

Both look at what stands between the <think> tags alone: an answer without them has neither.
"""

import re

from engine.answer import parse

_CELL = r"\(\s*(\d+)\s*,\s*(\d+)\s*\)"
_COORDINATES = re.compile(rf"{_CELL}|\brow\s+\d+\W+(?:and\s+)?col(?:umn)?\s+\d+", re.IGNORECASE)
_PAIR = re.compile(rf"{_CELL}\W*(?:(?:and|with|to)\b\W*)?{_CELL}")
_DIRECTION = re.compile(r"\b(up|right|down|left)\b", re.IGNORECASE)


def localises(text: str) -> bool:
    """Does the reasoning of an answer name a cell by its coordinates?"""
    return _COORDINATES.search(parse(text).think or "") is not None


def enumerates(text: str) -> bool:
    """Does the reasoning of an answer name more than one candidate? A pair in either order is one."""
    think = parse(text).think or ""
    pairs = {frozenset((found.group(1, 2), found.group(3, 4))) for found in _PAIR.finditer(think)}
    return len(pairs) > 1 or len({word.lower() for word in _DIRECTION.findall(think)}) > 1
