"""What a game is: the core that every game has. One whose frame is a grid of sprites has more: engine/games/grid.py.

    seeds ──reset──▶ state ──branch──▶ siblings ──step(actions)──▶ Step: reward, score, legal, terminated
                       ├──render──▶ frame            (what the model sees)
                       └──describe──▶ truth text     (what it should read)

A state is a NumPy record array, one record a game (native/state.py); `state.tobytes()` is a snapshot of everything,
random numbers included, and `np.frombuffer(data, game.dtype).copy()` restores it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions, check_moves, check_records, check_seeds
from engine.states import branch, hash_of, shown, state_hash
from native import state as records
from native.state import Records

if TYPE_CHECKING:
    from engine.render.atlas import Atlas, Layout

UNREADABLE = 255  # a cell of a perception that says nothing we know


@dataclass(slots=True)
class Step:
    """What one step did to each of N games."""

    reward: npt.NDArray[np.float32]
    """GR [N]: +1, -1, or 0 for a game that had already ended."""
    score: npt.NDArray[np.int64]
    """Points gained by this step [N]."""
    legal: npt.NDArray[np.bool_]
    """Was the action legal [N]."""
    terminated: npt.NDArray[np.bool_]
    """Is the game over now [N]."""

    @classmethod
    def empty(cls, num: int, *more: npt.NDArray[Any]) -> Self:
        """Room for `num` games, for a kernel to fill; `more` are the fields that a game adds."""
        legal, terminated = np.empty(num, np.bool_), np.empty(num, np.bool_)
        return cls(np.empty(num, np.float32), np.empty(num, np.int64), legal, terminated, *more)


class Game(ABC):
    """A game with its settings; it holds no state of play. N is any batch size; states may be slices or read-only.

    Only `step` and `play_random` change a state. All raise ValueError on arguments that do not fit, and whatever the
    bytes of a record are, no memory is touched but its own (`check`). What stands below `explain` is there if the game
    `offers` it, and raises ValueError if not.
    """

    name: str
    dtype: np.dtype[np.void]
    num_actions: int
    rows: int = 1
    cols: int = 1
    """The size of the board, as each record's header has it; 1 x 1 for a game without one."""
    cells_per_action: int = 0
    """How many cells of the board an action names: 1, 2 for a pair, 0 for a direction or a word."""
    settings: dict[str, Any]
    """Every setting resolved to a plain value: `make(name, **settings)` gives an equal game."""
    hidden: ClassVar[tuple[str, ...]] = ()
    """Fields of a record that make the position and that no frame shows, such as where mines are."""
    short_prompt: ClassVar[str]
    """The prompt for models too small to read: the name."""

    @property
    @abstractmethod
    def full_prompt(self) -> str:
        """All the rules in words, and the format of the answer."""

    @property
    def prompt(self) -> str:
        """What the model is told beside the frame, by the setting `prompt`: "full" or "short"."""
        return self.short_prompt if self.settings.get("prompt") == "short" else self.full_prompt

    @abstractmethod
    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N], one for each seed (at least 0)."""

    @abstractmethod
    def step(self, state: Records, actions: Integers) -> Step:
        """Play actions [N] (-1 for an unreadable answer) in place."""

    def play_random(self, state: Records, num_moves: int) -> None:
        """Up to `num_moves` moves in place, uniform over all actions, legal or not."""
        self.check(state, writable=True)
        actions = np.empty(len(state), np.int64)
        for _ in range(check_moves(num_moves)):
            records.draw_actions(state, self.num_actions, actions)
            if (actions < 0).all():
                return
            self.step(state, actions)

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, num_actions]; all False for a game that has ended."""
        self.check(state)
        tried = self.step(branch(state, self.num_actions), np.tile(np.arange(self.num_actions), len(state)))
        return tried.legal.reshape(len(state), self.num_actions)

    @abstractmethod
    def describe(self, state: Records) -> list[str]:
        """The truth as a perfect perception would say it: N strings."""

    @abstractmethod
    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back, as `board` has it; UNREADABLE cells, all of them for a wrong shape."""

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """What a perfect perception reads off the frames, cell by cell: [N, ...]; on a grid [N, rows, cols]."""
        return np.array([self.perceived(text) for text in self.describe(state)], np.uint8)

    @abstractmethod
    def parse(self, text: str) -> int | None:
        """The action that an answer means, or None; never raises."""

    @abstractmethod
    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""

    @abstractmethod
    def action_text(self, action: int) -> str:
        """The inverse of `parse`."""

    @abstractmethod
    def render(self, state: Records, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The frames, uint8 [N, height, width, 3], into `out` if given."""

    @cached_property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of every frame."""
        _, height, width, _ = self.render(self.reset([0])).shape
        return height, width

    @abstractmethod
    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position of this game in all its fields: whatever comes from outside
        is verified first. Records that are not may be played wrongly, though safely."""

    def position_hash(self, state: Records) -> npt.NDArray[np.uint64]:
        """A 64-bit hash [N] of what makes each position, hidden things included: training and evaluation are kept apart
        by it (`split_of`). Where nothing is hidden it is `state_hash`, the hash of what the frame shows."""
        self.check(state)
        return hash_of([*shown(state), *(state[name] for name in self.hidden)]) if self.hidden else state_hash(state)

    def explain(self, state: Records, action: Integers) -> list[str]:
        """Why, in words that can each be checked against the board: N strings, empty where a game has no such words."""
        self.check(state)
        return [""] * len(check_actions(action, len(state), self.num_actions))

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """A strong legal action for each [N]; -1 for a game that has ended."""
        self._lacks("oracle")

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, num_actions] of the legal actions that the oracle holds to be as good as its own, or nearly so.

        By integers alone, so every machine gives the same. The oracle's own is in it; all False for a game that has
        ended. As large as `legal`, and it may search for long: for when it is asked for, not for every step.
        """
        self._lacks("near_optimal")

    def values(self, state: Records) -> npt.NDArray[np.int64]:
        """What the oracle weighs, [N, num_actions]: -1 for what is not legal, the largest is the oracle's."""
        self._lacks("values")

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at boards [N, rows, cols], score 0."""
        self._lacks("from_board")

    @property
    def layout(self) -> "Layout":
        """Where things lie on a frame; equal to `atlas.layout`, without drawing anything."""
        self._lacks("layout")

    @property
    def atlas(self) -> "Atlas":
        """The sprites, drawn on first use."""
        self._lacks("atlas")

    @property
    def draw_dtype(self) -> np.dtype[np.void]:
        """The record that `sprites` gives for each frame; equal to `atlas.draw_dtype`, without drawing anything."""
        self._lacks("draw_dtype")

    def sprites(self, state: Records) -> Records:
        """The frames as sprite numbers, [N] of draw_dtype: what goes over the wire."""
        self._lacks("sprites")

    def offers(self, what: str) -> bool:
        """Does this game have what not every game has: `oracle`, `near_optimal`, `values`, `explain`, `from_board`; and
        with a grid of sprites `layout`, `atlas`, `draw_dtype` and `sprites`."""
        return getattr(type(self), what) is not getattr(Game, what)

    def _lacks(self, what: str) -> NoReturn:
        raise ValueError(f"{self.name} offers no {what}; `game.offers({what!r})` tells beforehand")

    def check(self, state: Records, writable: bool = False) -> None:
        """The door of every kernel: ValueError unless `state` is a batch of this game's records and board size, and may
        be changed if it is to be. Whatever else they hold, kernels then read and write nothing beside them."""
        check_records(state, self.dtype, writable)
        if (bad := self._first_unfit(state)) >= 0:
            rows, cols = int(state[bad]["rows"]), int(state[bad]["cols"])
            here = f"{self.name} {self.rows}x{self.cols}"
            if (rows, cols) != (self.rows, self.cols):
                raise ValueError(f"state[{bad}] is of another board size, {rows}x{cols}, than {here}")
            raise ValueError(f"state[{bad}] has something outside the board of {here}")

    def _first_unfit(self, state: Records) -> int:
        """Index of the first record that no kernel may see, or -1; a game whose kernels trust more looks at more."""
        return records.first_other_size(state, self.rows, self.cols)

    def _fresh(self, seeds: Integers) -> tuple[npt.NDArray[np.uint64], Records]:
        """Seeds [N] as kernels take them, and zeroed records [N] for new games."""
        numbers = check_seeds(seeds)
        return numbers, np.zeros(len(numbers), self.dtype)

    def _moves(self, state: Records, actions: Integers) -> npt.NDArray[np.int64]:
        """Actions [N] as kernels take them, for a state that may be changed."""
        self.check(state, writable=True)
        return check_actions(actions, len(state), self.num_actions)

    def _per_action(self, state: Records) -> npt.NDArray[np.bool_]:
        """Room for a mask [N, num_actions] of a state that was checked."""
        self.check(state)
        return np.empty((len(state), self.num_actions), np.bool_)

    def _per_game(self, state: Records) -> npt.NDArray[np.int64]:
        """Room for a number [N] of each game of a state that was checked."""
        self.check(state)
        return np.empty(len(state), np.int64)


def near_best(worths: npt.NDArray[np.int64], margin: int) -> npt.NDArray[np.bool_]:
    """Mask [N, num_actions] of what is at most `margin` below the largest of worths[N]; -1 stands for illegal."""
    best: npt.NDArray[np.int64] = worths.max(axis=1, keepdims=True)
    return (worths >= 0) & (worths >= best - margin)
