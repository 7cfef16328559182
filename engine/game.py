"""What a game is, how to make one, and what can be done with the states of any game.

A state is a NumPy record array, one record a game (native/state.py); `state.tobytes()` is a snapshot of everything,
random numbers included, and `np.frombuffer(data, game.dtype).copy()` restores it.

    seeds ──reset──▶ state ──branch──▶ siblings ──step(actions)──▶ Step: reward, score, legal, terminated
                       ├──render──▶ frame            (what the model sees)
                       └──describe──▶ truth text     (what it should read)
"""

import importlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from engine.levels import known, settings_of
from native import state as records
from native.state import Records

if TYPE_CHECKING:
    from engine.render.atlas import Atlas, Layout

REGISTRY = {"2048": "engine.games.g2048", "shisen": "engine.games.shisen", "swap": "engine.games.swap"}
UNREADABLE = 255  # a cell of a perception that says nothing we know
MAX_ATTEMPTS = 1000  # sub-seeds tried for one start state

Integers = npt.NDArray[np.integer[Any]] | Sequence[int]
SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


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


class Game(Protocol):
    """A game with its settings; it holds no state of play. N is any batch size; states may be slices or read-only.

    Only `step` and `play_random` change a state. All raise ValueError on arguments that do not fit.
    """

    name: str
    num_actions: int
    dtype: np.dtype[np.void]
    rows: int
    cols: int
    cells_per_action: int = 2
    """How many cells of the board an action names: 2 for a pair (engine/games/pairs.py), 0 for a direction."""
    settings: dict[str, Any]
    """Every setting resolved to a plain value: `make(name, **settings)` gives an equal game."""

    @property
    def prompt(self) -> str:
        """What the model is told beside the frame."""

    @property
    def atlas(self) -> "Atlas":
        """The sprites, drawn on first use."""

    @property
    def layout(self) -> "Layout":
        """Where things lie on a frame; equal to `atlas.layout`, without drawing anything."""

    @property
    def draw_dtype(self) -> np.dtype[np.void]:
        """The record that `sprites` gives for each frame; equal to `atlas.draw_dtype`, without drawing anything."""

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N], one for each seed (at least 0)."""

    def step(self, state: Records, actions: Integers) -> Step:
        """Play actions [N] (-1 for an unreadable answer) in place."""

    def play_random(self, state: Records, num_moves: int) -> None:
        """Up to `num_moves` moves in place, uniform over all actions, legal or not."""

    def legal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, num_actions]; all False for a game that has ended."""

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """A strong legal action for each [N]; -1 for a game that has ended."""

    def near_optimal(self, state: Records) -> npt.NDArray[np.bool_]:
        """Mask [N, num_actions] of the legal actions that the oracle holds to be as good as its own, or nearly so.

        By integers alone, so every machine gives the same. The oracle's own is in it; all False for a game that has
        ended. As large as `legal`, and it may search for long: for when it is asked for, not for every step.
        """

    def explain(self, state: Records, action: Integers) -> list[str]:
        """Why, in words that can each be checked against the board: N strings."""

    def describe(self, state: Records) -> list[str]:
        """The truth as a perfect perception would say it: N strings."""

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """A description read back, [rows, cols] as `board` has it; UNREADABLE cells, all of them for a wrong shape."""

    def parse(self, text: str) -> int | None:
        """The action that an answer means, or None; never raises."""

    def unreadable(self, text: str) -> str | None:
        """Why `parse` gives None, or None if it does not."""

    def action_text(self, action: int) -> str:
        """The inverse of `parse`."""

    def board(self, state: Records) -> npt.NDArray[np.uint8]:
        """The cells, [N, rows, cols]; 0 is empty."""

    def from_board(self, board: npt.ArrayLike, seeds: Integers) -> Records:
        """Games [N] that stand at boards [N, rows, cols], score 0."""

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position of this game in all its fields: kernels trust them, so
        whatever comes from outside is verified first."""

    def sprites(self, state: Records) -> Records:
        """The frames as sprite numbers, [N] of draw_dtype: what goes over the wire."""

    def render(self, state: Records, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The frames, [N, height, width, 3]."""
        return self.atlas.compose(self.sprites(state), out)


def game_names() -> list[str]:
    """Names that `make` knows."""
    return sorted(REGISTRY)


def make(name: str, /, *, level: str = "normal", **settings: Any) -> Game:
    """The game `name` at a difficulty (engine/levels.py); explicit settings override the level's.

    Raises ValueError for an unknown name, level or setting (naming the nearest known one) and for a bad value.
    """
    module = importlib.import_module(REGISTRY[known("game", name, REGISTRY)])
    game: Game = module.make({**settings_of(level, module.LEVELS), **settings})
    return game


def resolve(kind: type[SettingsT], settings: dict[str, Any]) -> SettingsT:
    """`settings` as a checked struct; ValueError on unknown names and values of a wrong type or range."""
    for name in settings:
        known("setting", name, kind.__struct_fields__)
    try:
        return msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"bad setting: {error}; got {settings}") from error


