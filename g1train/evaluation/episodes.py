"""From what was played to the episodes that are kept: a ticket, and the answers at each of its states.

ticket, group ──turns_of──▶ turns ──episode──▶ Episode: start, turns, hashes, score, notes
"""

from collections.abc import Sequence
from typing import Any

from engine.game import state_hash
from engine.net import wire
from engine.replay import Episode, Try, Turn
from engine.start import make_game, start_record
from engine.ticket import Ticket


def turns_of(group: wire.Group) -> list[Turn]:
    """The turns of a ticket with one line of play: an episode, or one state with several answers."""
    return [Turn(_tries(one)) for one in group.rounds]


def _tries(one: wire.Round) -> list[Try]:
    return [
        Try(score.action, sample.text, sample.num_tokens, sample.finish == "length")
        for score, sample in zip(one.scores, one.samples, strict=True)
    ]


def episode(player: str, ticket: Ticket, turns: Sequence[Turn], notes: dict[str, Any]) -> Episode:
    """Plays the turns to know the hashes and the score."""
    game = make_game(ticket.game)
    state = start_record(game, ticket.start)
    first, score = state_hash(state, rng=True)[0], int(state["score"][0])
    for turn in turns:
        game.step(state, [turn.tries[turn.taken].action])
    return Episode(
        player=player,
        game=ticket.game.name,
        settings=ticket.game.settings,
        start=ticket.start,
        turns=list(turns),
        start_hash=int(first),
        end_hash=int(state_hash(state, rng=True)[0]),
        score=int(state["score"][0]) - score,
        notes=notes,
    )
