"""Everything there is to know about one frame, by the rules and without drawing it: for training data, tests and tools.

    record ──facts──▶ what is seen    truth text, cells, and the box of pixels that shows each cell
                      what can be done    legal actions, and for each its reward and the state it leads to
                      what is good    the oracle's action, its reason in words, and what is as good or nearly so

    game = engine.make("shisen")
    about = facts(game, game.reset([7])[0])
    game.action_text(about.oracle), about.reason

`boxes` and `outcomes` can be had by themselves. Legal actions are listed, not masked: of thousands of pairs few are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.checks import Integers, check_actions
from engine.games.core import Game
from engine.states import branch, state_hash
from native.state import Records

NO_BOXES = np.empty((0, 0, 4), np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What each of M actions leads to, played from a state that is left as it is."""

    rewards: npt.NDArray[np.float32]
    """GR [M]: +1 or -1; 0 for a game that had already ended."""
    next_hashes: npt.NDArray[np.uint64]
    """`state_hash` [M] of the state afterwards: new tiles are those that this very game would bring."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """One frame of a game; A legal actions. Not compared field by field: arrays have no one truth."""

    truth: str
    """What a perfect perception would say."""
    cells: npt.NDArray[np.uint8]
    """What is read off the frame as `Game.board` has it; on a grid [rows, cols], 0 is empty."""
    boxes: npt.NDArray[np.int32]
    """[rows, cols, 4]: top, left, height, width of each cell on the frame, in pixels; none without a grid."""
    legal: npt.NDArray[np.int64]
    """The legal actions [A], ascending; none for a game that has ended."""
    rewards: npt.NDArray[np.float32]
    """GR [A] of each legal action."""
    next_hashes: npt.NDArray[np.uint64]
    """`state_hash` [A] of the state after each legal action."""
    oracle: int
    """The oracle's action; -1 for a game that has ended, or that has no oracle."""
    reason: str
    """Why, in words that can each be checked against the board; empty where a game has none."""
    near_optimal: npt.NDArray[np.int64]
    """The legal actions, ascending, that are as good as the oracle's or nearly so, its own among them."""


def facts(game: Game, record: np.void) -> Facts:
    """All facts of one record, such as `state[3]`; the record is left as it is, and nothing is drawn.

    Raises ValueError for a record of another game. For Shisen-Sho `near_optimal` may take a while on a large board.
    """
    state = np.array([record])
    game.check(state)
    legal = np.flatnonzero(game.legal(state)[0])
    after = outcomes(game, state, legal)
    best = game.oracle(state) if game.offers("oracle") else np.array([-1])
    return Facts(
        truth=game.describe(state)[0],
        cells=game.board(state)[0],
        boxes=boxes(game) if game.offers("layout") else NO_BOXES,
        legal=legal,
        rewards=after.rewards,
        next_hashes=after.next_hashes,
        oracle=int(best[0]),
        reason=game.explain(state, best)[0],
        near_optimal=np.flatnonzero(game.near_optimal(state)[0] if game.offers("near_optimal") else []),
    )


def boxes(game: Game) -> npt.NDArray[np.int32]:
    """Where each cell of the board lies on every frame of a game: [rows, cols, (top, left, height, width)] in pixels.

    A box belongs to its cell alone, and holds its tile wherever a level moves it within the cell.
    """
    sides: npt.NDArray[np.int32] = game.layout.boxes().astype(np.int32)
    sides[..., 2:] -= sides[..., :2]
    return sides


def outcomes(game: Game, state: Records, actions: Integers) -> Outcomes:
    """What actions[N * k] do, k to each of state[N], side by side as `branch` lays siblings; nothing changes.

    Raises ValueError unless there are as many actions for each game, all of them actions of the game or -1.
    """
    game.check(state)
    num, games = len(actions), len(state)
    if num % games if games else num:
        raise ValueError(f"{num} actions for {games} games; expected as many for each")
    moves = check_actions(actions, num, game.num_actions)
    siblings = branch(state, num // games) if num else state[:0].copy()
    step = game.step(siblings, moves)
    return Outcomes(step.reward, state_hash(siblings))