def branch(state: Records, k: int, rng: Literal["shared", "split"] = "shared") -> Records:
    """k siblings of each of state[N], side by side: [N * k].

    "shared" copies the whole state, so siblings that act alike stay alike; "split" gives each a future of its own.
    """
    if k < 1 or rng not in ("shared", "split"):
        raise ValueError(f"branch(k={k!r}, rng={rng!r}): k is at least 1, rng is 'shared' or 'split'")
    siblings = np.repeat(state, k)
    if rng == "split":
        records.split_siblings(siblings, k)
    return siblings


def state_hash(state: Records, rng: bool = False) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each record [N], the same in every process and machine.

    By default of what makes the position: board and its size, not the score and not the random numbers, so that equal
    boards are equal however they came about. With rng=True of every byte of the record.
    """
    if not len(state):
        return np.empty(0, np.uint64)
    parts = [state] if rng else [state["board"], state["rows"], state["cols"]]
    columns = [np.ascontiguousarray(part).view(np.uint8).reshape(len(state), -1) for part in parts]
    num_bytes = sum(column.shape[1] for column in columns)
    columns.append(np.zeros((len(state), -num_bytes % 8), np.uint8))
    hashes = np.empty(len(state), np.uint64)
    records.hash_words(np.concatenate(columns, axis=1).view("<u8"), hashes)
    return hashes


def split_of(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.str_]:
    """The side each state hash falls on: "eval" for one in eight, else "train"."""
    return np.where(hashes % np.uint64(8) == 0, np.str_("eval"), np.str_("train"))


def start_states(game: Game, seeds: Integers, num_moves: int, split: Literal["train", "eval"] | None = None) -> Records:
    """States [N] after `num_moves` random moves, none of them over; with `split`, all on that side of `split_of`.

    What does not fit is drawn again from the next sub-seed, so a seed's state does not depend on the batch it is in.
    Raises ValueError if some seed finds none, as on a board too small for that many moves.
    """
    if split not in (None, "train", "eval"):
        raise ValueError(f"split {split!r} is not None, 'train' or 'eval'")
    wanted = check_seeds(seeds)
    state = np.zeros(len(wanted), game.dtype)
    pending = np.arange(len(wanted))
    for attempt in range(MAX_ATTEMPTS):
        drawn = np.empty(len(pending), np.uint64)
        records.sub_seeds(wanted[pending], np.uint64(attempt), drawn)
        fresh = game.reset(drawn)
        game.play_random(fresh, num_moves)
        good = fresh["ended"] == 0
        if split is not None:
            good &= split_of(state_hash(fresh)) == split
        state[pending[good]] = fresh[good]
        pending = pending[~good]
        if not len(pending):
            return state
    raise ValueError(f"no state of {game.name} is left after {num_moves} random moves; ask for fewer moves")


def near_best(worths: npt.NDArray[np.int64], margin: int) -> npt.NDArray[np.bool_]:
    """Mask [N, num_actions] of what is at most `margin` below the largest of worths[N]; -1 stands for illegal."""
    best: npt.NDArray[np.int64] = worths.max(axis=1, keepdims=True)
    return (worths >= 0) & (worths >= best - margin)


def check_seeds(seeds: Integers) -> npt.NDArray[np.uint64]:
    """Seeds as uint64[N]; ValueError unless each is an integer in 0 .. 2**64 - 1."""
    if isinstance(seeds, np.ndarray) and seeds.dtype == np.uint64 and seeds.ndim == 1:
        return seeds.astype(np.uint64, copy=False)
    try:
        return np.array([operator.index(number) for number in seeds], np.uint64)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"seeds {seeds!r} are not a sequence of integers in 0 .. 2**64 - 1") from error


def check_state(state: Records, dtype: np.dtype[np.void]) -> None:
    """ValueError unless `state` is a one-dimensional array of this game's records."""
    if state.dtype != dtype or state.ndim != 1:
        raise ValueError(f"state has dtype {state.dtype} and shape {state.shape}; expected a batch [N] of {dtype}")


def check_actions(actions: Integers, num: int, num_actions: int) -> npt.NDArray[np.int64]:
    """Actions as int64[num]; ValueError unless each is an integer in -1 .. num_actions - 1."""
    array = np.asarray(actions)
    if array.dtype != np.int64:
        if array.dtype.kind not in "iu" and array.size:
            raise ValueError(f"actions have dtype {array.dtype}; expected integers")
        array = array.astype(np.int64)
    if array.shape != (num,):
        raise ValueError(f"actions have shape {array.shape}; expected one for each of {num} games")
    bad = records.first_outside(array, num_actions)
    if bad >= 0:
        raise ValueError(f"actions[{bad}] is {array[bad]}; expected 0 .. {num_actions - 1}, or -1 if unreadable")
    return array
