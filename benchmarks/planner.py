"""What 2048's oracle scores by the paper's protocol when it strives for points, and how fast it decides, on one core.

    python benchmarks/planner.py [--save]

500 games of 100 moves from fresh boards. `near` plays any move that the oracle holds to be as good; `words` the first
move whose points in `explain`, now and next, have the largest sum; `agree` is the share of the oracle's moves that
have that sum.
"""

import time
from collections.abc import Callable

import numpy as np
from common import Row, one_core, report

import engine
from engine.games.g2048 import ACTIONS, G2048
from native.state import Records

NUM_GAMES = 500
NUM_MOVES = 100
Player = Callable[[Records], np.ndarray]


def game_for(strive: str) -> G2048:
    game = engine.make("2048", strive=strive)
    assert isinstance(game, G2048)
    return game


def near(game: G2048) -> Player:
    """Any of the moves that are near the best, from numbers of its own."""
    luck = np.random.default_rng(0)

    def play(state: Records) -> np.ndarray:
        mask = game.near_optimal(state)
        return np.where(mask, luck.random(mask.shape), -1).argmax(axis=1)

    return play


def said(game: G2048, state: Records) -> np.ndarray:
    """The sums of points now and next, [N, 4], as `explain` says them; -1 for a move that it leaves out."""
    sums = np.full((len(state), len(ACTIONS)), -1)
    for place, reason in enumerate(game.explain(state, np.full(len(state), -1))):
        words = reason.split()[:-2]
        for name, now, _, then in zip(*[iter(words)] * 4, strict=True):
            sums[place, ACTIONS.index(name)] = int(now) + int(then)
    return sums


def measure(name: str, game: G2048, player: Player) -> Row:
    """The mean score with its standard error, and how many decisions a second the player takes."""
    state, seconds, agree = game.reset(range(NUM_GAMES)), 0.0, []
    player(state[:1])  # compiled
    for _ in range(NUM_MOVES):
        start = time.perf_counter()
        actions = player(state)
        seconds += time.perf_counter() - start
        if name == "points":
            sums = said(game, state)
            agree.append((sums[np.arange(NUM_GAMES), actions] == sums.max(axis=1)).mean())
        game.step(state, np.where(state["ended"] == 0, actions, -1))
    score = state["score"]
    return {
        "player": name, "score": float(score.mean()), "error": float(score.std(ddof=1) / NUM_GAMES**0.5),
        "lowest": int(score.min()), "ended": int(state["ended"].sum()),
        "decisions/s": NUM_GAMES * NUM_MOVES / seconds, "agree": float(np.mean(agree)) if agree else None,
    }  # fmt: skip


def main() -> None:
    one_core()
    survive, points = game_for("survive"), game_for("points")
    players: dict[str, tuple[G2048, Player]] = {
        "survive": (survive, survive.oracle),
        "points": (points, points.oracle),
        "near": (points, near(points)),
        "words": (points, lambda state: said(points, state).argmax(axis=1)),
    }
    rows = [measure(name, game, player) for name, (game, player) in players.items()]
    report("planner", f"2048: {NUM_GAMES} games of {NUM_MOVES} moves, one core", rows, repeats=1)


if __name__ == "__main__":
    main()
