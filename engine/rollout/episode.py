"""How tickets are played, many at a time: no sockets, no waiting.

    tickets ─▶ open_plays ─▶ plays: one chain for a group, one a sibling for episodes
    chains  ─▶ look ─▶ asks ─▶ (somebody answers) ─▶ settle: score, step, Round ─▶ look again … ─▶ Play.group

Chains of one game are looked at and settled together, in a handful of kernel calls. Every seed follows from (ticket,
sibling, turn), so a ticket that is played again, or in other company, asks for exactly the same.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from engine import ticket as tickets
from engine.errors import WireError
from engine.game import Game, branch, state_hash
from engine.net import codec, wire
from engine.rollout import response
from engine.start import make_game, start_records
from native.state import Records

T = TypeVar("T")


def frame_of(game: Game, record: Records) -> wire.Frame:
    """The frame of record[1], as whoever makes the same game can draw it."""
    return frames_of(game, record)[0]


def frames_of(game: Game, records: Records) -> list[wire.Frame]:
    """The frames of records[N]: sprites in places, or compressed pixels where a game has no sprites."""
    if not game.offers("atlas"):
        return [codec.encode(pixels, "lz4") for pixels in game.render(records)]
    atlas, draws = game.atlas, game.sprites(records)
    return [wire.Frame("sprites", atlas.height, atlas.width, draw.tobytes(), atlas.digest) for draw in draws]


@dataclass
class Chain:
    """One line of play: the state it stands at, and what is known of that state while its ask is out."""

    ticket: tickets.Ticket
    game: Game
    record: Records
    sibling: int
    turn: int = 0
    frame: wire.Frame | None = None
    truth: str = ""
    state_hash: int = 0
    rounds: list[wire.Round] = field(default_factory=list)
    ended: bool = False

    @property
    def num_samples(self) -> int:
        """Answers to each state: all siblings' at once in a group, one in an episode."""
        return self.ticket.num_samples if self.ticket.num_turns == 1 else 1


@dataclass
class Play:
    """A ticket in hand."""

    ticket: tickets.Ticket
    name: str
    start_hash: int
    chains: list[Chain]

    def group(self, worker: str) -> wire.Group | None:
        """The finished group, or None while chains are open."""
        if not all(chain.ended for chain in self.chains):
            return None
        rounds = [one for chain in self.chains for one in chain.rounds]
        return wire.Group(self.ticket.index, self.name, worker, self.start_hash, rounds)


def open_plays(wanted: Sequence[tickets.Ticket], names: Sequence[str]) -> list[Play]:
    """Raises `ValueError` for tickets that ask for what cannot be."""
    for ticket in wanted:
        if not 1 <= ticket.num_samples <= wire.MAX_SAMPLES or ticket.num_turns < 1:
            want = f"{ticket.num_samples} samples and {ticket.num_turns} turns"
            raise ValueError(f"ticket {ticket.index} wants {want}; there are 1 to {wire.MAX_SAMPLES} samples")
    plays: dict[int, Play] = {}
    games = [make_game(ticket.game) for ticket in wanted]
    for _, numbers in _by(range(len(wanted)), lambda number: id(games[number])):
        records = start_records(games[numbers[0]], [wanted[number].start for number in numbers])
        hashes = state_hash(records).tolist()
        for place, number in enumerate(numbers):
            plays[number] = _open(
                wanted[number], names[number], games[number], records[place : place + 1], hashes[place]
            )
    return [plays[number] for number in range(len(wanted))]


def _open(ticket: tickets.Ticket, name: str, game: Game, start: Records, start_hash: int) -> Play:
    siblings = start
    if ticket.num_turns > 1 and ticket.num_samples > 1:
        siblings = branch(start, ticket.num_samples, rng="split")
    return Play(ticket, name, start_hash, [Chain(ticket, game, siblings[k : k + 1], k) for k in range(len(siblings))])


def open_play(ticket: tickets.Ticket) -> Play:
    """One by itself."""
    return open_plays([ticket], [tickets.ticket_hash(ticket)])[0]


