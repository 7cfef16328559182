"""What episodes show: each is played again, all of a game side by side, and every answer is measured on its state.

    episodes ──measure──▶ Sums: for each measure a numerator and a denominator an episode     (statistics.py)

Where nothing was said (scripted players, people) there is no perception, form or length to measure: those are missing,
not perfect. An answer that is illegal or unreadable is not near-optimal and has regret 1.

    score          points an episode                  p_acc          share of boards read without a fault
    game_reward    GR                                 cell_accuracy  share of cells read as they are
    format_reward  FR                                 r_acc          share of positive GR where the board was read so
    legal          share of legal actions             answer_tokens  mean length
    near_optimal   share as good as the oracle's      truncated      share cut by the budget
    regret         0 the best legal move .. 1 the worst, by the oracle's values
    top_action     share of the most frequent action  failed         share of requests without an answer
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.answer import parse
from engine.game import Game
from engine.replay import Episode, Try
from engine.start import make_game, start_records
from native.state import Records

NAMES = (
    "score", "game_reward", "format_reward", "p_acc", "cell_accuracy", "r_acc", "legal", "near_optimal", "regret",
    "answer_tokens", "truncated", "top_action", "failed",
)  # fmt: skip
Floats = npt.NDArray[np.float64]


@dataclass
class Sums:
    """Of E episodes: num[measure][E] over den[measure][E]."""

    num: dict[str, Floats]
    den: dict[str, Floats]

    @classmethod
    def zeros(cls, size: int) -> "Sums":
        return cls({name: np.zeros(size) for name in NAMES}, {name: np.zeros(size) for name in NAMES})


@dataclass
class _Tallies:
    """Sums under way, and how often each action was given in each episode."""

    sums: Sums
    actions: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, name: str, places: npt.NDArray[np.int64], values: npt.ArrayLike) -> None:
        """One more answer each in `places` (which may come several times)."""
        np.add.at(self.sums.num[name], places, np.asarray(values, np.float64))
        np.add.at(self.sums.den[name], places, 1.0)


def measure(episodes: Sequence[Episode]) -> Sums:
    """Raises `ValueError` for an episode of a game that cannot be made."""
    sums = Sums.zeros(len(episodes))
    together: dict[int, list[int]] = defaultdict(list)
    for place, episode in enumerate(episodes):
        together[id(make_game(episode.spec))].append(place)
    for places in together.values():
        _measure([episodes[place] for place in places], np.array(places), sums)
    return sums


def _measure(episodes: list[Episode], places: npt.NDArray[np.int64], sums: Sums) -> None:
    """Episodes of one game, turn by turn; `places` are theirs in the sums."""
    game, tallies = make_game(episodes[0].spec), _Tallies(sums)
    records = start_records(game, [episode.start for episode in episodes])
    for turn in range(max(len(episode.turns) for episode in episodes)):
        going = [number for number, episode in enumerate(episodes) if turn < len(episode.turns)]
        turns = [episodes[number].turns[turn] for number in going]
        before = records[going]
        owners = np.repeat(np.arange(len(going)), [len(one.tries) for one in turns])
        after = _answers(game, before, owners, [one for each in turns for one in each.tries], places[going], tallies)
        firsts = np.searchsorted(owners, np.arange(len(going)))
        records[going] = after[firsts + [one.taken for one in turns]]
    _finish(episodes, places, tallies)


def _answers(
    game: Game,
    before: Records,
    owners: npt.NDArray[np.int64],
    tries: list[Try],
    places: npt.NDArray[np.int64],
    tallies: _Tallies,
) -> Records:
    """Measure answers tries[A] to before[owners[A]]; returns the states that they lead to."""
    actions, after, where = np.array([one.action for one in tries], np.int64), before[owners], places[owners]
    out = game.step(after, actions)
    tallies.add("game_reward", where, out.reward)
    tallies.add("legal", where, out.legal)
    if game.offers("near_optimal"):
        tallies.add("near_optimal", where, out.legal & game.near_optimal(before)[owners, actions])
    if (regret := _regret(game, before, owners, actions, out.legal)) is not None:
        tallies.add("regret", where, regret)
    for place, action in zip(where.tolist(), actions.tolist(), strict=True):
        tallies.actions[place][action] += 1
    spoken = np.array([number for number, one in enumerate(tries) if one.text is not None], np.int64)
    if len(spoken):
        exact = _words(game, before, owners[spoken], [tries[number] for number in spoken], where[spoken], tallies)
        tallies.add("r_acc", where[spoken][exact], out.reward[spoken][exact] > 0)
    return after


def _words(
    game: Game,
    before: Records,
    owners: npt.NDArray[np.int64],
    tries: list[Try],
    where: npt.NDArray[np.int64],
    tallies: _Tallies,
) -> npt.NDArray[np.bool_]:
    """Measure what was said; returns whose board was read without a fault."""
    truths, boards = game.describe(before), game.board(before)
    parts = [parse(one.text or "") for one in tries]
    cells = np.array(
        [
            _seen(game, part.perception, truths[owner], boards[owner])
            for part, owner in zip(parts, owners.tolist(), strict=True)
        ]
    )
    exact: npt.NDArray[np.bool_] = cells == 1.0
    tallies.add("format_reward", where, [part.well_formed for part in parts])
    tallies.add("cell_accuracy", where, cells)
    tallies.add("p_acc", where, exact)
    tallies.add("answer_tokens", where, [one.num_tokens for one in tries])
    tallies.add("truncated", where, [one.cut for one in tries])
    return exact


def _seen(game: Game, perception: str | None, truth: str, board: npt.NDArray[np.uint8]) -> float:
    """The share of cells that are read as they are; the truth word for word needs no look at cells."""
    if perception is None:
        return 0.0
    return 1.0 if perception.strip() == truth else float(np.mean(game.perceived(perception) == board))


def _regret(
    game: Game,
    before: Records,
    owners: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    legal: npt.NDArray[np.bool_],
) -> Floats | None:
    """How far each answer is from the best legal move, 0, towards the worst, 1; None where a game weighs no moves."""
    if not game.offers("values"):
        return None
    values = game.values(before).astype(np.float64)
    best = values.max(axis=1)
    span = best - np.where(values >= 0, values, np.inf).min(axis=1)
    lost = best[owners] - values[owners, actions]
    return np.where(legal, lost / np.maximum(span[owners], 1.0), 1.0)


def _finish(episodes: list[Episode], places: npt.NDArray[np.int64], tallies: _Tallies) -> None:
    """What is counted by the episode."""
    sums = tallies.sums
    sums.num["score"][places] = [episode.score for episode in episodes]
    sums.den["score"][places] = 1.0
    top = sum(tallies.actions.values(), Counter[int]()).most_common(1)
    for episode, place in zip(episodes, places.tolist(), strict=True):
        sums.num["top_action"][place] = tallies.actions[place][top[0][0]] if top else 0
        sums.den["top_action"][place] = tallies.actions[place].total()
        if "errors" in episode.notes:
            sums.num["failed"][place] = len(episode.notes["errors"])
            sums.den["failed"][place] = tallies.actions[place].total()
