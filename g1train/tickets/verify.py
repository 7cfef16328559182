"""Nothing forged counts: every group is played again by the trainer, with the answers that it brings.

    ticket ─▶ start ─▶ frame, truth, hash ─▶ (answers of the group) ─▶ scores ─▶ next state … ─▶ our own group
                                                                                      equal? ─▶ that one is learnt from

All but the answers follows from the ticket (engine/rollout/episode.py), so nothing else is taken from a worker. Of the
answers the form is checked here; whether their tokens are of this policy's vocabulary is for a `Check` of the learner.
Groups that have come together are replayed together, in a handful of kernel calls.
"""

from collections.abc import Callable, Sequence

import numpy as np

from engine.game import Game
from engine.net import codec, wire
from engine.rollout import episode
from engine.ticket import Ticket
from g1train.tickets.entries import Claim
from g1train.tickets.form import forms

Verdict = wire.Group | str
"""The group as it counts, or why it does not."""
Verify = Callable[[Sequence[Claim]], list[Verdict]]
Check = Callable[[Ticket, wire.Group], str]
"""What else is wrong with a group, by whoever knows more of it; empty if nothing is."""
Rounds = dict[tuple[int, int], wire.Round]  # by sibling and turn


def unchecked(ticket: Ticket, group: wire.Group) -> str:
    """Nothing more is known."""
    return ""


def verified(claims: Sequence[Claim], check: Check = unchecked) -> list[Verdict]:
    """The verdict on each, by replay."""
    flaws = _flaws(claims)
    replayed = iter(_replayed([claim for claim, flaw in zip(claims, flaws, strict=True) if not flaw]))
    verdicts = [flaw or next(replayed) for flaw in flaws]
    return [_checked(claim, verdict, check) for claim, verdict in zip(claims, verdicts, strict=True)]


def believed(claims: Sequence[Claim]) -> list[Verdict]:
    """Groups of the right form taken at their worker's word: for experiments with games that only workers know."""
    return [flaw or claim.group for claim, flaw in zip(claims, _flaws(claims), strict=True)]


def _flaws(claims: Sequence[Claim]) -> list[str]:
    return forms([(claim.entry.ticket, claim.group) for claim in claims])


def _checked(claim: Claim, verdict: Verdict, check: Check) -> Verdict:
    if isinstance(verdict, str):
        return verdict
    try:
        return check(claim.entry.ticket, verdict) or verdict
    except Exception as error:
        return f"it cannot be checked: {error!r}"


def _replayed(claims: Sequence[Claim]) -> list[Verdict]:
    """All together; if that raises, each alone, so that only what is to blame is refused."""
    if not claims:
        return []
    try:
        return _replay(claims)
    except Exception as error:
        if len(claims) > 1:
            return [verdict for claim in claims for verdict in _replayed([claim])]
        return [f"it cannot be played again: {error!r}"]


def _replay(claims: Sequence[Claim]) -> list[Verdict]:
    plays = episode.open_plays([claim.entry.ticket for claim in claims], [claim.entry.name for claim in claims])
    lines: list[tuple[episode.Chain, Rounds]] = []
    for claim, play in zip(claims, plays, strict=True):
        said = {(one.sibling, one.turn): one for one in claim.group.rounds}
        lines += [(chain, said) for chain in play.chains]
    while lines := [(chain, said) for chain, said in lines if not chain.ended and (chain.sibling, chain.turn) in said]:
        chains = [chain for chain, _ in lines]
        episode.see(chains)
        episode.settle(chains, [_answer(said[chain.sibling, chain.turn]) for chain, said in lines])
    return [_compared(claim, play) for claim, play in zip(claims, plays, strict=True)]


def _answer(one: wire.Round) -> wire.Answer:
    return wire.Answer(0, one.prompt, one.samples, one.version)


def _compared(claim: Claim, play: episode.Play) -> Verdict:
    """Our own group, if the worker's is equal to it."""
    ours = play.group(claim.hand.worker)
    if ours is None:
        return "it ends before its game does"
    if ours == claim.group:
        return ours
    return _difference(ours, claim.group, play.chains[0].game) or ours


def _difference(ours: wire.Group, theirs: wire.Group, game: Game) -> str:
    """Where a group differs from ours; empty if it does only in how its frames travelled, and in what its worker calls
    itself, which is known better here."""
    for name in ("index", "ticket", "start_hash"):
        if (found := getattr(theirs, name)) != (wanted := getattr(ours, name)):
            return f"its {name} is {found!r}, where {wanted!r} is right"
    if len(theirs.rounds) != len(ours.rounds):
        return f"it has {len(theirs.rounds)} rounds, where {len(ours.rounds)} are right"
    for number, (mine, other) in enumerate(zip(ours.rounds, theirs.rounds, strict=True)):
        for name in ("sibling", "turn", "state_hash", "truth", "scores"):
            if getattr(other, name) != getattr(mine, name):
                return f"in its round {number} {name} does not follow from ticket and answers"
        if flaw := _picture(mine.frame, other.frame, game):
            return f"in its round {number} the frame {flaw}"
    return ""


def _picture(ours: wire.Frame, theirs: wire.Frame, game: Game) -> str:
    """Why a frame does not show what ours does; ours takes its place if it does. Shared memory is not looked at: what
    was there may be gone."""
    if theirs.codec == "sprites" and theirs.atlas != ours.atlas:
        return "has another atlas than the game here: are versions and settings the same?"
    if (theirs.height, theirs.width) != (ours.height, ours.width) or (theirs.codec == "sprites" and theirs != ours):
        return "is not what the game draws"
    if theirs.codec in ("sprites", "shared"):
        return ""
    return "" if np.array_equal(codec.decode(theirs), _pixels(ours, game)) else "is not what the game draws"


def _pixels(frame: wire.Frame, game: Game) -> codec.Pixels:
    if frame.codec != "sprites":
        return codec.decode(frame)
    pixels: codec.Pixels = game.atlas.compose(np.frombuffer(frame.data, game.atlas.draw_dtype))[0]
    return pixels
