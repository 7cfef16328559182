"""A ticket: one piece of rollout work, as self-contained data.

    run seed, index ──▶ Ticket ──▶ (any worker) ──▶ Group

Whoever holds a ticket can play it; playing it twice asks for the same states and the same seeds. A lost one is issued
again and a duplicate result is dropped by its `index`, so that workers may come, go and die.
"""

import hashlib
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

Name = Annotated[str, msgspec.Meta(max_length=200)]
Setting = bool | int | float | Annotated[str, msgspec.Meta(max_length=4096)]
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 100.0  # beside 0; beyond, float32 logits overflow or no longer differ
Split = Literal["any", "train", "eval"]


class GameSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A game and its difficulty. Example: `GameSpec("2048", {"tile_px": 28, "strip": False})`."""

    name: Name
    settings: Annotated[dict[Name, Setting], msgspec.Meta(max_length=100)] = {}


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where play begins: a sub-seed and a number of random moves, or the bytes of one record.

    `split` keeps training and evaluation apart: the start is drawn again until its state hash falls into the split.
    """

    seed: int = 0
    num_moves: int = 0
    split: Split = "any"
    record: bytes = b""


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How answers are drawn. `temperature` 0 is greedy; top-p and top-k are never used: they bias importance ratios."""

    temperature: float = 1.0
    max_tokens: int = 64


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`num_samples` answers to each of at most `num_turns` states, beginning at `start`.

    With one turn it is a GRPO group: one state, one frame, `num_samples` siblings. With more turns each sibling plays
    an episode of its own from the same start.
    """

    index: int
    seed: int
    game: GameSpec
    start: Start
    sampling: Sampling = Sampling()
    num_samples: int = 1
    num_turns: int = 1
    version: int = 0  # policy version that must answer; not part of the hash


_encoder = msgspec.msgpack.Encoder(order="deterministic")


def ticket_hash(ticket: Ticket) -> str:
    """16 hex digits that name the work asked for, whichever policy answers it."""
    data = _encoder.encode(msgspec.structs.replace(ticket, version=0))
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def derive_seed(*parts: Any) -> int:
    """A 63-bit seed from (run seed, purpose, index, sibling, turn...): unrelated for neighbours, equal everywhere."""
    data = msgspec.msgpack.encode(list(parts))
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") >> 1


def as_seeds(values: list[int]) -> np.ndarray:
    """uint64[N] for `game.reset`."""
    return np.array(values, dtype=np.uint64)
