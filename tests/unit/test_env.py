"""Gymnasium's own checker, seeds, vectors beside single environments, and an engine that never asks for a display."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import engine
from engine.gym.env import G1Env
from engine.gym.vector import G1VectorEnv

SMALL: dict[str, Any] = {"tile_px": 28, "strip": False}


@pytest.mark.parametrize("name", engine.game_names())
def test_env_passes_gymnasiums_checker(name: str) -> None:
    env = gymnasium.make(f"g1/{name}-v0", render_mode="rgb_array", action_mask=True, **SMALL)
    check_env(env.unwrapped)


def test_episode() -> None:
    env = gymnasium.make("g1/2048-v0", max_episode_steps=5, start_moves=10, action_mask=True, **SMALL).unwrapped
    assert isinstance(env, G1Env)
    frame, info = env.reset(seed=3)
    again, _ = env.reset(seed=3)
    assert np.array_equal(frame, again)
    assert info["truth"] == env.game.describe(env.state)[0]
    assert np.array_equal(info["action_mask"], env.action_mask())
    action = np.int64(np.flatnonzero(env.action_mask())[0])
    frame, reward, terminated, truncated, info = env.step(action)
    assert reward in (-1.0, 1.0)
    assert (terminated, truncated) == (False, False)
    assert info["score"] == env.state["score"][0]
    assert np.array_equal(frame, env.render())
    with pytest.raises(ValueError, match="not in Discrete"):
        env.step(np.int64(4))
    with pytest.raises(ValueError, match="render_mode 'human'"):
        G1Env("2048", render_mode="human")


def same(one: Any, other: Any) -> bool:
    """Equal arrays, types included, and equal dictionaries of them."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if one.dtype == object:
        return bool(one.shape == other.shape and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True)))
    return bool(one.dtype == other.dtype and np.array_equal(one, other))


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("name", engine.game_names())
def test_vector_equals_single_environments(name: str, mode: AutoresetMode) -> None:
    settings = {**SMALL, "max_episode_steps": 7, "start_moves": 3, "action_mask": True}
    if name == "2048":
        settings |= {"rows": 2, "cols": 2}  # many of its games end before they are cut off
    ours = gymnasium.make_vec(f"g1/{name}-v0", num_envs=6, autoreset_mode=mode, **settings)
    theirs = gymnasium.make_vec(
        f"g1/{name}-v0", num_envs=6, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **settings
    )
    assert ours.metadata["autoreset_mode"] == mode
    assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
    for one, other in zip(ours.reset(seed=5), theirs.reset(seed=5), strict=True):
        assert same(one, other)
    ours.action_space.seed(1)
    for turn in range(20):
        actions = ours.action_space.sample()
        mine, wanted = ours.step(actions), theirs.step(actions)
        assert all(same(one, other) for one, other in zip(mine, wanted, strict=True)), turn
        done = mine[2] | mine[3]
        if mode is AutoresetMode.DISABLED and done.any():
            both = [env.reset(options={"reset_mask": done.copy()}) for env in (ours, theirs)]
            assert all(same(one, other) for one, other in zip(*both, strict=True))
    ours.close()
    theirs.close()


def test_vector_refuses_what_it_cannot_play() -> None:
    env = G1VectorEnv("2048", num_envs=2, autoreset_mode="Disabled", max_episode_steps=1, **SMALL)
    with pytest.raises(ValueError, match="3 seeds do not fit 2"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask is int64"):
        env.reset(options={"reset_mask": np.array([0, 1])})
    env.reset(seed=[1, None])
    with pytest.raises(ValueError, match="are not in"):
        env.step(np.array([0, 4]))
    env.step(np.array([0, 1]))
    with pytest.raises(ValueError, match=r"games \[0, 1\] have ended"):
        env.step(np.array([0, 1]))


def run(script: str) -> None:
    """In a process of its own."""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=120)


@pytest.mark.parametrize("imports", ["engine, gymnasium", "gymnasium, engine"])
def test_games_are_registered_by_importing_both(imports: str) -> None:
    run(f"""
import {imports}, importlib.resources, sys
assert "engine.gym.env" not in sys.modules
for name in engine.game_names():
    gymnasium.spec(f"g1/{{name}}-v0")
assert gymnasium.make("g1/2048-v0", level="hard", rows=3).unwrapped.game.rows == 3
assert gymnasium.make("CartPole-v1") is not None
""")


def test_engine_does_without_gymnasium_pygame_and_display() -> None:
    run("""
import sys, engine
game = engine.make("2048", tile_px=28)
state = game.reset([1])
game.step(state, [0])
game.sprites(state)
assert "pygame" not in sys.modules
game.render(state)
assert "gymnasium" not in sys.modules
import pygame
assert not pygame.display.get_init()
""")
