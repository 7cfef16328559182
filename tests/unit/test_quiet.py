"""Nothing greets on standard output."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("game", ["2048", "shisen", "swap"])
def test_pictures_of_a_game_are_drawn_without_a_word(game: str) -> None:
    code = f"import engine; engine.make({game!r}).atlas"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
