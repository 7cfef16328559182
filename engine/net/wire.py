"""Every message that crosses a process boundary, and the only code that turns messages into bytes and back.

    worker  ─Join, Pull, Group, Failure─▶ trainer         trainer ─Welcome, Work, Drain─▶ worker
    worker  ─Join, Atlas, Ask─▶ node                      node    ─Welcome, Answer, Refusal─▶ worker
    trainer ─Join, Atlas, Ask, WeightCall─▶ node          node    ─Welcome, Answer, Refusal, WeightDone─▶ trainer
    monitor ─Join, Look─▶ trainer, node                   both    ─Welcome, Report─▶ monitor
    all     ─Beat, Leave, Fault─▶ all

Messages travel in parcels: one ZeroMQ frame that is a MessagePack array of maps, each with the key `type`. Whatever is
ready for a peer goes out in one parcel, so that a thousand small messages cost little more than one. Token ids are
int32 and log-probabilities float32 arrays, little-endian, as MessagePack binaries. Nothing is pickled. A parcel that
does not decode raises `WireError`; its receiver answers with a `Fault` and counts it.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from engine.errors import WireError
from engine.ticket import GameSpec, Name, Ticket

PROTOCOL = 2
MAX_PARCEL_BYTES = 64 << 20
PARCEL_BYTES = 1 << 20  # a parcel is closed beyond this, so that nobody waits long for one
MAX_MESSAGES = 4096  # in one parcel
HEADER_BYTES = 3  # of a parcel: the length of its array
HEARTBEAT_S = 1.0
DEATH_S = 10 * HEARTBEAT_S
ATLAS_SLOTS = 16  # a node keeps this many atlases a connection, dropping the least recently used; senders count along
MAX_CREDIT = 4096  # tickets that one worker can hold
MAX_SAMPLES = 4096  # answers to one ask
MAX_TOKENS = 1 << 17  # of one answer
JOIN_BYTES = 4096  # of a parcel that begins with a Join: a stranger's is not looked at if it is longer
MAX_REASON = 20_000  # characters of a traceback, or why something was refused

Part = bytes | memoryview
Few = msgspec.Meta(max_length=64)
Many = msgspec.Meta(max_length=MAX_CREDIT)
Reason = Annotated[str, msgspec.Meta(max_length=MAX_REASON)]
Digest = Annotated[bytes, msgspec.Meta(max_length=64)]
Codec = Literal["sprites", "pixels", "lz4", "shared"]


def clip(text: str) -> str:
    """A reason that is not too long to be told: what is, keeps its beginning and its end."""
    half = MAX_REASON // 2 - 3
    return text if len(text) <= MAX_REASON else f"{text[:half]} ... {text[-half:]}"


def pack_ids(ids: Iterable[int]) -> bytes:
    """Token ids as they travel: int32, little-endian."""
    return array("i", ids).tobytes()


def pack_logprobs(values: Iterable[float]) -> bytes:
    """Log-probabilities as they travel: float32, little-endian."""
    return array("f", values).tobytes()


def _check_ids(name: str, data: bytes) -> None:
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes of {name}; an int32 has 4")


class Message(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, forbid_unknown_fields=True):
    """Base of all messages; the tag is the class name in lower case."""


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture, uint8[height, width, 3]: what `data` holds depends on `codec` (engine/net/codec.py).

    sprites   one draw record of the atlas named by `atlas`: 32 bytes for a 2048 board
    pixels    the pixels
    lz4       the pixels as one lz4 block
    shared    where they lie in the sender's memory: process, descriptor, offset (three int64), same machine only
    """

    codec: Codec
    height: int
    width: int
    data: bytes
    atlas: Digest = b""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a prompt: text and, as a rule, the frame that it is about (placed before the text)."""

    text: str
    frame: Frame | None = None


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer. `tokens` int32[T] with the end-of-turn token if it was sampled, `logps` float32[T] under the policy
    that sampled them, without banned tokens; `finish` is `length` when the budget cut it."""

    text: str
    tokens: bytes
    logps: bytes
    finish: Literal["stop", "length"] = "stop"

    def __post_init__(self) -> None:
        _check_ids("tokens", self.tokens)
        if len(self.tokens) != len(self.logps):
            raise ValueError(f"{len(self.tokens)} bytes of tokens with {len(self.logps)} of logps; each token has both")

    @staticmethod
    def of(
        text: str, ids: Iterable[int], logprobs: Iterable[float], finish: Literal["stop", "length"] = "stop"
    ) -> "Sample":
        """From plain numbers."""
        return Sample(text, pack_ids(ids), pack_logprobs(logprobs), finish)

    @property
    def num_tokens(self) -> int:
        return len(self.tokens) // 4

    @property
    def token_ids(self) -> list[int]:
        return array("i", self.tokens).tolist()

    @property
    def logprobs(self) -> list[float]:
        return array("f", self.logps).tolist()


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
    """One state that was asked about: its frame once, and its answers with their scores (lists of equal length);
    `prompt` int32[P] as in the `Answer`."""

    sibling: int
    turn: int
    state_hash: int
    truth: str
    frame: Frame
    prompt: bytes
    samples: Annotated[list[Sample], msgspec.Meta(max_length=MAX_SAMPLES)]
    scores: Annotated[list[Score], msgspec.Meta(max_length=MAX_SAMPLES)]
    version: int

    def __post_init__(self) -> None:
        _check_ids("prompt", self.prompt)
        if len(self.samples) != len(self.scores):
            raise ValueError(f"{len(self.samples)} samples with {len(self.scores)} scores")

    @property
    def prompt_token_ids(self) -> list[int]:
        return array("i", self.prompt).tolist()


