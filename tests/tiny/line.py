"""Line: walk to the goal on a line of ten places. A game without sprites, and so without an atlas or a grid.

place    uint8   where the walker is, 0 .. 9
goal     uint8   where it wants to be; the game ends there

GR is +1 for a step towards the goal, else -1; a step off the line is not allowed.
"""

import re
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions
from engine.game import UNREADABLE, Game, Step, resolve
from engine.games.answers import NamedAnswers
from engine.levels import Levels
from native.state import HEADER, Records

LENGTH, CELL_PX = 10, 28
LEVELS: Levels = {}
TEXT = re.compile(r"walker (\d) goal (\d)", re.ASCII)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set."""

    prompt: Literal["full", "short"] = "full"
    """All the rules in words, or only the name."""


class Line(NamedAnswers, Game):
    """The game at given settings."""

    name = "line"
    dtype = np.dtype([*HEADER, ("place", "u1"), ("goal", "u1")])
    action_names = ("left", "right")
    num_actions = 2
    short_prompt = "Line"
    full_prompt = """Walk to the goal, left or right. Answer in this format:
<perception>
walker 3 goal 7
</perception>
<think>
reasoning
</think>
<answer>
right
</answer>"""

    def __init__(self, settings: Settings) -> None:
        self.settings = msgspec.structs.asdict(settings)

    def reset(self, seeds: Integers) -> Records:
        """Fresh games [N], the walker not at the goal."""
        numbers, state = self._fresh(seeds)
        state["rng"], state["rows"], state["cols"] = numbers, self.rows, self.cols
        state["place"] = numbers % np.uint64(LENGTH)
        state["goal"] = (state["place"] + 1 + numbers // np.uint64(LENGTH) % np.uint64(LENGTH - 1)) % LENGTH
        return state

    def step(self, state: Records, actions: Integers) -> Step:
        """One step in each of state[N], in place."""
        moves, out = self._moves(state, actions), Step.empty(len(state))
        before, goal = state["place"].astype(np.int64), state["goal"].astype(np.int64)
        after, live = before + 2 * moves - 1, state["ended"] == 0
        out.legal[:] = live & (moves >= 0) & (after >= 0) & (after < LENGTH)
        nearer = out.legal & (abs(after - goal) < abs(before - goal))
        state["place"] = np.where(out.legal, after, before)
        state["ended"] |= state["place"] == state["goal"]
        state["score"] += nearer
        out.reward[:] = np.where(nearer, 1, np.where(live, -1, 0))
        out.score[:], out.terminated[:] = nearer, state["ended"]
        return out

    def describe(self, state: Records) -> list[str]:
        """Such as "walker 3 goal 7"."""
        self.check(state)
        pairs = zip(state["place"].tolist(), state["goal"].tolist(), strict=True)
        return [f"walker {place} goal {goal}" for place, goal in pairs]

    def perceived(self, text: str) -> npt.NDArray[np.uint8]:
        """Walker and goal, [2]."""
        found = TEXT.fullmatch(text.strip())
        return np.array(found.groups() if found else [UNREADABLE] * 2).astype(np.uint8)

    def render(self, state: Records, out: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """A white line of ten cells, the goal green and the walker red, [N, 28, 280, 3]."""
        self.check(state)
        cells = np.full((len(state), LENGTH, 3), 255, np.uint8)
        games = np.arange(len(state))
        cells[games, state["goal"] % LENGTH] = (0, 160, 0)
        cells[games, state["place"] % LENGTH] = (200, 0, 0)
        frames = cells.repeat(CELL_PX, axis=1)[:, None].repeat(CELL_PX, axis=1)
        if out is None:
            return frames
        out[:] = frames
        return out

    def verify(self, state: Records) -> None:
        """ValueError unless each of state[N] is a position."""
        self.check(state)
        on_line = (state["place"] < LENGTH) & (state["goal"] < LENGTH)
        if not on_line.all() or state["pad"].any() or (state["ended"] != (state["place"] == state["goal"])).any():
            raise ValueError("a record of line does not fit together")

    def oracle(self, state: Records) -> npt.NDArray[np.int64]:
        """Towards the goal; -1 for a game that has ended."""
        self.check(state)
        return np.where(state["ended"] != 0, -1, state["goal"] > state["place"]).astype(np.int64)

    def explain(self, state: Records, action: Integers) -> list[str]:
        """Where the goal lies, and the action."""
        moves = check_actions(action, len(state), self.num_actions).tolist()
        sides = zip(self.describe(state), moves, strict=True)
        return [f"{told} so {self.action_names[move] if move >= 0 else 'nothing'}" for told, move in sides]


def make(settings: dict[str, Any]) -> Game:
    """The game, from settings not yet checked."""
    return Line(resolve(Settings, settings))
