"""Folders of runs and evaluations made on the spot, for the tests of the report and to measure it: players that need no
model, who misread a cell now and then."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine import replay
from engine.game import make, start_states
from engine.net import wire
from engine.replay import Episode, Try, Turn, make_episode
from engine.rollout.episode import look, open_plays, settle
from engine.ticket import GameSpec, Start, Ticket, ticket_hash
from g1train import config as configs
from g1train.config import Config, GameMix, ModelConfig
from g1train.inference import scripted
from g1train.inference.scripted import answer_texts
from g1train.run.folder import Played, load_rollouts
from g1train.tickets.rollout import OneGame, episode_tickets, group_tickets, metrics
from native.state import Records

MISREAD = 0.3  # of the answers


def episode(
    player: str, game: str, settings: dict[str, Any], seed: int, num_turns: int, share_oracle: float, padding: int = 0
) -> Episode:
    """One that follows the oracle so often, and else plays anything legal; `padding` words more in each reasoning."""
    made, draw = make(game, **settings), np.random.default_rng([seed, num_turns])
    state = start_states(made, [seed], 0)
    turns: list[Turn] = []
    while len(turns) < num_turns and not state["ended"][0]:
        legal = np.flatnonzero(made.legal(state)[0])
        action = int(made.oracle(state)[0]) if draw.random() < share_oracle else int(draw.choice(legal))
        turns.append(Turn([_said(made, state, action, draw, padding)]))
        made.step(state, [action])
    notes = {"number": seed, "temperature": 1.0, "protocol": "paper"}
    return make_episode(player, GameSpec(game, settings), Start(seed), turns, notes)


def group(player: str, game: str, settings: dict[str, Any], seed: int, num_tries: int) -> Episode:
    """One state with several answers, the last of which cannot be read."""
    made, draw = make(game, **settings), np.random.default_rng([seed, 7])
    state = start_states(made, [seed], 20)
    legal = np.flatnonzero(made.legal(state)[0])
    actions = [int(made.oracle(state)[0]), *draw.choice(legal, num_tries - 2).tolist()]
    tries = [*(_said(made, state, action, draw) for action in actions), Try(-1, "I cannot tell", 3, True)]
    notes = {"number": seed, "protocol": "states"}
    return make_episode(player, GameSpec(game, settings), Start(seed, 20), [Turn(tries)], notes)


def _said(game: Any, state: Records, action: int, draw: np.random.Generator, padding: int = 0) -> Try:
    text = answer_texts(game, state, np.array([action]))[0]
    if draw.random() < MISREAD:  # one word of the board for another
        truth = game.describe(state)[0]
        words = truth.split(" ")
        words[int(draw.integers(len(words)))] = str(draw.choice(words))
        text = text.replace(truth, " ".join(words), 1)
    if padding:
        filler = " ".join(draw.choice(WORDS, padding).tolist())
        text = text.replace("<think>", f"<think>{filler} ", 1)
    return Try(action, text, len(text) // 4)


def write_evaluation(
    folder: Path, games: dict[str, tuple[str, dict[str, Any]]], players: dict[str, float], num_episodes: int,
    num_turns: int, num_groups: int = 0, padding: int = 0,
) -> Path:  # fmt: skip
    """An evaluation folder; `games` are (name, settings) by label, `players` how often each follows the oracle."""
    asked = [{"label": label, "name": name, "settings": settings} for label, (name, settings) in games.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(
        json.dumps({"protocol": "paper", "games": asked, "num_turns": num_turns, "seed": 0, "commit": None})
    )
    found: dict[str, dict[str, list[Episode]]] = {}
    for player, share in players.items():
        for label, (name, settings) in games.items():
            some = [
                episode(player, name, settings, seed, num_turns, share, padding) for seed in range(1, num_episodes + 1)
            ]
            found.setdefault(label, {})[player] = some
            replay.append(folder / "episodes" / f"{player}.jsonl", *some)
            groups = [group(player, name, settings, seed, 5) for seed in range(1, num_groups + 1)]
            replay.append(folder / "episodes" / f"{player}.jsonl", *groups)
    by_game = {label: _results(some) for label, some in found.items()}
    overall = next(iter(by_game.values()))
    (folder / "results.json").write_text(
        json.dumps({"protocol": "paper", "main": "score", **overall, "by_game": by_game})
    )
    return folder


def _results(found: dict[str, list[Episode]]) -> dict[str, Any]:
    """Means with rough intervals: what the numbers are is not what is tested with them."""
    scores = {player: np.array([one.score for one in some], float) for player, some in found.items()}
    names = list(scores)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    differences = [
        {
            "a": a,
            "b": b,
            "score": _interval(scores[a] - scores[b]),
            "r_acc": None,
            "verdict": "better",
            "episodes_needed": 12,
        }
        for a, b in pairs
    ]
    players = {name: {"score": _interval(values), "failed": None} for name, values in scores.items()}
    return {"players": players, "differences": differences}


def _interval(values: np.ndarray) -> dict[str, float]:
    mean, half = float(values.mean()), 1.96 * float(values.std()) / len(values) ** 0.5
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(values)}


def play(tickets: list[Ticket], player: str = "random") -> list[Played]:
    """By a scripted player, as a worker and a node would."""
    plays = open_plays(tickets, [ticket_hash(ticket) for ticket in tickets])
    while chains := [chain for one in plays for chain in one.chains if not chain.ended]:
        asks = look(chains)
        settle(chains, [wire.Answer(ask.id, b"", scripted.play(player, [ask])[0], 0) for ask in asks])
    groups = [one.group("worker") for one in plays]
    return [Played(ticket, group) for ticket, group in zip(tickets, groups, strict=True) if group is not None]


def write_run(folder: Path, games: dict[str, GameSpec]) -> Path:
    """A run's folder: the rollouts of steps 1 and 2, a log of three steps and a cut one, an evaluation's rollouts, the
    last of them two siblings' episodes."""
    (folder / "rollouts").mkdir(parents=True)
    mixed = [GameMix(spec.name, spec.settings, num_moves=0) for spec in games.values()]
    configs.save(Config(name="small", games=mixed, model=ModelConfig(path="elsewhere")), folder / "config.toml")
    mix = [OneGame(spec) for spec in games.values()]
    for step in (1, 2):
        save(folder, f"rl-{step:06d}", play(group_tickets(0, "rl", step, 6, mix, 4)))
    episodes = episode_tickets(0, "score", 2, next(iter(games.values())), 5, split="any")
    twins = [msgspec.structs.replace(episodes[0], num_samples=2, index=9)]
    save(
        folder, "evaluation-rl", play([*group_tickets(0, "evaluation", 0, 3, mix, 2, split="eval"), *episodes, *twins])
    )
    values = metrics([one.group for one in load_rollouts(folder / "rollouts" / "rl-000001.msgpack")])
    lines = [{"stage": "base", "step": 10, "loss": 1.5}]
    for step in (1, 2, 3):
        by_game = {key: value for game in games for key, value in values.as_dict(f"{game}/").items()}
        lines.append({"stage": "rl", "step": step, **values.as_dict(), **by_game, "kl": 0.1, "seconds/learn": 1.0})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"stage": "rl", "st')
    results = {"rl": {"game_reward": 0.5, "game_reward_error": 0.1, "p_acc": None, "score": 7.0}, "run": str(folder)}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def save(folder: Path, name: str, played: list[Played]) -> None:
    (folder / "rollouts" / f"{name}.msgpack").write_bytes(msgspec.msgpack.encode(played))


WORDS: Sequence[str] = (
    "the", "tile", "row", "column", "next", "to", "which", "can", "be", "merged", "because", "path", "is", "free",
    "first", "look", "at", "top", "left", "corner", "then", "check", "pairs", "that", "share", "a", "colour", "and",
    "shape", "turns", "two", "empty", "cells", "between", "them", "so", "this", "one", "works", "better", "than",
    "other", "if", "we", "take", "it", "remaining", "board", "stays", "open", "(1,", "2)", "(3,", "4)", "blocked",
)  # fmt: skip
