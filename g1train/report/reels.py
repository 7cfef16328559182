"""What was played ─▶ reels: each a list of states with the answers that were tried there, picked for the viewer.

    an evaluation's episodes   one answer a state; what several were given to one state is a group
    a run's rollouts           groups of training, and the states and episodes of its evaluations

Of each player (or stage), game and kind at most so many are kept, spread evenly over what there is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine import replay
from engine.errors import ConfigError
from engine.game import branch, state_hash
from engine.net import wire
from engine.replay import Try, Turn
from engine.start import make_game, start_record
from engine.ticket import GameSpec
from g1train.config import LossConfig, RewardConfig
from g1train.report.levels import title_of
from g1train.report.sources import Evaluation, Run, played, stage_and_step
from g1train.run.folder import Played
from native.state import Records

T = TypeVar("T")


@dataclass(frozen=True)
class Reel:
    """One line of play: the states [turns] and what was tried at each; a group has one state and several answers."""

    title: str
    spec: GameSpec
    states: Records
    turns: list[Turn]


@dataclass(frozen=True)
class Shelf:
    """Reels of one player and game. `reward` and `advantage` say how a group's answers were paid and compared."""

    title: str
    reels: list[Reel]
    reward: RewardConfig
    advantage: str


def shelves(sources: Sequence[Run | Evaluation], most: int) -> Iterator[Shelf]:
    """Of each source; nothing if `most` is 0. Raises `ConfigError` for what cannot be played again."""
    for source in sources if most else ():
        if isinstance(source, Evaluation):
            yield from _evaluated(source, most, RewardConfig(), LossConfig())
            continue
        yield from _trained(source, most)
        if source.evaluation is not None:
            yield from _evaluated(source.evaluation, most, source.config.rl.reward, source.config.rl.loss)


def spread(things: Sequence[T], most: int) -> list[T]:
    """At most so many, evenly spaced, the first among them."""
    if len(things) <= most:
        return list(things)
    return [things[place * len(things) // most] for place in range(most)]


def _evaluated(source: Evaluation, most: int, reward: RewardConfig, loss: LossConfig) -> Iterator[Shelf]:
    for player, episodes in source.episodes():
        kinds: dict[str, list[replay.Episode]] = defaultdict(list)
        for one in (one for one in episodes if one.turns):
            kinds[_kind(one)].append(one)
        for kind, some in kinds.items():
            reels = [
                _from_episode(one, number, source.folder) for number, one in spread(list(enumerate(some, 1)), most)
            ]
            yield Shelf(f"{source.name} · {player} · {kind}", reels, reward, loss.advantage)


def _kind(one: replay.Episode) -> str:
    """What an episode has in common with those beside which it is shown."""
    form = "groups" if max(len(turn.tries) for turn in one.turns) > 1 else "episodes"
    temperature = one.notes.get("temperature")
    at = "" if temperature is None else f", temperature {temperature:g}"
    return f"{title_of(one.game, one.settings)} · {form}{at}"


def _from_episode(one: replay.Episode, number: int, folder: Path) -> Reel:
    try:
        _, states = replay.play_again(one)
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}; evaluate {one.player} again, or leave the folder out") from error
    return Reel(f"{one.notes.get('number', number)}", one.spec, states[: len(one.turns)], one.turns)


def _trained(run: Run, most: int) -> Iterator[Shelf]:
    """By stage: some of its files, and some groups of each."""
    stages: dict[str, list[Path]] = defaultdict(list)
    for path in run.rollout_files():
        stages[stage_and_step(path)[0]].append(path)
    for stage, paths in stages.items():
        kinds: dict[str, list[Reel]] = defaultdict(list)
        chosen = spread(paths, most)
        for path in chosen:
            for kind, some in _by_kind(played(path)).items():
                for number, one in spread(list(enumerate(some, 1)), max(1, most // len(chosen))):
                    kinds[kind] += _from_group(one, number, path)
        for kind, reels in kinds.items():
            yield Shelf(f"{run.name} · {stage} · {kind}", reels, run.config.rl.reward, run.config.rl.loss.advantage)


def _by_kind(some: Iterable[Played]) -> dict[str, list[Played]]:
    kinds: dict[str, list[Played]] = defaultdict(list)
    for one in some:
        form = "groups" if one.ticket.num_turns == 1 else "episodes"
        kinds[f"{title_of(one.ticket.game.name, one.ticket.game.settings)} · {form}"].append(one)
    return kinds


def _from_group(one: Played, number: int, path: Path) -> Iterator[Reel]:
    """One reel for a group of one turn, else one for each sibling."""
    ticket, step = one.ticket, stage_and_step(path)[1]
    game = make_game(ticket.game)
    start = start_record(game, ticket.start)
    if int(state_hash(start)[0]) != one.group.start_hash:
        raise ConfigError(f"{path}: ticket {ticket.index} does not start where its group did; the rules have changed")
    title = f"{number}" if step is None else f"step {step}, number {number}"
    alone = ticket.num_turns == 1 or ticket.num_samples == 1
    siblings = start if alone else branch(start, ticket.num_samples, rng="split")
    for place in range(len(siblings)):
        state, states, turns = siblings[place : place + 1].copy(), [], []
        for one_round in (some for some in one.group.rounds if some.sibling == place):
            states.append(state.copy())
            turns.append(Turn(_tries(one_round)))
            game.step(state, [one_round.scores[0].action])
        yield Reel(title if alone else f"{title}, sibling {place}", ticket.game, np.concatenate(states), turns)


def _tries(one: wire.Round) -> list[Try]:
    return [
        Try(score.action, sample.text, sample.num_tokens, sample.finish == "length")
        for sample, score in zip(one.samples, one.scores, strict=True)
    ]
