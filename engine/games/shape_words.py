"""Boards of colour x shape tiles in words: a cell is `Red circle`, an empty one `-`; a line for each row.

    0 5 1                                    - Blue square Red circle
    0 2 6      with three shapes is          - Red square Blue triangle

A cell's number is 1 + colour * num_shapes + shape. Shisen-Sho and Swap speak alike.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from engine.games.core import UNREADABLE
from engine.render.kinds import COLOURS, SHAPES

EMPTY = "-"


@cache
def tile_words(num_shapes: int) -> tuple[str, ...]:
    """The words for each cell number, in all colours there are."""
    return (EMPTY, *(f"{colour} {shape.lower()}" for colour in COLOURS for shape in SHAPES[:num_shapes]))


@cache
def _numbers(num_shapes: int) -> dict[str, int]:
    return {words.lower(): number for number, words in enumerate(tile_words(num_shapes))}


def perceived_board(text: str, rows: int, cols: int, num_shapes: int, num_kinds: int) -> npt.NDArray[np.uint8]:
    """A description read back, cell numbers [rows, cols]; UNREADABLE cells, all of them for a wrong shape.

    Blanks, capitals and commas between cells do not matter. A cell is `-` or two words; words that name no tile, or one
    beyond `num_kinds`, make that cell unreadable and leave the others.
    """
    lines = [_cells(line) for line in text.strip().split("\n")]
    if len(lines) != rows or any(len(line) != cols for line in lines):
        return np.full((rows, cols), UNREADABLE, np.uint8)
    numbers = _numbers(num_shapes)
    board = np.array([[numbers.get(cell, UNREADABLE) for cell in line] for line in lines], np.uint8)
    board[board > num_kinds] = UNREADABLE
    return board


def _cells(line: str) -> list[str]:
    """The cells of a line: a dash, or two words."""
    cells: list[str] = []
    colour = ""
    for word in line.lower().replace(",", " ").split():
        if word == EMPTY and not colour:
            cells.append(EMPTY)
        elif colour:
            cells.append(f"{colour} {word}")
            colour = ""
        else:
            colour = word
    return [*cells, colour] if colour else cells
