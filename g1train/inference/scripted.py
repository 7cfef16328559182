"""Players that need no model: they get the record with the ask, and answer in the model's format.

    random   any action, legal or not      oracle   the game's strong player      greedy   the highest reward at once

Deterministic: `random` follows from the ask's seed and the sample's number. Token ids are the answer's UTF-8 bytes,
each with log-probability 0; `max_tokens` is not applied to them, because they are bytes and not a model's tokens.
"""

from collections.abc import Callable

import numpy as np

from engine import wire
from engine.episode import make_game, restore
from engine.game import Game, branch
from engine.ticket import derive_seed
from g1train.inference.backend import Image
from native.state import Records

Player = Callable[[Game, Records, int], int]


def random_action(game: Game, record: Records, seed: int) -> int:
    return seed % game.num_actions


def oracle_action(game: Game, record: Records, seed: int) -> int:
    return int(game.oracle(record)[0])


def greedy_action(game: Game, record: Records, seed: int) -> int:
    """The legal action of highest reward, then highest score, then lowest index; -1 when the game is over."""
    legal = np.flatnonzero(game.legal(record)[0])
    if not len(legal):
        return -1
    out = game.step(branch(record, len(legal)), legal)
    return int(legal[np.lexsort((legal, -out.score, -out.reward))[0]])


PLAYERS: dict[str, Player] = {"random": random_action, "oracle": oracle_action, "greedy": greedy_action}


class Scripted:
    """A backend (g1train/inference/backend.py) around one player."""

    needs_state = True

    def __init__(self, name: str) -> None:
        if name not in PLAYERS:
            raise ValueError(f"unknown player {name!r}; known: {', '.join(PLAYERS)}")
        self.name = name

    async def start(self) -> None:
        pass

    async def generate(self, ask: wire.Ask, images: list[Image]) -> tuple[list[int], list[wire.Sample]]:
        if ask.game is None:
            raise ValueError(f"the player {self.name!r} needs the game and the record in every ask")
        game = make_game(ask.game)
        record = restore(game, ask.state)
        seeds = [derive_seed(ask.seed, sample) for sample in range(ask.num_samples)]
        actions = [PLAYERS[self.name](game, record, seed) for seed in seeds]
        texts = {action: answer_text(game, record, action) for action in set(actions)}
        prompt = "\n".join(turn.text for turn in ask.turns)
        return list(prompt.encode()), [as_sample(texts[action]) for action in actions]

    async def weight_call(self, call: wire.WeightCall) -> None:
        pass

    async def stop(self) -> None:
        pass


def answer_text(game: Game, record: Records, action: int) -> str:
    """A whole answer: the truth, the reasons and the action; an empty answer where there is none (-1)."""
    truth = game.describe(record)[0]
    reasons = game.explain(record, [action])[0] if action >= 0 else "No move is left."
    answer = game.action_text(action) if action >= 0 else ""
    return f"<perception>{truth}</perception>\n<think>{reasons}</think>\n<answer>{answer}</answer>"


def as_sample(text: str) -> wire.Sample:
    token_ids = list(text.encode())
    return wire.Sample(text, token_ids, [0.0] * len(token_ids))
