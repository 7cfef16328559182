"""Actions that name two cells, as Shisen-Sho and Swap have them: an index, and how it is written and read.

    index = ((r1 * cols + c1) * rows + r2) * cols + c2          written (r1, c1) (r2, c2), counted from 0

On 6 x 6 `(0, 5) (1, 0)` is 186 and `(1, 0) (0, 5)` is 221: both orders are actions of their own. `(0, 6) (1, 0)` is
none: without a check of each coordinate its index would be that of another pair.
"""

import re

SHAPE = re.compile(r"\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,?\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*", re.ASCII)
LONGEST = 200  # characters looked at; no pair needs a quarter of them


def pair_index(r1: int, c1: int, r2: int, c2: int, rows: int, cols: int) -> int:
    """The action of two cells, each within rows x cols."""
    return ((r1 * cols + c1) * rows + r2) * cols + c2


def pair_cells(action: int, rows: int, cols: int) -> tuple[int, int, int, int]:
    """The two cells (r1, c1, r2, c2) of an action: the inverse of `pair_index`."""
    first, second = divmod(action, rows * cols)
    return *divmod(first, cols), *divmod(second, cols)


def pair_text(action: int, rows: int, cols: int) -> str:
    """An action as it is written: `(r1, c1) (r2, c2)`."""
    r1, c1, r2, c2 = pair_cells(action, rows, cols)
    return f"({r1}, {c1}) ({r2}, {c2})"


def parse_pair(text: str, rows: int, cols: int) -> int | None:
    """The action that a text means, or None; never raises. Blanks are free, one comma may stand between the cells."""
    numbers = _numbers(text)
    if numbers is None or _outside(numbers, rows, cols):
        return None
    return pair_index(*numbers, rows, cols)


def unreadable_pair(text: str, rows: int, cols: int) -> str | None:
    """Why `parse_pair` gives None, or None if it does not."""
    if not text.strip():
        return "the answer is empty"
    numbers = _numbers(text)
    if numbers is None:
        return f"{text.strip()[:40]!r} is not two cells like (0, 1) (2, 3)"
    outside = _outside(numbers, rows, cols)
    return f"{outside} is not a cell of a board with {rows} rows and {cols} columns" if outside else None


def _numbers(text: str) -> tuple[int, int, int, int] | None:
    """The four numbers of two cells, or None if the text has any other shape."""
    found = SHAPE.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    r1, c1, r2, c2 = (int(number) for number in found.groups())
    return r1, c1, r2, c2


def _outside(numbers: tuple[int, int, int, int], rows: int, cols: int) -> str:
    """The first of two cells that is not on the board, as text; empty if both are."""
    for row, col in (numbers[:2], numbers[2:]):
        if row >= rows or col >= cols:
            return f"({row}, {col})"
    return ""


class PairAnswers:
    """The answers of a game whose actions are two cells: `parse`, `unreadable` and `action_text` of `Game`."""

    rows: int
    cols: int
    num_actions: int

    def parse(self, text: str) -> int | None:
        """Two cells such as `(0, 1) (2, 3)`, whether or not the rules allow them; None if they are unreadable."""
        return parse_pair(text, self.rows, self.cols)

    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""
        return unreadable_pair(text, self.rows, self.cols)

    def action_text(self, action: int) -> str:
        """Two cells as `(r1, c1) (r2, c2)`. Raises `ValueError` for no action of this board."""
        if not 0 <= action < self.num_actions:
            raise ValueError(f"action {action} is not 0 .. {self.num_actions - 1}")
        return pair_text(action, self.rows, self.cols)