class Join(Message, frozen=True):
    """First message of every connection. Example: `Join("worker", "host-1/0", 4242)`.

    `attempt` counts a client's connections: those that it gave up may be read after the one that it has now. `life` is
    drawn at random when a client starts, and tells it from others of its name; a supervisor gives all processes that
    follow one another in one place the same.
    """

    role: Literal["worker", "trainer", "monitor"]
    name: Name
    pid: int
    protocol: int = PROTOCOL
    attempt: int = 0
    life: Name = ""


class Welcome(Message, frozen=True):
    """Answer to `Join`. `needs_state`: asks must carry the record (scripted players). `version`: what a node serves, -1
    before it has any weights confirmed; `backend` names it. `codecs` are those that a node reads; `machine` says which
    processes can read its memory (`engine.net.codec.machine`). `known_as` is what the client goes by here where another
    has its name; else empty."""

    name: Name
    run: str = ""
    backend: str = ""
    needs_state: bool = False
    version: int = -1
    codecs: Annotated[tuple[Codec, ...], Few] = ("sprites", "pixels")
    machine: str = ""
    known_as: Name = ""


class Pull(Message, frozen=True):
    """A worker's credit: it can hold `credit` more tickets. Never more than that are sent."""

    credit: int


class Work(Message, frozen=True):
    """Tickets for a worker, at most its credit. Each has a name (its `ticket_hash`), to be given back with its result:
    an index alone comes again in another play or another run."""

    tickets: Annotated[list[Ticket], Many]
    names: Annotated[list[Name], Many]

    def __post_init__(self) -> None:
        if len(self.tickets) != len(self.names):
            raise ValueError(f"{len(self.tickets)} tickets with {len(self.names)} names")


class Group(Message, frozen=True):
    """A played ticket; `ticket` is its name."""

    index: int
    ticket: Name
    worker: Name
    start_hash: int
    rounds: Annotated[list[Round], msgspec.Meta(max_length=1 << 16)]


class Failure(Message, frozen=True):
    """A ticket that raised in the worker, with the traceback; `ticket` is its name."""

    index: int
    ticket: Name
    worker: Name
    traceback: Reason


class Atlas(Message, frozen=True):
    """Sprites, sent once a connection before the first frame that names them; `data` is `Atlas.to_bytes()`."""

    digest: Digest
    data: bytes


class Ask(Message, frozen=True):
    """n answers to one prompt. `version`: the policy wanted (-1: any); `state` and `game` are for scripted players."""

    id: int
    turns: Annotated[list[Turn], Many]
    num_samples: int
    seed: int
    temperature: float
    max_tokens: int
    version: int = -1
    game: GameSpec | None = None
    state: bytes = b""


