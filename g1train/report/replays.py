"""Reels ─▶ what the viewer shows: every turn's frame, truth, answers, rewards, and what the oracle would have done.

    reel ─turns_of─▶ one JSON object a turn ─deflate─▶ one packet a reel, which the page unpacks when it is opened

    {"frame": [sprite numbers], "cells": [numbers], "score": 812, "oracle": "up", "why": "...", "taken": 0,
     "tries": [{"action": "left", "text": "...", "reward": {"GR": -1, ...}, "wrong": [[3, "8"], [7, "?"]], ...}]}

Truth is not written as text: it is `cells` by the book's words. Of what an answer said it saw only the wrong cells are
there: `wrong` is null where it said nothing, "shape" where its rows and columns are not the board's.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.answer import parse
from engine.game import UNREADABLE, Game
from engine.games.grid import GridGame
from engine.replay import Try
from engine.start import make_game
from g1train.learn.advantage import advantages
from g1train.report.book import Book
from g1train.report.reels import Reel, Shelf

Data = dict[str, Any]


def viewer(shelves: Iterable[Shelf]) -> Data:
    """{"books": what each game looks like, "shelves": what there is to open, "packets": reels by their number}.

    Games whose frames are not made of sprites are left out.
    """
    kept = [shelf for shelf in shelves if shelf.reels and isinstance(make_game(shelf.reels[0].spec), GridGame)]
    books = _books([reel for shelf in kept for reel in shelf.reels])
    numbers = {key: number for number, key in enumerate(books)}
    packets: list[str] = []
    listed: list[Data] = []
    for shelf in kept:
        listed.append({"title": shelf.title, "reels": []})
        for reel in shelf.reels:
            turns = turns_of(reel, shelf, books[_key(reel)])
            listed[-1]["reels"].append({"packet": len(packets), "book": numbers[_key(reel)], **_summary(reel, turns)})
            packets.append(packed(turns))
    return {"books": [book.as_data() for book in books.values()], "shelves": listed, "packets": packets}


def _books(reels: Iterable[Reel]) -> dict[str, Book]:
    """One for each game at its settings, with what all its reels show."""
    books: dict[str, Book] = {}
    for reel in reels:
        game = make_game(reel.spec)
        assert isinstance(game, GridGame)
        books.setdefault(_key(reel), Book(game)).use(reel.states)
    return books


def _key(reel: Reel) -> str:
    return json.dumps([reel.spec.name, reel.spec.settings], sort_keys=True)


def packed(data: Any) -> str:
    """JSON, deflated, in base64: a string that a page can hold."""
    return base64.b64encode(zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)).decode()


def _summary(reel: Reel, turns: Sequence[Data]) -> Data:
    """What the list of reels says of one; a single state has no score."""
    paid = [one["reward"]["GR"] for turn in turns for one in turn["tries"]]
    last = turns[-1]
    gained = last["score"] + last["tries"][last["taken"]]["points"] - turns[0]["score"] if len(turns) > 1 else 0
    return {"title": reel.title, "score": gained, "reward": round(sum(paid) / len(paid), 3), "num_answers": len(paid)}


def turns_of(reel: Reel, shelf: Shelf, book: Book) -> list[Data]:
    """The turns of a reel, one object each."""
    game, states = book.game, reel.states
    best = game.oracle(states) if game.offers("oracle") else np.full(len(states), -1)
    boards = game.board(states)
    columns = zip(
        book.frames(states), boards.reshape(len(states), -1).tolist(), states["score"].tolist(),
        best.tolist(), game.explain(states, best), reel.turns, _outcomes(game, reel), boards, strict=True,
    )  # fmt: skip
    return [
        {
            "frame": frame,
            "cells": cells,
            "score": score,
            "oracle": _named(game, oracle),
            "why": why,
            "taken": turn.taken,
            "tries": _with_advantages(
                [_try(game, one, board, outcome, shelf) for one, outcome in zip(turn.tries, outcomes, strict=True)],
                shelf.advantage,
            ),
        }
        for frame, cells, score, oracle, why, turn, outcomes, board in columns
    ]


def _named(game: Game, action: int) -> str:
    return game.action_text(action) if action >= 0 else ""


def _outcomes(game: Game, reel: Reel) -> list[list[Data]]:
    """What each try did, turn by turn: GR, points, legal, and regret where the oracle's values are known."""
    counts = [len(turn.tries) for turn in reel.turns]
    actions = np.array([one.action for turn in reel.turns for one in turn.tries])
    step = game.step(np.repeat(reel.states, counts), actions)
    regrets = _regrets(game, reel.states, np.repeat(np.arange(len(counts)), counts), actions)
    found = [
        {"GR": reward, "points": points, "legal": legal, "regret": regret}
        for reward, points, legal, regret in zip(
            step.reward.tolist(), step.score.tolist(), step.legal.tolist(), regrets, strict=True
        )
    ]
    ends = np.cumsum(counts).tolist()
    return [found[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _regrets(
    game: Game, states: npt.NDArray[np.void], places: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]
) -> list[float | None]:
    """How far each action is from the best legal move, 0, towards the worst, 1, as the oracle values them; what is
    illegal is 1. None where a game's oracle weighs no moves."""
    if not game.offers("values"):
        return [None] * len(actions)
    values = game.values(states)
    best = values.max(axis=1)
    span = np.maximum(best - np.where(values >= 0, values, best[:, None]).min(axis=1), 1)
    own = np.where(actions >= 0, values[places, actions], -1)
    regrets: list[float | None] = np.where(own >= 0, (best[places] - own) / span[places], 1.0).round(3).tolist()
    return regrets


def _try(game: GridGame, one: Try, board: npt.NDArray[np.uint8], outcome: Data, shelf: Shelf) -> Data:
    """One answer: what it said, and what it is paid."""
    response = parse(one.text or "")
    wrong = None if response.perception is None else wrong_cells(game, response.perception, board)
    rewards: dict[str, float] = {"GR": outcome["GR"]}
    if one.text is not None:
        rewards |= {"FR": float(response.well_formed), "PR": float(wrong == [])}
        rewards["R"] = rewards["GR"] + shelf.reward.alpha * rewards["FR"] + shelf.reward.beta * rewards["PR"]
    return {
        "action": _named(game, one.action), "text": one.text, "reward": rewards, "wrong": wrong,
        "points": outcome["points"], "legal": outcome["legal"], "regret": outcome["regret"],
        "num_tokens": one.num_tokens, "cut": one.cut,
    }  # fmt: skip


def wrong_cells(game: GridGame, perception: str, board: npt.NDArray[np.uint8]) -> str | list[tuple[int, str]]:
    """The cells that were not read as they are, with the word that was read ("?" for one that means nothing)."""
    seen = game.perceived(perception)
    if (seen == UNREADABLE).all():
        return "shape"
    wrong = np.flatnonzero(seen != board).tolist()
    words = {UNREADABLE: "?", **dict(enumerate(game.cell_words))}
    return [(place, words[int(seen.flat[place])]) for place in wrong]


def _with_advantages(tries: list[Data], kind: str) -> list[Data]:
    """Add to the answers of a group what they were worth against each other; not where it takes the whole batch."""
    if len(tries) > 1 and kind != "reinforce++" and all("R" in one["reward"] for one in tries):
        values = advantages(np.array([[one["reward"]["R"] for one in tries]]), kind)[0]
        for one, value in zip(tries, values.tolist(), strict=True):
            one["advantage"] = round(value, 3)
    return tries
