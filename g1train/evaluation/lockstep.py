"""Scripted players by themselves: all tickets of a game move together, in a few kernel calls a turn, without text.

They choose what they would choose behind a node (g1train/inference/scripted.py): seeds follow from the ticket.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from engine.game import Game
from engine.replay import Try, Turn
from engine.start import make_game, start_records
from engine.ticket import Ticket, derive_seed
from g1train.inference.scripted import PLAYERS, Player


def play(player: str, tickets: Sequence[Ticket]) -> list[list[Turn]]:
    """The turns of each ticket. Raises `ValueError` for a game that the player does not play."""
    together: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, ticket in enumerate(tickets):
        together[id(make_game(ticket.game)), ticket.num_samples].append(number)
    turns: list[list[Turn]] = [[] for _ in tickets]
    for numbers in together.values():
        some = [tickets[number] for number in numbers]
        for number, played in zip(numbers, _play(PLAYERS[player], some), strict=True):
            turns[number] = played
    return turns


def _play(player: Player, tickets: Sequence[Ticket]) -> list[list[Turn]]:
    """Tickets of one game with as many samples each."""
    game, num_samples = make_game(tickets[0].game), tickets[0].num_samples
    records = start_records(game, [ticket.start for ticket in tickets])
    limits = np.array([ticket.num_turns for ticket in tickets])
    turns: list[list[Turn]] = [[] for _ in tickets]
    for turn in range(limits.max()):
        going = np.flatnonzero((turn < limits) & (records["ended"] == 0))
        if not len(going):
            break
        some = records[going]
        actions = player(game, some, _seeds([tickets[place] for place in going], turn, num_samples))
        actions = actions.reshape(len(going), num_samples)
        game.step(some, actions[:, 0])
        records[going] = some
        for place, tried in zip(going.tolist(), actions.tolist(), strict=True):
            turns[place].append(Turn([Try(action) for action in tried]))
    return turns


def _seeds(tickets: Sequence[Ticket], turn: int, num_samples: int) -> list[int]:
    """Of each answer: those of the ask (engine/rollout/episode.py), and of its samples (scripted.play)."""
    asked = [derive_seed(ticket.seed, 0, turn) for ticket in tickets]
    return [derive_seed(seed, sample) for seed in asked for sample in range(num_samples)]


def check(player: str, game: Game) -> None:
    """Raises `ValueError` if the player cannot play the game."""
    PLAYERS[player](game, game.reset([0]), [0])