def look(chains: Sequence[Chain]) -> list[wire.Ask]:
    """What each chain asks at the state where it stands; ids are the caller's to give."""
    see(chains)
    return [_ask(chain) for chain in chains]


def see(chains: Sequence[Chain]) -> None:
    """Know the frame, the truth and the hash of the state where each chain stands."""
    for _, some in _by(chains, lambda chain: id(chain.game)):
        game = some[0].game
        records = _side_by_side(some)
        known = zip(some, frames_of(game, records), game.describe(records), state_hash(records).tolist(), strict=True)
        for chain, frame, truth, hashed in known:
            chain.frame, chain.truth, chain.state_hash = frame, truth, hashed


def _side_by_side(chains: Sequence[Chain]) -> Records:
    """Their records in one array; NumPy's own concatenation of records takes ten times as long."""
    return np.frombuffer(b"".join([chain.record.tobytes() for chain in chains]), chains[0].game.dtype)


def _ask(chain: Chain) -> wire.Ask:
    ticket = chain.ticket
    return wire.Ask(
        id=0,
        turns=[wire.Turn(chain.game.prompt, chain.frame)],
        num_samples=chain.num_samples,
        seed=tickets.derive_seed(ticket.seed, chain.sibling, chain.turn),
        temperature=ticket.sampling.temperature,
        max_tokens=ticket.sampling.max_tokens,
        version=ticket.version,
        game=ticket.game,
        state=chain.record.tobytes(),
    )


def settle(chains: Sequence[Chain], answers: Sequence[wire.Answer]) -> None:
    """Score the answers and play on: each chain gets its round, and its next state or its end.

    Raises `WireError` for an answer with another number of samples than were asked for; then no chain has moved.
    """
    for chain, answer in zip(chains, answers, strict=True):
        if len(answer.samples) != chain.num_samples:
            reason = f"the node gave {len(answer.samples)} answers where {chain.num_samples} were asked for"
            raise WireError(reason)
    scored = [
        (pairs, _scores(pairs))
        for _, pairs in _by(zip(chains, answers, strict=True), lambda pair: (id(pair[0].game), pair[0].num_samples))
    ]
    for pairs, (scores, after) in scored:
        num_samples = pairs[0][0].num_samples
        for place, (chain, answer) in enumerate(pairs):
            first = place * num_samples
            _end_turn(chain, answer, scores[first : first + num_samples], after[first : first + 1])


def _scores(pairs: Sequence[tuple[Chain, wire.Answer]]) -> tuple[list[wire.Score], Records]:
    """Of all answers of one game, side by side, and the states that they lead to."""
    game = pairs[0][0].game
    records = _side_by_side([chain for chain, _ in pairs])
    paid = response.score(game, records, [sample.text for _, answer in pairs for sample in answer.samples])
    columns = (
        paid.action,
        paid.game_reward,
        paid.format_reward,
        paid.perception_reward,
        paid.gained,
        paid.legal,
        paid.terminated,
    )
    return list(itertools.starmap(wire.Score, zip(*(column.tolist() for column in columns), strict=True))), paid.after


def _end_turn(chain: Chain, answer: wire.Answer, scores: list[wire.Score], after: Records) -> None:
    assert chain.frame is not None
    chain.rounds.append(
        wire.Round(
            sibling=chain.sibling,
            turn=chain.turn,
            state_hash=chain.state_hash,
            truth=chain.truth,
            frame=chain.frame,
            prompt=answer.prompt,
            samples=answer.samples,
            scores=scores,
            version=answer.version,
        )
    )
    chain.record, chain.frame = after, None
    chain.turn += 1
    chain.ended = scores[0].terminated or chain.turn == chain.ticket.num_turns


K = TypeVar("K")


def _by(things: Iterable[T], key: Callable[[T], K]) -> Iterable[tuple[K, list[T]]]:
    """Things of equal key, in the order of their first."""
    groups: dict[K, list[T]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups.items()
