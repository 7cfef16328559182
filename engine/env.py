"""Gymnasium's view of a game: one board, pictures as observations. Importing this file registers g1/<game>-v0.

    import gymnasium, engine.env
    env = gymnasium.make("g1/2048-v0", tile_px=56, start_moves=20)
    frame, info = env.reset(seed=1)
    frame, reward, terminated, truncated, info = env.step(3)

Gymnasium can do that import by itself: gymnasium.make("engine.env:g1/2048-v0").
"""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from engine.game import game_names, make, start_states

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}
Frame = npt.NDArray[np.uint8]


class G1Env(gymnasium.Env[Frame, np.int64]):
    """One game; settings of the game are keyword arguments.

    Observation: the frame, uint8[height, width, 3]. Action: an index below num_actions. Reward: GR. `info` holds the
    board in words (`truth`) and the points so far (`score`). Turn limits are Gymnasium's: `max_episode_steps`.
    """

    metadata = METADATA

    def __init__(self, game: str, render_mode: str | None = None, start_moves: int = 0, **settings: Any) -> None:
        """`start_moves`: random moves before an episode starts."""
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode {render_mode!r} is not None or 'rgb_array'")
        self.game = make(game, **settings)
        self.render_mode = render_mode
        self.start_moves = start_moves
        self.action_space = gymnasium.spaces.Discrete(self.game.num_actions)
        shape = (self.game.atlas.height, self.game.atlas.width, 3)
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self.state = np.zeros(1, self.game.dtype)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode; the same seed gives the same one."""
        super().reset(seed=seed, options=options)
        number = self.np_random.integers(np.iinfo(np.uint64).max, size=1, dtype=np.uint64, endpoint=True)
        self.state = start_states(self.game, number, self.start_moves)
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
        return {"truth": self.game.describe(self.state)[0], "score": int(self.state["score"][0])}


def register() -> None:
    """Tell Gymnasium of every game; doing so twice does no harm."""
    for name in game_names():
        if f"g1/{name}-v0" not in gymnasium.registry:
            gymnasium.register(f"g1/{name}-v0", entry_point="engine.env:G1Env", kwargs={"game": name})


register()
