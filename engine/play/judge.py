"""An answer to a state, judged and put in words: what it sees against the truth, why, what it does, what that earns.

(game, state, Try) ──judge──▶ Judged ──sections, seen──▶ the texts of a panel, the labels on a board
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.answer import Response, misread, parse
from engine.game import Game
from engine.play.board import Seen
from engine.play.paint import BAD, CHOSEN, FAINT, GOOD, HINTED, Colour
from engine.play.panel import Section
from engine.replay import Try
from native.state import Records

MOST_NAMED = 6  # wrong cells that are named one by one


@dataclass(frozen=True, slots=True)
class Judged:
    """What there is to say of one answer. `said` and `wrong` [rows, cols] are None where no words are known."""

    tried: Try
    said: Response | None
    wrong: npt.NDArray[np.bool_] | None
    reward: float
    gained: int
    legal: bool
    best: int
    """The oracle's action; -1 for a game that has ended."""
    reason: str


def judge(game: Game, state: Records, tried: Try) -> Judged:
    """Judge an answer to state[1], which is left as it is."""
    said = None if tried.text is None else parse(tried.text)
    wrong = misread(game, state, said.perception) if said else None
    step = game.step(state.copy(), [tried.action])
    best, reason = oracle_of(game, state)
    return Judged(tried, said, wrong, float(step.reward[0]), int(step.score[0]), bool(step.legal[0]), best, reason)


def oracle_of(game: Game, state: Records) -> tuple[int, str]:
    """What the oracle would do and why; -1 where the game is over or has none."""
    if not game.offers("oracle"):
        return -1, ""
    best = game.oracle(state)
    return int(best[0]), game.explain(state, best)[0]


def outcome(game: Game, judged: Judged) -> str:
    """What an action did, in one line."""
    if judged.tried.action < 0:
        return "no readable action: reward -1"
    what = game.action_text(judged.tried.action)
    if not judged.legal:
        return f"{what}: not allowed, reward {judged.reward:+.0f}"
    return f"{what}: reward {judged.reward:+.0f}, {judged.gained} point{'' if judged.gained == 1 else 's'}"


def moves(judged: Judged, oracle: bool) -> list[tuple[int, Colour]]:
    """The actions to be drawn: the answer's, and the oracle's if it is wanted."""
    wanted = [(judged.tried.action, CHOSEN), *([(judged.best, HINTED)] if oracle else [])]
    return [(action, colour) for action, colour in wanted if action >= 0]


def seen(game: Game, judged: Judged) -> Seen | None:
    """Its words for each cell; None where it says nothing that could be laid on the board."""
    if judged.said is None or judged.said.perception is None or judged.wrong is None or not game.offers("layout"):
        return None
    words = words_of(judged.said.perception, game.cols)
    fits = len(words) == game.rows and all(len(line) == game.cols for line in words)
    return Seen(words, judged.wrong) if fits else None


def sections(game: Game, state: Records, judged: Judged, raw: bool, oracle: bool) -> list[Section]:
    """What it sees, thinks and answers, or its words as they are; and what the oracle would do."""
    found = []
    if judged.said is not None:
        found.append(_sight(game, state, judged, raw))
        found += _raw(judged.tried) if raw or not judged.said.well_formed else _parts(judged.said)
    if oracle and game.offers("oracle"):
        found.append(_oracle(game, judged))
    return found


def _sight(game: Game, state: Records, judged: Judged, raw: bool) -> Section:
    wrong, said = judged.wrong, judged.said
    assert wrong is not None
    assert said is not None
    if said.perception is None:
        return Section("It sees", "nothing: there is no perception in its answer", BAD)
    if not wrong.any():
        return Section("It sees", f"all {wrong.size} cells as they are" if wrong.size > 1 else "what there is", GOOD)
    if not game.offers("layout"):
        return Section("It sees", f"{said.perception.strip()} instead of {game.describe(state)[0]}", BAD)
    if seen(game, judged) is None:
        quoted = "" if raw else f":\n{said.perception.strip()}"
        return Section("It sees", f"no board of {game.rows} x {game.cols} cells{quoted}", BAD)
    words, truth = words_of(said.perception, game.cols), truth_of(game, state)
    places = np.argwhere(wrong).tolist()
    named = [f"({row}, {col}) {words[row][col]} instead of {truth[row][col]}" for row, col in places[:MOST_NAMED]]
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    return Section("It sees", f"{len(places)} of {wrong.size} cells wrong: {', '.join(named)}{more}", BAD)


def _raw(tried: Try) -> list[Section]:
    return [Section("Its words, as they are", tried.text or "nothing at all", dot=CHOSEN)]


def _parts(said: Response) -> list[Section]:
    answer = (said.answer or "").strip() or "nothing"
    return [Section("It thinks", (said.think or "").strip() or "nothing"), Section("It answers", answer, dot=CHOSEN)]


def _oracle(game: Game, judged: Judged) -> Section:
    if judged.best < 0:
        return Section("The oracle", "the game is over", FAINT, HINTED)
    why = f": {judged.reason}" if judged.reason else ""
    return Section("The oracle", f"{game.action_text(judged.best)}{why}", FAINT, HINTED)


def truth_of(game: Game, state: Records) -> list[list[str]]:
    """The truth in words, cell by cell; in one piece for a game without cells."""
    truth = game.describe(state)[0]
    return words_of(truth, game.cols) if game.offers("layout") else [[truth]]


def words_of(text: str, cols: int) -> list[list[str]]:
    """The words for each cell of a board's text, row by row; a row that is not `cols` cells is one piece."""
    return [cells_of(line, cols) for line in text.strip().split("\n")]


def cells_of(line: str, cols: int) -> list[str]:
    """A line of a description cut into its cells, where one word or two make a cell; else the line as one piece."""
    words = line.split()
    if len(words) == cols:
        return words
    cells: list[str] = []
    while words:
        take = 1 if words[0] == "-" else 2
        cells.append(" ".join(words[:take]))
        words = words[take:]
    return cells if len(cells) == cols else [line]


def siblings(game: Game, tries: Sequence[Try], shown: int) -> str:
    """All answers to a state in one line, the one that is shown in brackets."""
    texts = [game.action_text(tried.action) if tried.action >= 0 else "unreadable" for tried in tries]
    return ", ".join(f"[{text}]" if place == shown else text for place, text in enumerate(texts))
