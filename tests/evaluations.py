"""Evaluation folders and runs made on the spot, for the tests of the report and to measure it: players that need no
model, who misread a cell now and then."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import replay
from engine.game import branch, make, start_states, state_hash
from engine.replay import Episode, Try, Turn
from engine.ticket import Start
from g1train.inference.scripted import answer_texts
from native.state import Records

MISREAD = 0.3  # of the answers


def episode(
    player: str, game: str, settings: dict[str, Any], seed: int, num_turns: int, share_oracle: float, padding: int = 0
) -> Episode:
    """One that follows the oracle so often, and else plays anything legal; `padding` words more in each reasoning."""
    made, draw = make(game, **settings), np.random.default_rng([seed, num_turns])
    state = start_states(made, [seed], 0)
    first = state.copy()
    turns: list[Turn] = []
    while len(turns) < num_turns and not state["ended"][0]:
        legal = np.flatnonzero(made.legal(state)[0])
        action = int(made.oracle(state)[0]) if draw.random() < share_oracle else int(draw.choice(legal))
        turns.append(Turn([_said(made, state, action, draw, padding)]))
        made.step(state, [action])
    hashes = state_hash(np.concatenate([first, state]), rng=True).tolist()
    score = int(state["score"][0] - first["score"][0])
    notes = {"number": seed, "temperature": 1.0, "protocol": "paper"}
    return Episode(player, game, settings, Start(seed), turns, hashes[0], hashes[1], score, notes)


def group(player: str, game: str, settings: dict[str, Any], seed: int, num_tries: int) -> Episode:
    """One state with several answers, the last of which cannot be read."""
    made, draw = make(game, **settings), np.random.default_rng([seed, 7])
    state = start_states(made, [seed], 20)
    legal = np.flatnonzero(made.legal(state)[0])
    actions = [int(made.oracle(state)[0]), *draw.choice(legal, num_tries - 2).tolist()]
    tries = [*(_said(made, state, action, draw) for action in actions), Try(-1, "I cannot tell", 3, True)]
    after = branch(state, 1)
    made.step(after, [actions[0]])
    hashes = state_hash(np.concatenate([state, after]), rng=True).tolist()
    notes = {"number": seed, "protocol": "states"}
    return Episode(player, game, settings, Start(seed, 20), [Turn(tries)], hashes[0], hashes[1], 0, notes)


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


def write(
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


WORDS: Sequence[str] = (
    "the", "tile", "row", "column", "next", "to", "which", "can", "be", "merged", "because", "path", "is", "free",
    "first", "look", "at", "top", "left", "corner", "then", "check", "pairs", "that", "share", "a", "colour", "and",
    "shape", "turns", "two", "empty", "cells", "between", "them", "so", "this", "one", "works", "better", "than",
    "other", "if", "we", "take", "it", "remaining", "board", "stays", "open", "(1,", "2)", "(3,", "4)", "blocked",
)  # fmt: skip
