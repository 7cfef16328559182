"""What can be done with the states of any game, without knowing the game: siblings, hashes, and the two splits.

A state is a NumPy record array, one record a game (native/state.py). Two names of fields mean something here: `rng`,
the random numbers, and `board`, what the frame shows. A game keeps what it hides from the player in other fields.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from native import state as records
from native.state import Records

UNSEEN = ("rng", "score", "pad")  # of a record without a board, what does not make the position


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

    By default of what the frame shows: board and its size, not the score, not the random numbers and nothing hidden, so
    that equal boards are equal however they came about; of a record without a board all but score and random numbers.
    With rng=True of every byte of the record. `Game.position_hash` adds what is hidden.
    """
    return hash_of([state] if rng else shown(state))


def shown(state: Records) -> list[npt.NDArray[np.generic]]:
    """The fields of state[N] that its frames show."""
    names = state.dtype.names or ()
    chosen = ("board", "rows", "cols") if "board" in names else [name for name in names if name not in UNSEEN]
    return [state[name] for name in chosen]


def hash_of(parts: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash [N] of the bytes of some arrays [N, ...], at least one, put together."""
    num = len(parts[0])
    if not num:
        return np.empty(0, np.uint64)
    columns = [np.ascontiguousarray(part).view(np.uint8).reshape(num, -1) for part in parts]
    num_bytes = sum(column.shape[1] for column in columns)
    columns.append(np.zeros((num, -num_bytes % 8), np.uint8))
    hashes = np.empty(num, np.uint64)
    records.hash_words(np.concatenate(columns, axis=1).view("<u8"), hashes)
    return hashes


def split_of(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.str_]:
    """The side each position's hash falls on: "eval" for one in eight, else "train"."""
    return np.where(hashes % np.uint64(8) == 0, np.str_("eval"), np.str_("train"))
