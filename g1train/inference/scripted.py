"""Players that need no model: they get the record with the ask, and answer in the model's format.

    random   any action, legal or not      oracle   the game's strong player      greedy   the highest reward at once
    legal    any action that is legal      planner  2048's oracle when it strives for points

Deterministic: `random` and `legal` follow from the ask's seed and the sample's number. Token ids are the answer's UTF-8
bytes, each with log-probability 0; `max_tokens` is not applied to them: they are bytes and not a model's tokens.
"""

import asyncio
import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from engine import legal_play
from engine.game import Game, branch
from engine.net import wire
from engine.start import make_game, restore_all
from engine.ticket import GameSpec, derive_seed
from g1train.inference.backend import Image
from native.state import Records

Player = Callable[[Game, Records, list[int]], np.ndarray]


def random_actions(game: Game, records: Records, seeds: list[int]) -> np.ndarray:
    return np.array([seed % game.num_actions for seed in seeds])


def legal_actions(game: Game, records: Records, seeds: list[int]) -> np.ndarray:
    mask = np.repeat(game.legal(records), len(seeds) // len(records), axis=0)
    return legal_play.choices(mask, np.array(seeds, np.uint64))


def oracle_actions(game: Game, records: Records, seeds: list[int]) -> np.ndarray:
    return np.repeat(game.oracle(records), len(seeds) // len(records))


def greedy_actions(game: Game, records: Records, seeds: list[int]) -> np.ndarray:
    best = [_greedy(game, records[place : place + 1]) for place in range(len(records))]
    return np.repeat(best, len(seeds) // len(records))


def _greedy(game: Game, record: Records) -> int:
    """The legal action of highest reward, then highest score, then lowest index; -1 when the game is over."""
    legal = np.flatnonzero(game.legal(record)[0])
    if not len(legal):
        return -1
    out = game.step(branch(record, len(legal)), legal)
    return int(legal[np.lexsort((legal, -out.score, -out.reward))[0]])


def planner_actions(game: Game, records: Records, seeds: list[int]) -> np.ndarray:
    if "strive" not in game.settings:
        raise ValueError(
            f"the player 'planner' needs a game with strive = \"points\"; {game.name} has none, only 2048 has"
        )
    return oracle_actions(make_game(GameSpec(game.name, {**game.settings, "strive": "points"})), records, seeds)


PLAYERS: dict[str, Player] = {
    "random": random_actions,
    "legal": legal_actions,
    "greedy": greedy_actions,
    "oracle": oracle_actions,
    "planner": planner_actions,
}


class Scripted:
    """A backend (g1train/inference/backend.py) around one player. Asks that have come together are played together."""

    needs_state = True

    def __init__(self, name: str) -> None:
        if name not in PLAYERS:
            raise ValueError(f"unknown player {name!r}; known: {', '.join(PLAYERS)}")
        self.name = name
        self._together: list[tuple[wire.Ask, asyncio.Future[list[wire.Sample]]]] = []

    async def start(self) -> None:
        pass

    async def generate(self, ask: wire.Ask, images: list[Image]) -> tuple[bytes, list[wire.Sample]]:
        if ask.game is None:
            raise ValueError(f"the player {self.name!r} needs the game and the record in every ask")
        loop = asyncio.get_running_loop()
        if not self._together:
            loop.call_soon(self._play_together)
        samples: asyncio.Future[list[wire.Sample]] = loop.create_future()
        self._together.append((ask, samples))
        prompt = _as_tokens("\n".join(turn.text for turn in ask.turns))
        return prompt, await samples

    def _play_together(self) -> None:
        together, self._together = self._together, []
        alike: dict[tuple[bytes, int], list[tuple[wire.Ask, asyncio.Future[list[wire.Sample]]]]] = defaultdict(list)
        for ask, samples in together:
            if not samples.done():  # else the asker is gone
                alike[msgspec.msgpack.encode(ask.game), ask.num_samples].append((ask, samples))
        for some in alike.values():
            self._play([ask for ask, _ in some], [samples for _, samples in some])

    def _play(self, asks: list[wire.Ask], answers: list["asyncio.Future[list[wire.Sample]]"]) -> None:
        """Asks about one game with as many samples each; if one is impossible, all are played one by one."""
        try:
            played = play(self.name, asks)
        except Exception as error:
            if len(asks) == 1:
                answers[0].set_exception(error)
            else:
                for ask, answer in zip(asks, answers, strict=True):
                    self._play([ask], [answer])
            return
        for samples, answer in zip(played, answers, strict=True):
            answer.set_result(samples)

    async def weight_call(self, call: wire.WeightCall) -> None:
        pass

    async def stop(self) -> None:
        pass


def play(player: str, asks: Sequence[wire.Ask]) -> list[list[wire.Sample]]:
    """The samples of each ask; all are about one game and want as many. Raises `ValueError` for a bad record."""
    assert asks[0].game is not None
    num_samples = asks[0].num_samples
    game = make_game(asks[0].game)
    records = restore_all(game, [ask.state for ask in asks])
    seeds = [derive_seed(ask.seed, sample) for ask in asks for sample in range(num_samples)]
    actions = PLAYERS[player](game, records, seeds).reshape(len(asks), num_samples)
    chosen = [np.unique(some) for some in actions]  # each answer is written once
    places = np.repeat(np.arange(len(asks)), [len(some) for some in chosen])
    written = answer_texts(game, records[places], np.concatenate(chosen))
    samples = {key: as_sample(text) for key, text in zip(_keys(places, np.concatenate(chosen)), written, strict=True)}
    return [[samples[place, action] for action in row] for place, row in enumerate(actions.tolist())]


def _keys(places: np.ndarray, actions: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(places.tolist(), actions.tolist(), strict=True))


def answer_texts(game: Game, records: Records, actions: np.ndarray) -> list[str]:
    """Whole answers: the truth, the reasons and the action; an empty answer where there is none (-1)."""
    reasons = game.explain(records, actions)
    return [
        f"<perception>{truth}</perception>\n<think>{reason if action >= 0 else 'No move is left.'}</think>\n"
        f"<answer>{game.action_text(action) if action >= 0 else ''}</answer>"
        for truth, reason, action in zip(game.describe(records), reasons, actions.tolist(), strict=True)
    ]


def as_sample(text: str) -> wire.Sample:
    tokens = _as_tokens(text)
    return wire.Sample(text, tokens, bytes(len(tokens)))


@functools.lru_cache(maxsize=4096)
def _as_tokens(text: str) -> bytes:
    """One token a byte, as int32."""
    return np.frombuffer(text.encode(), np.uint8).astype("<i4").tobytes()
