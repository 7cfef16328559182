"""Gymnasium's own checker, seeds, and an engine that never asks for a display."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import engine.env

SMALL: dict[str, Any] = {"tile_px": 28, "strip": False}


@pytest.mark.parametrize("name", engine.game_names())
def test_env_passes_gymnasiums_checker(name: str) -> None:
    env = gymnasium.make(f"g1/{name}-v0", render_mode="rgb_array", **SMALL)
    check_env(env.unwrapped)


def test_registering_again_changes_nothing() -> None:
    before = dict(gymnasium.registry)
    engine.env.register()
    assert gymnasium.registry == before


def test_episode() -> None:
    env = gymnasium.make("g1/2048-v0", max_episode_steps=5, start_moves=10, **SMALL).unwrapped
    assert isinstance(env, engine.env.G1Env)
    frame, info = env.reset(seed=3)
    again, _ = env.reset(seed=3)
    assert np.array_equal(frame, again)
    assert info["truth"] == env.game.describe(env.state)[0]
    action = np.int64(np.flatnonzero(env.action_mask())[0])
    frame, reward, terminated, truncated, info = env.step(action)
    assert reward in (-1.0, 1.0)
    assert (terminated, truncated) == (False, False)
    assert info["score"] == env.state["score"][0]
    assert np.array_equal(frame, env.render())
    with pytest.raises(ValueError, match="not in Discrete"):
        env.step(np.int64(4))


def test_no_display_and_no_pygame_until_a_frame_is_drawn() -> None:
    script = """
import sys, engine
game = engine.make("2048", tile_px=28)
state = game.reset([1])
game.step(state, [0])
game.sprites(state)
assert "pygame" not in sys.modules
game.render(state)
import pygame
assert not pygame.display.get_init()
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=120)
