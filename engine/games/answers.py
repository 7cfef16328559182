"""How actions are written and read: `parse`, `unreadable` and `action_text` of a game, one way for each kind of action.

    cells    index = the cells as digits, each row * cols + col       written (r, c) or (r1, c1) (r2, c2), from 0
    names    index = the place among the game's names                 written as the name or its number

On 6 x 6 `(0, 5) (1, 0)` is 186 and `(1, 0) (0, 5)` is 221: both orders are actions of their own. `(0, 6) (1, 0)` is
none: without a check of each coordinate its index would be that of another pair.
"""

import re
from collections.abc import Sequence
from functools import cache, cached_property
from typing import ClassVar

Cell = tuple[int, int]
LONGEST = 200  # characters looked at; no action needs a quarter of them
_CELL = r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*"  # blanks are free, one comma may stand between two cells
SHAPES = {1: re.compile(rf"\s*{_CELL}", re.ASCII), 2: re.compile(rf"\s*{_CELL},?\s*{_CELL}", re.ASCII)}
SAMPLES = {1: "one cell like (0, 1)", 2: "two cells like (0, 1) (2, 3)"}


def cells_index(cells: Sequence[Cell], rows: int, cols: int) -> int:
    """The action that names these cells, each within rows x cols."""
    index = 0
    for row, col in cells:
        index = (index * rows + row) * cols + col
    return index


def action_cells(action: int, num: int, rows: int, cols: int) -> list[Cell]:
    """The `num` cells of an action: the inverse of `cells_index`."""
    cells = []
    for _ in range(num):
        action, cell = divmod(action, rows * cols)
        cells.append(divmod(cell, cols))
    return cells[::-1]


def cells_text(cells: Sequence[Cell]) -> str:
    """Cells as they are written: `(r1, c1) (r2, c2)`."""
    return " ".join([f"({row}, {col})" for row, col in cells])


@cache
def _cell_names(rows: int, cols: int) -> tuple[str, ...]:
    """How each cell of a board is written; most of the time of an answer would go into that."""
    return tuple(cells_text([divmod(cell, cols)]) for cell in range(rows * cols))


def read_cells(text: str, num: int) -> list[Cell] | None:
    """The cells in a text, wherever they lie, or None if it has any other shape."""
    found = SHAPES[num].fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    numbers = list(map(int, found.groups()))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


class CellAnswers:
    """The answers of a game whose actions name cells of the board, `cells_per_action` of them."""

    rows: int
    cols: int
    num_actions: int
    cells_per_action: int = 2

    def parse(self, text: str) -> int | None:
        """Cells such as `(0, 1) (2, 3)`, whether or not the rules allow them; None if they are unreadable."""
        cells = read_cells(text, self.cells_per_action)
        return None if cells is None or self._outside(cells) else cells_index(cells, self.rows, self.cols)

    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""
        if not text.strip():
            return "the answer is empty"
        cells = read_cells(text, self.cells_per_action)
        if cells is None:
            return f"{text.strip()[:40]!r} is not {SAMPLES[self.cells_per_action]}"
        outside = cells_text(self._outside(cells)[:1])
        return f"{outside} is not a cell of a board with {self.rows} rows and {self.cols} columns" if outside else None

    def action_text(self, action: int) -> str:
        """Cells as `(r1, c1) (r2, c2)`. Raises `ValueError` for no action of this board."""
        check_action(action, self.num_actions)
        names = _cell_names(self.rows, self.cols)
        if self.cells_per_action == 1:
            return names[action]
        return f"{names[action // len(names)]} {names[action % len(names)]}"

    def cells_of(self, action: int) -> list[Cell]:
        """The cells that an action names. Raises `ValueError` for no action of this board."""
        check_action(action, self.num_actions)
        return action_cells(action, self.cells_per_action, self.rows, self.cols)

    def _outside(self, cells: list[Cell]) -> list[Cell]:
        return [(row, col) for row, col in cells if row >= self.rows or col >= self.cols]


class NamedAnswers:
    """The answers of a game whose actions have names, such as directions."""

    action_names: ClassVar[tuple[str, ...]]

    def parse(self, text: str) -> int | None:
        """A name or its number; blanks around it and capitals do not matter."""
        return self._numbers_of_names.get(text.strip().lower())

    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""
        if self.parse(text) is not None:
            return None
        if not text.strip():
            return "the answer is empty"
        known = [*map(str, range(len(self.action_names))), *self.action_names]
        return f"{text.strip()[:40]!r} is not one of {', '.join(known)}"

    def action_text(self, action: int) -> str:
        """The name of an action. Raises `ValueError` for none."""
        check_action(action, len(self.action_names))
        return self.action_names[action]

    @cached_property
    def _numbers_of_names(self) -> dict[str, int]:
        """Every way to write each action."""
        numbered = list(enumerate(self.action_names))
        return {name: number for number, name in numbered} | {str(number): number for number, _ in numbered}


def check_action(action: int, num_actions: int) -> None:
    """ValueError unless it is one of `num_actions`."""
    if not 0 <= action < num_actions:
        raise ValueError(f"action {action} is not 0 .. {num_actions - 1}")
