"""How a ticket is played: pure coroutines that yield asks and are sent answers. No sockets here.

    Ticket ─▶ open_play ─▶ chains: one for a group, one a sibling for episodes
    chain:  record ─▶ Ask ─▶ (somebody answers) ─▶ score, step ─▶ Round ─▶ next turn … ─▶ its rounds

Every seed follows from (ticket, sibling, turn), so that a ticket played again asks for exactly the same.
"""

import functools
from collections.abc import Generator
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine import response, wire
from engine import ticket as tickets
from engine.errors import WireError
from engine.game import Game, branch, make, start_states, state_hash
from engine.render.atlas import Atlas
from native.state import Records

Chain = Generator[wire.Ask, wire.Answer, list[wire.Round]]


@functools.lru_cache(maxsize=64)
def _make(name: str, settings: bytes) -> Game:
    return make(name, **msgspec.json.decode(settings))


def make_game(spec: tickets.GameSpec) -> Game:
    """The game of a spec, made once. Raises `ValueError` for an unknown game or setting."""
    return _make(spec.name, msgspec.json.encode(spec.settings, order="deterministic"))


def restore(game: Game, data: bytes) -> Records:
    """record[1] from bytes, which may come from anywhere. Raises `ValueError` for what is no position of this game."""
    if len(data) != game.dtype.itemsize:
        raise ValueError(f"{len(data)} bytes are no record of {game.name}, which has {game.dtype.itemsize}")
    state = np.frombuffer(data, dtype=game.dtype).copy()
    if (state["rows"][0], state["cols"][0]) != (game.rows, game.cols):
        raise ValueError(f"the record is of another board size than {game.name} {game.rows}x{game.cols}")
    game.from_board(game.board(state), [0])  # raises for cells that cannot be
    return state


def start_record(game: Game, start: tickets.Start) -> Records:
    """record[1] where play begins."""
    if start.record:
        return restore(game, start.record)
    split = None if start.split == "any" else start.split
    state: Records = start_states(game, tickets.as_seeds([start.seed]), start.num_moves, split=split)
    return state


def frame_of(game: Game, record: Records) -> wire.Frame:
    """The frame of record[1] as sprites in places."""
    atlas = game.atlas
    draws = game.sprites(record)
    return wire.Frame("sprites", atlas.height, atlas.width, draws.tobytes(), atlas.digest)


def chain(game: Game, ticket: tickets.Ticket, record: Records, sibling: int) -> Chain:
    """Play record[1]: one turn with all samples of a group, or a whole episode with one sample a turn."""
    rounds: list[wire.Round] = []
    num_samples = ticket.num_samples if ticket.num_turns == 1 else 1
    for turn in range(ticket.num_turns):
        frame, truth = frame_of(game, record), game.describe(record)[0]
        answer = yield wire.Ask(
            id=0,
            turns=[wire.Turn(game.prompt, frame)],
            num_samples=num_samples,
            seed=tickets.derive_seed(ticket.seed, sibling, turn),
            temperature=ticket.sampling.temperature,
            max_tokens=ticket.sampling.max_tokens,
            version=ticket.version,
            game=ticket.game,
            state=record.tobytes(),
        )
        if len(answer.samples) != num_samples:
            raise WireError(f"the node gave {len(answer.samples)} answers where {num_samples} were asked for")
        paid = response.score(game, record, [sample.text for sample in answer.samples])
        rounds.append(
            wire.Round(
                sibling=sibling,
                turn=turn,
                state_hash=int(state_hash(record)[0]),
                truth=truth,
                frame=frame,
                prompt_token_ids=answer.prompt_token_ids,
                samples=answer.samples,
                scores=_as_scores(paid),
                version=answer.version,
            )
        )
        record = paid.after[:1]
        if paid.terminated[0]:
            break
    return rounds


def _as_scores(paid: response.Scores) -> list[wire.Score]:
    columns = (
        paid.action,
        paid.game_reward,
        paid.format_reward,
        paid.perception_reward,
        paid.gained,
        paid.legal,
        paid.terminated,
    )
    return [wire.Score(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]


@dataclass
class Play:
    """A ticket in hand: its chains, and the rounds of those that have ended."""

    ticket: tickets.Ticket
    atlas: Atlas
    start_hash: int
    chains: list[Chain]
    ended: dict[int, list[wire.Round]] = field(default_factory=dict)

    def advance(self, sibling: int, answer: wire.Answer | None) -> wire.Ask | None:
        """The next ask of a chain, or None when it has ended."""
        try:
            return next(self.chains[sibling]) if answer is None else self.chains[sibling].send(answer)
        except StopIteration as end:
            self.ended[sibling] = end.value
            return None

    def group(self, worker: str) -> wire.Group | None:
        """The finished group, or None while chains are open."""
        if len(self.ended) < len(self.chains):
            return None
        rounds = [one for sibling in range(len(self.chains)) for one in self.ended[sibling]]
        name = tickets.ticket_hash(self.ticket)
        return wire.Group(self.ticket.index, name, worker, self.start_hash, rounds)


def open_play(ticket: tickets.Ticket) -> Play:
    """Raises `ValueError` for a ticket that asks for what cannot be."""
    if ticket.num_samples < 1 or ticket.num_turns < 1:
        raise ValueError(f"ticket {ticket.index} wants {ticket.num_samples} samples and {ticket.num_turns} turns")
    game = make_game(ticket.game)
    start = start_record(game, ticket.start)
    start_hash = int(state_hash(start)[0])
    siblings = start
    if ticket.num_turns > 1 and ticket.num_samples > 1:
        siblings = branch(start, ticket.num_samples, rng="split")
    chains = [chain(game, ticket, siblings[k : k + 1].copy(), k) for k in range(len(siblings))]
    return Play(ticket, game.atlas, start_hash, chains)
