"""Two tiny games from outside, complete: one hides something and is played cell by cell, one has no sprites."""

from typing import Any

GAMES = {"mines": "tests.tiny.mines", "line": "tests.tiny.line"}
SMALL: dict[str, dict[str, Any]] = {"mines": {"tile_px": 28, "strip": False}, "line": {}}
VARIABLE = ",".join(f"{name}={module}" for name, module in GAMES.items())
"""For G1_GAMES, so that other processes know them too."""
