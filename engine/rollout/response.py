"""What a model wrote (engine/answer.py takes it apart): play it, and say what each part earns. No text raises an error.

    <perception> board text </perception> <think> reasoning </think> <answer> action </answer>
         │                                                              │
    perceived == board?  PR                                   parse, branch, step: GR        all three in order: FR

Source: paper, rewards. How the three are weighed (alpha, beta) is the trainer's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.answer import Response, action_of, parse
from engine.game import Game, branch
from native.state import Records


@dataclass(frozen=True, slots=True)
class Scores:
    """What each of N answers is and earns."""

    action: npt.NDArray[np.int64]
    """Action [N]; -1 where none is readable."""
    format_reward: npt.NDArray[np.float32]
    """FR [N]: 1 if well formed, else 0."""
    perception_reward: npt.NDArray[np.float32]
    """PR [N]: 1 if every cell is read as it is, else 0."""
    game_reward: npt.NDArray[np.float32]
    """GR [N]: +1 or -1; 0 where the game had already ended."""
    gained: npt.NDArray[np.int64]
    """Points gained by the action [N]."""
    legal: npt.NDArray[np.bool_]
    """Was the action legal [N]."""
    terminated: npt.NDArray[np.bool_]
    """Is the game over after it [N]."""
    after: Records
    """The siblings after their actions [N]: snapshots to play on from."""


def score(game: Game, state: Records, texts: Sequence[str]) -> Scores:
    """Play texts[N * k] as k answers side by side to each of state[N], which does not change.

    Siblings share the state's random numbers: equal answers earn and lead to the same.
    Raises ValueError if the answers are not the same number for each state.
    """
    if not len(state) or not texts or len(texts) % len(state):
        raise ValueError(f"{len(texts)} answers to {len(state)} states; give the same number, at least one, to each")
    num_each = len(texts) // len(state)
    after = branch(state, num_each)
    boards = game.board(state)
    truths = game.describe(state)
    read = {text: _read(game, text) for text in set(texts)}  # siblings often say the same
    responses, chosen = zip(*[read[text] for text in texts], strict=True)
    actions = np.array(chosen, np.int64)
    seen = [
        _sees(game, response.perception, truths[place // num_each], boards[place // num_each])
        for place, response in enumerate(responses)
    ]
    out = game.step(after, actions)
    return Scores(
        action=actions,
        format_reward=np.array([response.well_formed for response in responses], np.float32),
        perception_reward=np.array(seen, np.float32),
        game_reward=out.reward,
        gained=out.score,
        legal=out.legal,
        terminated=out.terminated,
        after=after,
    )


def _read(game: Game, text: str) -> tuple[Response, int]:
    """An answer taken apart, and the action that it means; -1 where none is readable."""
    response = parse(text)
    return response, action_of(game, response)


def _sees(game: Game, perception: str | None, truth: str, board: npt.NDArray[np.uint8]) -> bool:
    """Is every cell read as it is? The truth word for word is, without looking at cells."""
    if perception is None or perception.strip() == truth:
        return perception is not None
    return np.array_equal(game.perceived(perception), board)
