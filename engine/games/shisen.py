"""Shisen-Sho: rules in words, answers, truth text, sprites. The arithmetic is in native/shisen*.py.

Source: paper, table of games. GR is +1 if two tiles of one kind connect with at most `max_turns` turns, else -1; score
is 1 a pair. With photographs or drawings for tiles it is the class that must be equal, not the picture.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions, check_moves
from engine.game import resolve
from engine.games import shape_words
from engine.games.answers import CellAnswers, cells_text
from engine.games.core import Game, Step
from engine.games.grid import GridGame
from engine.games.shisen_settings import LEVELS as LEVELS
from engine.games.shisen_settings import Settings, resolved
from engine.render import photos
from engine.render.atlas import Atlas
from native import shisen as kernels
from native import shisen_deal as dealing
from native import shisen_route as routes
from native import shisen_safe
from native import shisen_search as search
from native.state import Records

ALL_BITS, CLASS_BITS = 0xFF, 0x0F  # of a cell of the record: what is its kind
FULL_PROMPT = """\
You are playing Shisen-Sho on a board of {rows} rows and {cols} columns. The picture shows the board as it is now. \
Every cell holds a tile or is empty. {kinds}
A move takes two tiles of the same kind off the board. They must be connected by a path of horizontal and vertical \
lines that runs through empty cells only and {turns}. The path may also run outside the board, where everything is \
empty. Two tiles of the same kind that are next to each other are always connected.
You are rewarded for each pair that you take, and the game is won when the board is empty.
A cell is written (row, column). Rows are counted from 0 at the top, columns from 0 at the left. The answer is the \
cells of the two tiles, such as (0, 1) (2, 3).
First write down the board as you see it, one line for each row from top to bottom, cells separated by spaces, each \
cell {words}, or - if it is empty. Then reason about the pair. Then answer with one pair. Use this format:
<perception>
board
</perception>
<think>
reasoning
</think>
<answer>
pair
</answer>"""
SHAPE_KINDS = "A tile shows a shape in a colour; two tiles are of the same kind if both shape and colour are the same."
CLASS_KINDS = "A tile shows a picture of one of these: {names}. Two tiles are of the same kind if they show the same \
sort of thing, though the pictures differ."
TURNS = ("makes no turn", "makes at most one turn", "makes at most two turns", "makes at most three turns")


class Shisen(CellAnswers, GridGame):
    """The game at given settings."""

    _settings: Settings
    _free = ("rng", "score", "board", "pair")
    name = "shisen"
    dtype = kernels.DTYPE
    short_prompt = "Shisen-Sho"

    def __init__(self, settings: Settings) -> None:
        decided = resolved(settings)
        self._kind_mask, self._num_pictures = ALL_BITS, 1
        if decided.tiles == "shapes":
            colours, self._num_shapes = decided.num_colours or 1, decided.num_shapes or 1
            self._words = shape_words.tile_words(self._num_shapes)[: 1 + colours * self._num_shapes]
        else:
            names = photos.CIFAR10 if decided.tiles == "cifar10" else photos.ICONS
            self._words = (shape_words.EMPTY, *names)
            self._kind_mask, self._num_pictures = CLASS_BITS, decided.pictures_per_class
        self._num_choices = len(self._words) - 1
        self._rules = (self._kind_mask, decided.max_turns)
        super().__init__(decided, decided.rows, decided.cols, 1 + self._num_choices * self._num_pictures)
        self.num_actions = (self.rows * self.cols) ** 2

    @property
    def full_prompt(self) -> str:
        """All the rules in words, and the format of the answer."""
        shapes = self._settings.tiles == "shapes"
        kinds = SHAPE_KINDS if shapes else CLASS_KINDS.format(names=", ".join(self._words[1:]))
        words = f"{'its colour and its shape' if shapes else 'one word'}, such as {self._words[1]}"
        turns = TURNS[self._settings.max_turns]
        return FULL_PROMPT.format(rows=self.rows, cols=self.cols, kinds=kinds, turns=turns, words=words)

    def _draw_atlas(self) -> Atlas:
        """Tiles and whatever else the layout has; ValueError if photographs cannot be read."""
        from engine.render.shisen import draw_atlas  # pygame: only for games that are looked at

        return draw_atlas(self._layout, self._settings)

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N] on full boards that can be cleared."""
        numbers, state = self._fresh(seeds)
        kinds = self._settings.num_kinds or 1
        dealing.reset(
            state, numbers, self.rows, self.cols, kinds, self._num_choices, self._num_pictures, *self._rules
        )  # fmt: skip
        return state

    def step(self, state: Records, actions: Integers) -> Step:
        """Play actions [N] (-1 for an unreadable answer) in place."""
        moves, out = self._moves(state, actions), Step.empty(len(state))
        kernels.step(state, moves, *self._rules, out.reward, out.score, out.legal, out.terminated)
        return out

    def play_random(self, state: Records, num_moves: int) -> None:
        """Up to `num_moves` moves in place, uniform over all pairs of cells, legal or not; few pairs are."""
        self.check(state, writable=True)
        kernels.play_random(state, check_moves(num_moves), *self._rules)

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, (rows * cols)**2] of the pairs that can be taken, in both orders of their cells."""
        mask = self._per_action(state)
        kernels.legal(state, *self._rules, mask)
        return mask

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """Kinds [N, rows, cols]: 0 empty, 1 + colour * num_shapes + shape, or 1 + class."""
        cells = self._cells(state)
        if (bad := kernels.unpack(state, self._kind_mask, self._num_choices, cells)) >= 0:
            raise ValueError(f"record {bad} has pictures that do not exist, of kinds beyond {self._num_choices}")
        return cells

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at kinds [N, rows, cols], score 0; seeds choose the pictures where a kind has many."""
        cells, numbers, state = self._set_up(board, seeds, self._num_choices)
        dealing.pack(cells, numbers, self._num_pictures, *self._rules, state)
        return state

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position of this game, in all its fields."""
        super().verify(state)
        if (bad := kernels.first_strange(state, self._num_pictures, *self._rules)) >= 0:
            raise ValueError(f"record {bad} has pictures that do not exist, or as its legal pair one that is not legal")

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back as kinds [rows, cols]; blanks, capitals and commas between cells do not matter."""
        if self._settings.tiles == "shapes":
            return shape_words.perceived_board(text, self.rows, self.cols, self._num_shapes, self._num_choices)
        return super().perceived(text.lower().replace(",", " "))

    def _faces(self, state: Records) -> npt.NDArray[np.uint16]:
        """1 + kind * number of pictures + picture, 0 empty."""
        numbers = np.empty((len(state), self.rows, self.cols), np.uint16)
        kernels.faces(state, self._kind_mask, self._num_pictures, numbers)
        return numbers

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """The next pair of a way to clear each board, else of the longest way found; -1 for a game that has ended."""
        return self._solved(state)[0]

    def can_clear(self, state: Records) -> npt.NDArray[np.int64]:
        """What the oracle knows of each board [N]: 1 it can be cleared, 0 it cannot, -1 it was not found out."""
        return self._solved(state)[1]

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, (rows * cols)**2] of the pairs after which the board can still be cleared, in both orders.

        A pair of which that is not found out is left out. Where not even the board as it is can be cleared, or that is
        not found out, the oracle's own pair is the only one. In the worst case each pair asks for a search like the
        oracle's: a game takes some 10 microseconds on 6x6 as a rule, milliseconds at times, and a second on 12x16 with
        four kinds.
        """
        mask = self._per_action(state)
        shisen_safe.safe(state, np.zeros(1, self.dtype), np.zeros(1, search.DESK), *self._rules, mask)
        return mask

    def explain(self, state: Records, action: Integers) -> list[str]:
        """For each kind on the board its nearest pair; then the path of the action, corner by corner, and the action.

        Red circle (0, 3) (1, 3) Blue square none by (0, 3) (-1, 3) (-1, 5) (0, 5) so (0, 3) (0, 5)
        """
        self.board(state)  # ValueError for a kind that has no place below
        moves = check_actions(action, len(state), self.num_actions)
        pairs = np.empty((len(state), self._num_choices), np.int64)
        routes.nearest_pairs(state, *self._rules, pairs)
        return [
            " ".join([*self._kinds_in_words(row), *self._path_in_words(state, index, move)])
            for index, (row, move) in enumerate(zip(pairs.tolist(), moves.tolist(), strict=True))
        ]

    def _kinds_in_words(self, pairs: list[int]) -> list[str]:
        """`kind pair` for each kind that is on the board."""
        named = zip(self._words[1:], pairs, strict=True)
        return [f"{word} {self.action_text(pair) if pair >= 0 else 'none'}" for word, pair in named if pair > -2]

    def _path_in_words(self, state: Records, index: int, action: int) -> list[str]:
        """`by` the ends and corners of an action's path, if there is one, `so` the action."""
        if action < 0:
            return ["so nothing"]
        corners, (start, end) = np.empty((3, 2), np.int8), self.cells_of(action)
        turns: int | np.int64 = -1
        if start != end:
            turns = routes.route(state, index, action, self._settings.max_turns, corners)
        by = cells_text([start, *corners[: max(turns, 0)].tolist(), end]) if turns >= 0 else "nothing"
        return [f"by {by}", f"so {self.action_text(action)}"]

    def _solved(self, state: Records) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        actions, outcomes = self._per_game(state), self._per_game(state)
        search.oracle(state, np.zeros(1, search.DESK), *self._rules, actions, outcomes)
        return actions, outcomes


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return Shisen(resolve(Settings, settings))
