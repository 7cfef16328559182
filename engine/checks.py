"""What comes in from outside as kernels can take it, or a ValueError that names what does not fit.

    seeds, actions, counts of moves ──▶ arrays of one type, in range
    records ──▶ a batch of a game's dtype, writable where it is to be changed

Kernels trust what passed here, and the size of each board, which `Game.check` looks at.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from native import state as records
from native.state import Records

Integers = npt.NDArray[np.integer[Any]] | Sequence[int]


def check_seeds(seeds: Integers) -> npt.NDArray[np.uint64]:
    """Seeds as uint64[N]; ValueError unless each is an integer in 0 .. 2**64 - 1."""
    if isinstance(seeds, np.ndarray) and seeds.dtype == np.uint64 and seeds.ndim == 1:
        return seeds.astype(np.uint64, copy=False)
    try:
        return np.array([operator.index(number) for number in seeds], np.uint64)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"seeds {seeds!r} are not a sequence of integers in 0 .. 2**64 - 1") from error


def check_actions(actions: Integers, num: int, num_actions: int) -> npt.NDArray[np.int64]:
    """Actions as int64[num]; ValueError unless each is an integer in -1 .. num_actions - 1."""
    given = array = np.asarray(actions)
    if array.dtype != np.int64:
        if array.dtype.kind not in "iu" and array.size:
            raise ValueError(f"actions have dtype {array.dtype}; expected integers")
        if array.dtype.kind == "u":
            array = np.minimum(array, np.uint64(num_actions))  # the largest would wrap around to -1
        array = array.astype(np.int64)
    if array.shape != (num,):
        raise ValueError(f"actions have shape {array.shape}; expected one for each of {num} games")
    bad = records.first_outside(array, num_actions)
    if bad >= 0:
        raise ValueError(f"actions[{bad}] is {given[bad]}; expected 0 .. {num_actions - 1}, or -1 if unreadable")
    return array


def check_moves(num_moves: int) -> int:
    """A number of moves; ValueError unless it is an integer from 0 that a kernel can count to."""
    try:
        number = operator.index(num_moves)
    except TypeError as error:
        raise ValueError(f"num_moves {num_moves!r} is no integer") from error
    if not 0 <= number < 1 << 63:
        raise ValueError(f"num_moves {number} is not 0 or more, and below 2**63")
    return number


def check_records(state: Records, dtype: np.dtype[np.void], writable: bool = False) -> None:
    """ValueError unless `state` is a one-dimensional array of a game's records, and may be changed if it is to be."""
    if not isinstance(state, np.ndarray):
        raise ValueError(f"state is {type(state).__name__}; expected an array of records [N]")
    if state.dtype != dtype or state.ndim != 1:
        raise ValueError(f"state has dtype {state.dtype} and shape {state.shape}; expected a batch [N] of {dtype}")
    if writable and not state.flags.writeable:
        raise ValueError("state is read-only, and would be changed in place; give a copy, such as state.copy()")
