"""No bytes that a record may have make a game read or write other memory; see tests/fuzz/records.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine


def test_any_bytes_as_records() -> None:
    """In a process of its own, which a crash would end by a signal; each call raises ValueError or returns."""
    command = [sys.executable, "-m", "tests.fuzz.records", "320"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    returned, refused = (int(word) for word in done.stdout.split() if word.isdigit())
    assert min(returned, refused) > 1000


def test_every_index_of_what_is_played_is_within_bounds(tmp_path: Path) -> None:
    """The kernels of one game compiled with numba's own checks: an index out of bounds is an IndexError."""
    checked = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.fuzz.records", "160", "1", "2048"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=checked, check=False)
    assert done.returncode == 0, done.stderr


def test_records_of_a_larger_board() -> None:
    """What ended the process: a 4 x 4 game that is given records of 12 x 12."""
    small, large = (engine.make("swap", rows=side, cols=side, num_kinds=12, tile_px=28) for side in (4, 12))
    state = large.reset(range(4))
    for call in (small.legal, small.oracle, small.near_optimal, small.values, small.board, small.render, small.sprites):
        with pytest.raises(ValueError, match="another board size, 12x12, than swap 4x4"):
            call(state)
    state["rows"] = state["cols"] = 4
    for call in (small.legal, small.oracle, small.values):
        with pytest.raises(ValueError, match=r"something outside the board of swap 4x4"):
            call(state)
