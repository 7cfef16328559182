"""Every message that crosses a process boundary, and the only code that turns messages into bytes and back.

    worker  ─Join, Pull, Group, Failure─▶ trainer         trainer ─Welcome, Work, Drain─▶ worker
    worker  ─Join, Atlas, Ask─▶ node                      node    ─Welcome, Answer, Refusal─▶ worker
    trainer ─Join, Atlas, Ask, WeightCall─▶ node          node    ─Welcome, Answer, Refusal, WeightDone─▶ trainer
    all     ─Beat, Leave, Fault─▶ all

A message is a ZeroMQ multipart: one MessagePack map with the key `type`, then raw buffers (one after an `Atlas`, none
after the others). Nothing is pickled. Whatever does not decode raises `WireError`; receivers answer it with a `Fault`.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.errors import WireError
from engine.ticket import GameSpec, Ticket

PROTOCOL = 1
MAX_HEADER_BYTES = 64 << 20
HEARTBEAT_S = 1.0
DEATH_S = 10 * HEARTBEAT_S
ATLAS_SLOTS = 16  # a node keeps this many atlases a connection, dropping the least recently used; senders count along


class Message(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, forbid_unknown_fields=True):
    """Base of all messages; the tag is the class name in lower case."""


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture: `sprites` holds one draw record of the atlas named by `atlas`, `pixels` uint8[height, width, 3].

    Example: `Frame("sprites", 112, 112, b"\\x03\\x00...", atlas=digest)`, 32 bytes of data for a 2048 board.
    """

    codec: Literal["sprites", "pixels"]
    height: int
    width: int
    data: bytes
    atlas: bytes = b""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a prompt: text and, as a rule, the frame that it is about (placed before the text)."""

    text: str
    frame: Frame | None = None


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer. `token_ids` int[T] with the end-of-turn token if it was sampled, `logprobs` float[T] under the policy
    that sampled them, without banned tokens; `finish` is `length` when the budget cut it."""

    text: str
    token_ids: list[int]
    logprobs: list[float]
    finish: Literal["stop", "length"] = "stop"


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one answer was worth: action index (-1 unreadable), GR, FR, PR of the paper, and the points that it gained
    in the game; whether the action was legal, and whether the game is over after it."""

    action: int
    game_reward: float
    format_reward: float
    perception_reward: float
    score: int
    legal: bool
    terminated: bool


class Round(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One state that was asked about: its frame once, and its answers with their scores (lists of equal length)."""

    sibling: int
    turn: int
    state_hash: int
    truth: str
    frame: Frame
    prompt_token_ids: list[int]
    samples: list[Sample]
    scores: list[Score]
    version: int


class Join(Message, frozen=True):
    """First message of every connection. Example: `Join("worker", "host-1/0", 4242)`."""

    role: Literal["worker", "trainer", "monitor"]
    name: str
    pid: int
    protocol: int = PROTOCOL


class Welcome(Message, frozen=True):
    """Answer to `Join`. `needs_state`: asks must carry the record (scripted players). `version`: what a node serves, -1
    before it has any weights confirmed; `backend` names it."""

    name: str
    run: str = ""
    backend: str = ""
    needs_state: bool = False
    version: int = -1


class Pull(Message, frozen=True):
    """A worker's credit: it can hold `credit` more tickets. Never more than that are sent."""

    credit: int


class Work(Message, frozen=True):
    """Tickets for a worker, at most its credit."""

    tickets: list[Ticket]


class Group(Message, frozen=True):
    """A played ticket. `ticket` is its `ticket_hash`: an index alone comes again in another play or another run."""

    index: int
    ticket: str
    worker: str
    start_hash: int
    rounds: list[Round]


class Failure(Message, frozen=True):
    """A ticket that raised in the worker, with the traceback; `ticket` is its `ticket_hash`."""

    index: int
    ticket: str
    worker: str
    traceback: str


class Atlas(Message, frozen=True):
    """Sprites, sent once a connection before the first frame that names them; buffer 0 is `Atlas.to_bytes()`."""

    digest: bytes


class Ask(Message, frozen=True):
    """n answers to one prompt. `version`: the policy wanted (-1: any); `state` and `game` are for scripted players."""

    id: int
    turns: list[Turn]
    num_samples: int
    seed: int
    temperature: float
    max_tokens: int
    version: int = -1
    game: GameSpec | None = None
    state: bytes = b""


class Answer(Message, frozen=True):
    """The answers to ask `id`; `prompt_token_ids` is the prompt as the backend expanded it, image tokens included."""

    id: int
    prompt_token_ids: list[int]
    samples: list[Sample]
    version: int


class Refusal(Message, frozen=True):
    """Ask `id` cannot be answered now (`retry`: ask again later) or ever (a bad ask)."""

    id: int
    reason: str
    retry: bool


class WeightCall(Message, frozen=True):
    """One step of a weight transfer, after vLLM's four calls. `info` is a JSON object for `init` and `update`;
    `version` is the policy version that `finish` makes current; `confirm` adopts a version without a transfer."""

    id: int
    phase: Literal["init", "start", "update", "finish", "confirm"]
    info: str = "{}"
    version: int = -1


class WeightDone(Message, frozen=True):
    """The step succeeded; `error` says why when it did not."""

    id: int
    version: int
    error: str = ""


class Beat(Message, frozen=True):
    """I am alive. Sent every `HEARTBEAT_S`; ten missing ones mean death."""


class Drain(Message, frozen=True):
    """Finish what you hold, take no more, leave."""


class Leave(Message, frozen=True):
    """A clean goodbye: whatever the sender still held is to be issued again at once."""


class Fault(Message, frozen=True):
    """Your last message could not be used; `reason` says why and what to do. `rejoin`: the sender of this does not know
    you (it was restarted, or gave you up): connect anew and begin with `Join`."""

    reason: str
    rejoin: bool = False


AnyMessage = (
    Join | Welcome | Pull | Work | Group | Failure | Atlas | Ask | Answer | Refusal | WeightCall | WeightDone
    | Beat | Drain | Leave | Fault
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: AnyMessage, *buffers: bytes | memoryview) -> list[bytes | memoryview]:
    """The parts of a multipart: header, then buffers as they are."""
    return [_encoder.encode(message), *buffers]


def decode(parts: Sequence[bytes | memoryview]) -> tuple[AnyMessage, Sequence[bytes | memoryview]]:
    """Message and buffers. Raises `WireError` for anything that is not exactly one known, well-typed message."""
    if not parts:
        raise WireError("an empty message arrived; send one MessagePack map with the key 'type'")
    if len(parts[0]) > MAX_HEADER_BYTES:
        raise WireError(f"a message header of {len(parts[0])} bytes arrived; the limit is {MAX_HEADER_BYTES}")
    try:
        return _decoder.decode(parts[0]), parts[1:]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a message did not decode: {error}") from error
