"""Demonstrations for supervised fine-tuning: the oracle as a teacher that sees the true board.

    seeds ──start_states──▶ states ──┬─ describe ─▶ perception
                                     ├─ explain ──▶ rationale, each word of which can be checked against the board
                                     └─ oracle ───▶ action, except for a share of random ones

Source: paper, cold start. States come from the training split, and everything follows from the seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.answer import compose
from engine.game import Game, start_states
from engine.start import make_game
from engine.ticket import derive_seed
from g1train.config import GameMix, TeacherConfig
from g1train.tickets.rollout import choose
from native.state import Records


@dataclass(frozen=True)
class Demonstrations:
    """States of one game, records[N], and the answer to each; frames are drawn when they are used."""

    game: Game
    states: Records
    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)


def demonstrations(
    games: Sequence[GameMix], count: int, teacher: TeacherConfig, seed: int, purpose: str
) -> list[Demonstrations]:
    """`count` demonstrations shared out among the games by weight, one `Demonstrations` for each that got any."""
    chosen = [choose(games, derive_seed(seed, purpose, index, "game")) for index in range(count)]
    shares = [(mix, [index for index in range(count) if chosen[index] is mix]) for mix in games]
    return [_demonstrate(mix, indices, teacher, seed, purpose) for mix, indices in shares if indices]


def _demonstrate(mix: GameMix, indices: list[int], teacher: TeacherConfig, seed: int, purpose: str) -> Demonstrations:
    game = make_game(mix.spec)
    seeds = np.array([derive_seed(seed, purpose, index) for index in indices], dtype=np.uint64)
    states = start_states(game, seeds, mix.num_moves, split="train")
    actions = _actions(game, states, teacher.error_rate, derive_seed(seed, purpose, "errors", mix.name))
    reasons = game.explain(states, actions) if teacher.rationale else [""] * len(states)
    answers = [game.action_text(action) for action in actions.tolist()]
    texts = [compose(*parts) for parts in zip(game.describe(states), reasons, answers, strict=True)]
    return Demonstrations(game, states, texts)


def _actions(game: Game, states: Records, error_rate: float, seed: int) -> np.ndarray:
    """int64[N]: the oracle's, replaced by a uniformly random one with probability `error_rate`."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(states)) < error_rate
    random_actions = generator.integers(game.num_actions, size=len(states))
    return np.where(wrong, random_actions, game.oracle(states))
