"""Everything that makes something of bytes from outside, as functions bytes -> None that may raise nothing.

parcel      a ZeroMQ frame, on to messages, and through a hub to a ledger, whose groups are verified
atlas       an atlas's bytes
frame       a frame of any codec, from a MessagePack map
record      a game's record
"""

import contextlib
import functools
from collections.abc import Callable

import msgspec
import numpy as np

from engine.errors import WireError
from engine.game import Game, game_names, start_states
from engine.net import codec, wire
from engine.net.hub import Hub, Peer
from engine.render.atlas import Atlas
from engine.rollout.episode import frame_of
from engine.start import make_game, restore
from engine.ticket import GameSpec, ticket_hash
from g1train.inference.frames import AtlasStore
from g1train.tickets.ledger import Ledger
from g1train.tickets.rollout import OneGame, group_tickets
from g1train.tickets.verify import verified

GAME = make_game(GameSpec("2048", {"tile_px": 28, "strip": False}))
TICKETS = group_tickets(1, "fuzz", 0, 4, [OneGame(GameSpec("2048"))], num_samples=1)


def parcel(data: bytes) -> None:
    """As a server takes it: whoever sends it has joined."""
    hub: Hub[Peer] = Hub(Peer, lambda: wire.Welcome("fuzzed"), lambda: hub.report("fuzzed", "", 0, {}), lambda *_: None)
    ledger = Ledger()
    ledger.submit(TICKETS)
    hand = ledger.join("fuzzer")
    while ledger.take(hand):
        pass
    list(hub.receive(b"peer", [wire.encode(wire.Join("worker", "fuzzer", 1))]))
    for _, message in hub.receive(b"peer", [data]):
        match message:
            case wire.Group():
                ledger.claim(message, hand)
            case wire.Failure():
                ledger.failure(message, hand)
            case wire.Atlas():
                _only(WireError, functools.partial(AtlasStore().add, message))
            case wire.Ask():
                for turn in message.turns:
                    if turn.frame is not None:
                        _draw(turn.frame)
            case _:
                pass
    verified(ledger.claims)
    list(hub.outgoing())


def atlas(data: bytes) -> None:
    _only(ValueError, lambda: Atlas.from_bytes(data))


def frame(data: bytes) -> None:
    try:
        found = msgspec.msgpack.decode(data, type=wire.Frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    _draw(found)


def record(data: bytes) -> None:
    for name in game_names():
        _only(ValueError, functools.partial(_play_on, make_game(GameSpec(name)), data))


def _play_on(game: Game, data: bytes) -> None:
    """Whatever is taken for a position is safe to play and to show."""
    state = restore(game, data)
    game.oracle(state)
    game.play_random(state, 20)
    game.render(state)
    game.describe(state)


DECODERS: dict[str, Callable[[bytes], None]] = {"parcel": parcel, "atlas": atlas, "frame": frame, "record": record}


def seeds() -> dict[str, list[bytes]]:
    """Good input of each kind, to be damaged."""
    state = start_states(GAME, [1], 20)
    shown = frame_of(GAME, state)
    pixels = GAME.render(state)[0]
    others = [codec.encode(np.ascontiguousarray(pixels[:8, :8]), how) for how in ("pixels", "lz4")]
    frames = [shown, *others, wire.Frame("shared", 2, 2, bytes(24))]
    score = wire.Score(0, 1.0, 1.0, 0.0, 4, True, False)
    sample = wire.Sample.of("<answer>0</answer>", [1, 2], [-0.5, 0.0])
    one = wire.Round(0, 0, 1, "2 4", shown, bytes(8), [sample], [score], 0)
    ticket = TICKETS[0]
    messages: list[wire.AnyMessage] = [
        wire.Group(ticket.index, ticket_hash(ticket), "w", 1, [one]),
        wire.Failure(ticket.index, ticket_hash(ticket), "w", "why"),
        wire.Atlas(GAME.atlas.digest, GAME.atlas.to_bytes()[:400]),
        wire.Ask(1, [wire.Turn("Play.", shown) for shown in frames], 2, 3, 1.0, 8, 0, ticket.game, state.tobytes()),
        wire.Work([ticket], ["name"]),
        wire.Beat({"asking": 1}),
        wire.Look(),
        wire.Pull(3),
    ]
    return {
        "parcel": [wire.encode(message) for message in messages] + [wire.encode(*messages)],
        "atlas": [GAME.atlas.to_bytes()[:300]],
        "frame": [msgspec.msgpack.encode(one) for one in frames],
        "record": [start_states(make_game(GameSpec(name)), [1], 5).tobytes() for name in game_names()],
    }


def _draw(shown: wire.Frame) -> None:
    store = AtlasStore()
    store.keep(GAME.atlas)
    _only(ValueError, lambda: store.pixels(shown))


def _only(allowed: type[Exception], work: Callable[[], object]) -> None:
    with contextlib.suppress(allowed):
        work()
