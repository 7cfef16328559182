"""Answers that were paid for, kept the moment they come, so that no kill makes anybody ask twice.

    {"key":"5f1c…","text":"<perception>…","prompt_tokens":812,"completion_tokens":64,"finish":"stop"}

A key names one answer: player, ticket, turn and sample. It goes along with the request as `Idempotency-Key`, so that
the one that was under way at a kill can be told from a new one by whoever is asked.
"""

import hashlib
import os
from pathlib import Path

import msgspec

from g1train.evaluation.folder import drop_torn_line


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one request; `error` or `refusal` says why there is no answer."""

    key: str
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: str = "stop"
    refusal: str = ""
    error: str = ""


def key_of(player: str, ticket: str, turn: int, sample: int) -> str:
    """32 hex digits; `player` says how it is made, `ticket` is the ticket's hash."""
    return hashlib.blake2b(f"{player}\n{ticket}\n{turn}\n{sample}".encode(), digest_size=16).hexdigest()


class Journal:
    """One file, one writer."""

    def __init__(self, path: Path) -> None:
        """Raises `ValueError` for a file that is no journal."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_torn_line(path)
        lines = path.read_bytes().splitlines() if path.exists() else []
        try:
            replies = [msgspec.json.decode(line, type=Reply) for line in lines]
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} is no journal of answers: {error}") from error
        self._replies = {reply.key: reply for reply in replies}
        self._file = path.open("ab")

    def get(self, key: str) -> Reply | None:
        return self._replies.get(key)

    def add(self, reply: Reply) -> None:
        """On the disk when this returns."""
        self._file.write(msgspec.json.encode(reply) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._replies[reply.key] = reply

    def settle(self) -> None:
        """Put the lines in the order of their keys, when no more will come: which was first is luck."""
        unfinished = self._path.with_suffix(".tmp")
        lines = [msgspec.json.encode(self._replies[key]) + b"\n" for key in sorted(self._replies)]
        unfinished.write_bytes(b"".join(lines))
        os.replace(unfinished, self._path)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
