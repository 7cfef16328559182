"""Groups as an honest worker brings them, played in this process by a scripted player."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from engine.net import wire
from engine.rollout import episode
from engine.ticket import Ticket, ticket_hash
from g1train.inference.scripted import play

PROMPT = wire.pack_ids([1, 2, 3])


def played(tickets: Sequence[Ticket], worker: str = "foreign", player: str = "random") -> list[wire.Group]:
    """In the order of the tickets; a ticket that any version may answer is answered by version 0."""
    plays = episode.open_plays(tickets, [ticket_hash(ticket) for ticket in tickets])
    chains = [chain for one in plays for chain in one.chains]
    while chains:
        episode.settle(chains, _answers(episode.look(chains), player))
        chains = [chain for chain in chains if not chain.ended]
    groups = [one.group(worker) for one in plays]
    return [group for group in groups if group is not None]


def _answers(asks: Sequence[wire.Ask], player: str) -> list[wire.Answer]:
    alike: dict[tuple[bytes, int], list[int]] = defaultdict(list)
    for number, ask in enumerate(asks):
        alike[msgspec.msgpack.encode(ask.game), ask.num_samples].append(number)
    answers = {}
    for numbers in alike.values():
        for number, samples in zip(numbers, play(player, [asks[number] for number in numbers]), strict=True):
            answers[number] = wire.Answer(0, PROMPT, samples, max(asks[number].version, 0))
    return [answers[number] for number in range(len(asks))]
