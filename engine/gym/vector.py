"""Many boards at once for Gymnasium, over the batched kernels: `gymnasium.make_vec("g1/2048-v0", num_envs=64)`.

Equal to `SyncVectorEnv` over as many single environments, observations, rewards and infos alike, under the same seeds
and in each of Gymnasium's ways to go on after an episode's end:

    NEXT_STEP   the step after the last one starts an episode: its action is ignored, its reward 0
    SAME_STEP   the last step itself does; what the episode ended with is in infos["final_obs"] and ["final_info"]
    DISABLED    nothing does: call reset(options={"reset_mask": bool[N]}) for those that have ended
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from engine.game import make, start_states
from engine.gym.env import METADATA, check_render_mode, draw_seed, frame_space, game_info

Frames = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Stepped = tuple[Frames, npt.NDArray[np.float64], Mask, Mask, dict[str, Any]]


class G1VectorEnv(gymnasium.vector.VectorEnv[Frames, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """N games of one kind; arguments as `G1Env` has them."""

    def __init__(
        self, game: str, num_envs: int = 1, render_mode: str | None = None, start_moves: int = 0, truth: bool = True,
        action_mask: bool = False, max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, **settings: Any,
    ) -> None:  # fmt: skip
        check_render_mode(render_mode)
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs} is not at least 1")
        self.game = make(game, **settings)
        self.num_envs, self.render_mode, self.start_moves = num_envs, render_mode, start_moves
        self.mode = AutoresetMode(autoreset_mode)
        self.metadata = METADATA | {"autoreset_mode": self.mode}
        self.single_action_space = gymnasium.spaces.Discrete(self.game.num_actions)
        self.single_observation_space = frame_space(self.game)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.state = np.zeros(num_envs, self.game.dtype)
        self._told = (truth, action_mask)
        self._max_steps = max_episode_steps
        self._elapsed = np.zeros(num_envs, np.int64)
        self._done = np.zeros(num_envs, np.bool_)
        self._generators: list[np.random.Generator | None] = [None] * num_envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Start an episode in each game, or in those of options["reset_mask"]; game i gets seed + i or seed[i]."""
        if seed is None or isinstance(seed, int):
            seed = [None if seed is None else seed + index for index in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds do not fit {self.num_envs} games")
        chosen = self._chosen(options)
        for index in np.flatnonzero(chosen):
            if seed[index] is not None or self._generators[index] is None:
                self._generators[index], _ = seeding.np_random(seed[index])
        self._start(chosen)
        return self.game.render(self.state), self._infos(chosen)

    def step(self, actions: npt.NDArray[np.int64]) -> Stepped:
        """Play actions [N]; one that is not legal costs -1 and changes nothing."""
        if not self.action_space.contains(actions):
            raise ValueError(f"actions {actions!r} are not in {self.action_space}")
        waiting = self._done if self.mode is not AutoresetMode.SAME_STEP else np.zeros(self.num_envs, np.bool_)
        if self.mode is AutoresetMode.DISABLED and waiting.any():
            raise ValueError(f"games {np.flatnonzero(waiting).tolist()} have ended: reset them with a reset_mask")
        rewards, terminated = self._play(actions, ~waiting)
        truncated = np.zeros(self.num_envs, np.bool_)
        if self._max_steps is not None:
            truncated = ~waiting & (self._elapsed >= self._max_steps)
        if waiting.any():
            self._start(waiting)
        self._done = terminated | truncated
        frames = self.game.render(self.state)
        infos: dict[str, Any] = {}
        if self.mode is AutoresetMode.SAME_STEP and self._done.any():
            infos = self._restart(frames)
        return frames, rewards, terminated, truncated, infos | self._infos(np.ones(self.num_envs, np.bool_))

    def render(self) -> tuple[Frames, ...] | None:
        """The frames as they are now, if `render_mode` is "rgb_array"."""
        return tuple(self.game.render(self.state)) if self.render_mode else None

    def _play(self, actions: npt.NDArray[np.int64], playing: Mask) -> tuple[npt.NDArray[np.float64], Mask]:
        """One step of the games that play: rewards and terminations [N]."""
        rewards, terminated = np.zeros(self.num_envs), np.zeros(self.num_envs, np.bool_)
        state = self.state[playing]
        out = self.game.step(state, actions[playing])
        self.state[playing], rewards[playing], terminated[playing] = state, out.reward, out.terminated
        self._elapsed[playing] += 1
        return rewards, terminated

    def _restart(self, frames: Frames) -> dict[str, Any]:
        """Start anew where an episode has just ended, in frames[N] too; the infos of its end."""
        ended = self._done.copy()
        last = np.full(self.num_envs, None, object)
        for index in np.flatnonzero(ended):
            last[index] = frames[index].copy()
        final = self._infos(ended)
        self._start(ended)
        frames[ended] = self.game.render(self.state[ended])
        return {"final_obs": last, "_final_obs": ended, "final_info": final, "_final_info": ended.copy()}

    def _start(self, chosen: Mask) -> None:
        """Start an episode in the chosen games, each from its own generator."""
        drawn = [draw_seed(self._generator(int(index))) for index in np.flatnonzero(chosen)]
        self.state[chosen] = start_states(self.game, drawn, self.start_moves)
        self._elapsed[chosen], self._done[chosen] = 0, False

    def _generator(self, index: int) -> np.random.Generator:
        generator = self._generators[index]
        if generator is None:
            raise ValueError("call reset before the first step")
        return generator

    def _infos(self, chosen: Mask) -> dict[str, Any]:
        """Infos as Gymnasium has them: under each key an array [N], under _key whether its entries mean anything."""
        infos: dict[str, Any] = {}
        for key, values in game_info(self.game, self.state[chosen], *self._told).items():
            given = np.array(values, object) if isinstance(values, list) else values
            blank = None if isinstance(values, list) else 0
            infos[key] = np.full((self.num_envs, *given.shape[1:]), blank, given.dtype)
            infos[key][chosen] = given
            infos[f"_{key}"] = chosen.copy()
        return infos

    def _chosen(self, options: dict[str, Any] | None) -> Mask:
        """The games that a reset is meant for."""
        if not options or "reset_mask" not in options:
            return np.ones(self.num_envs, np.bool_)
        mask = np.asarray(options["reset_mask"])
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask is {mask.dtype} {mask.shape}; expected bool [{self.num_envs}], not all False")
        return mask