class Answer(Message, frozen=True):
    """The answers to ask `id`; `prompt` int32[P] is the prompt as the backend expanded it, image tokens included."""

    id: int
    prompt: bytes
    samples: Annotated[list[Sample], msgspec.Meta(max_length=MAX_SAMPLES)]
    version: int

    def __post_init__(self) -> None:
        _check_ids("prompt", self.prompt)

    @property
    def prompt_token_ids(self) -> list[int]:
        return array("i", self.prompt).tolist()


class Refusal(Message, frozen=True):
    """Ask `id` cannot be answered now (`retry`: ask again later) or ever (a bad ask)."""

    id: int
    reason: Reason
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
    """I am alive. Sent every `HEARTBEAT_S`; ten missing ones mean death. `load` is for whoever looks on: how long the
    sender's queues are."""

    load: Annotated[dict[Name, int], Few] = {}


class Look(Message, frozen=True):
    """A monitor asks how things stand."""


class PeerReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One peer of a server: for how long it has been there and silent, what it holds, its own load."""

    name: str
    role: str
    pid: int
    joined_s: float
    silent_s: float
    holds: int
    load: Annotated[dict[Name, int], Few]


class Report(Message, frozen=True):
    """Answer to `Look`. `counts` only ever grow, `gauges` are as of now; `peers` are all but monitors."""

    name: str
    host: str
    pid: int
    run: str
    up_s: float
    version: int
    peers: Annotated[list[PeerReport], Many]
    counts: Annotated[dict[Name, int], Few]
    gauges: Annotated[dict[Name, float], Few]
    backend: str = ""


class Drain(Message, frozen=True):
    """Finish what you hold, take no more, leave."""


class Leave(Message, frozen=True):
    """A clean goodbye: whatever the sender still held is to be issued again at once."""


class Fault(Message, frozen=True):
    """Your last message could not be used; `reason` says why and what to do. `rejoin`: the sender of this does not know
    you (it was restarted, or gave you up): connect anew and begin with `Join`."""

    reason: Reason
    rejoin: bool = False


AnyMessage = (
    Join | Welcome | Pull | Work | Group | Failure | Atlas | Ask | Answer | Refusal | WeightCall | WeightDone
    | Beat | Look | Report | Drain | Leave | Fault
)  # fmt: skip

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Annotated[list[AnyMessage], msgspec.Meta(max_length=MAX_MESSAGES)])


def pack(message: AnyMessage) -> bytes:
    """One message, to be put into a parcel. Raises `WireError` if it is too long for any."""
    packed = _encoder.encode(message)
    if len(packed) + HEADER_BYTES > MAX_PARCEL_BYTES:
        kind = type(message).__name__
        raise WireError(f"the {kind} of {len(packed)} bytes is too long to be sent; the limit is {MAX_PARCEL_BYTES}")
    return packed


def parcels(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Packed messages in their order, in as few parcels as they fit into."""
    parts: list[bytes] = []
    size = 0
    for part in packed:
        if parts and (size + len(part) > PARCEL_BYTES or len(parts) == MAX_MESSAGES):
            yield _parcel(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield _parcel(parts)


def _parcel(parts: list[bytes]) -> bytes:
    """A MessagePack array of 16-bit length around what is encoded already."""
    return b"".join([b"\xdc", len(parts).to_bytes(2, "big"), *parts])


def encode(*messages: AnyMessage) -> bytes:
    """One parcel, for who sends little."""
    (parcel,) = parcels(pack(message) for message in messages)
    return parcel


def may_join(parts: Sequence[Part]) -> bool:
    """Is it worth while to decode what a stranger sends? Only a small parcel with a Join is."""
    return len(parts) == 1 and len(parts[0]) <= JOIN_BYTES and b"join" in bytes(parts[0])


def decode(parts: Sequence[Part]) -> list[AnyMessage]:
    """The messages of what a socket received. Raises `WireError` unless that is exactly one parcel of known, well-typed
    messages; what is decoded takes no more than a small multiple of the parcel's size."""
    if len(parts) != 1:
        raise WireError(f"a message of {len(parts)} frames arrived; send one, a MessagePack array of maps")
    if len(parts[0]) > MAX_PARCEL_BYTES:
        raise WireError(f"a parcel of {len(parts[0])} bytes arrived; the limit is {MAX_PARCEL_BYTES}")
    try:
        messages: list[AnyMessage] = _decoder.decode(parts[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a parcel did not decode: {error}") from error
    return messages
