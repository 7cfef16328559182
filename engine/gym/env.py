"""Gymnasium's view of a game: one board, pictures as observations. engine/gym/vector.py has many boards at once.

import gymnasium, engine                       # in any order: engine/gym/names.py registers g1/<game>-v0
env = gymnasium.make("g1/2048-v0", level="hard", start_moves=20)
frame, info = env.reset(seed=1)
frame, reward, terminated, truncated, info = env.step(3)
"""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from engine.game import Game, make, start_states
from native.state import Records

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}
Frame = npt.NDArray[np.uint8]


class G1Env(gymnasium.Env[Frame, np.int64]):
    """One game; settings of the game and its `level` are keyword arguments.

    Observation: the frame, uint8[height, width, 3]. Action: an index below num_actions. Reward: GR. Turn limits are
    Gymnasium's: `max_episode_steps`. `info` is what `game_info` gives.
    """

    metadata = METADATA

    def __init__(
        self, game: str, render_mode: str | None = None, start_moves: int = 0, truth: bool = True,
        action_mask: bool = False, **settings: Any,
    ) -> None:  # fmt: skip
        """`start_moves`: random moves before an episode starts; `truth`, `action_mask`: what `info` holds."""
        check_render_mode(render_mode)
        self.game = make(game, **settings)
        self.render_mode = render_mode
        self.start_moves = start_moves
        self.action_space = gymnasium.spaces.Discrete(self.game.num_actions)
        self.observation_space = frame_space(self.game)
        self.state = np.zeros(1, self.game.dtype)
        self._told = (truth, action_mask)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode; the same seed gives the same one."""
        super().reset(seed=seed, options=options)
        self.state = start_states(self.game, [draw_seed(self.np_random)], self.start_moves)
        return self.render(), self._info()

    def step(self, action: np.int64) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Play one action; one that is not legal costs -1 and changes nothing."""
        if not self.action_space.contains(action):
            raise ValueError(f"action {action!r} is not in {self.action_space}")
        out = self.game.step(self.state, [int(action)])
        return self.render(), float(out.reward[0]), bool(out.terminated[0]), False, self._info()

    def render(self) -> Frame:
        """The frame as it is now."""
        frame: Frame = self.game.render(self.state)[0]
        return frame

    def action_mask(self) -> npt.NDArray[np.int8]:
        """1 for each legal action, [num_actions], as `action_space.sample(mask)` takes it."""
        mask: npt.NDArray[np.int8] = self.game.legal(self.state)[0].astype(np.int8)
        return mask

    def _info(self) -> dict[str, Any]:
        info = {key: values[0] for key, values in game_info(self.game, self.state, *self._told).items()}
        return info | {"score": int(info["score"])}


def game_info(game: Game, state: Records, truth: bool, action_mask: bool) -> dict[str, Any]:
    """What `info` holds of state[N], each [N]: points and, if asked for, truth text and mask of legal actions."""
    info: dict[str, Any] = {"score": state["score"].copy()}
    if truth:
        info["truth"] = game.describe(state)
    if action_mask:
        info["action_mask"] = game.legal(state).astype(np.int8)
    return info


def frame_space(game: Game) -> gymnasium.spaces.Box[np.uint8]:
    """All frames that a game can show, and more."""
    return gymnasium.spaces.Box(0, 255, (*game.frame_size, 3), np.uint8)


def draw_seed(generator: np.random.Generator) -> int:
    """The engine's seed of the next episode."""
    return int(generator.integers(np.iinfo(np.uint64).max, dtype=np.uint64, endpoint=True))


def check_render_mode(render_mode: str | None) -> None:
    """ValueError unless it is one of ours."""
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode {render_mode!r} is not None or 'rgb_array'")
