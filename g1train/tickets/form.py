"""The form of a group: what can be said of it by its ticket and by itself, without playing it again."""

from collections.abc import Sequence

import numpy as np

from engine.net import wire
from engine.ticket import Ticket

MAX_LOGPROB = 1e-3  # of a token: 0, and what rounding adds to it


def forms(pairs: Sequence[tuple[Ticket, wire.Group]]) -> list[str]:
    """What is wrong with the form of each group; empty where nothing is."""
    flaws = [_shape(ticket, group) for ticket, group in pairs]
    sound = [group for (_, group), flaw in zip(pairs, flaws, strict=True) if not flaw]
    if not _numbers(sound):  # as a rule, and in one go
        return flaws
    return [flaw or _numbers([group]) for (_, group), flaw in zip(pairs, flaws, strict=True)]


def _shape(ticket: Ticket, group: wire.Group) -> str:
    """Index, versions, and how many answers there are to how many states."""
    if group.index != ticket.index:
        return f"its index is {group.index}, where {ticket.index} is right"
    versions = {one.version for one in group.rounds}
    if ticket.version != -1 and versions - {ticket.version}:
        return f"it was answered by policy version {versions}, where {ticket.version} is wanted"
    siblings = {one.sibling for one in group.rounds}
    in_one = ticket.num_turns == 1  # a group's answers are in one round, an episode's one by one
    wanted = {0} if in_one else set(range(ticket.num_samples))
    if siblings != wanted or (in_one and len(group.rounds) > 1):
        return f"it has {len(group.rounds)} rounds of siblings {siblings}, where {wanted} are wanted"
    num_samples = ticket.num_samples if in_one else 1
    found = {len(one.samples) for one in group.rounds}
    return "" if found == {num_samples} else f"it has {found} answers to a state, where {num_samples} are wanted"


def _numbers(groups: Sequence[wire.Group]) -> str:
    """What is wrong with the token ids and log-probabilities of some groups; empty if nothing is."""
    rounds = [one for group in groups for one in group.rounds]
    samples = [sample for one in rounds for sample in one.samples]
    if not all(one.prompt for one in rounds):
        return "it has a round without a prompt"
    if not all(sample.tokens for sample in samples):
        return "it has an answer without tokens"
    ids = np.frombuffer(b"".join([one.prompt for one in rounds] + [sample.tokens for sample in samples]), "<i4")
    if len(ids) and ids.min() < 0:
        return f"it has the token id {ids.min()}"
    logps = np.frombuffer(b"".join([sample.logps for sample in samples]), "<f4")
    if not np.isfinite(logps).all() or (len(logps) and logps.max() > MAX_LOGPROB):
        return "it has a log-probability that is none: above 0, or not finite"
    return ""
