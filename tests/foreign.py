"""A program that knows ZeroMQ and MessagePack but nothing of ours, to talk to trainers and nodes."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import zmq

REPLY_MS = 30_000
JOIN = {"type": "join", "role": "worker", "name": "foreign", "pid": 1, "protocol": 2}


class Foreign:
    """One connection; `hear` gives message after message, without beats."""

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self.socket = socket
        self._heard: deque[dict[str, Any]] = deque()

    def say(self, *messages: Any) -> None:
        self.send(msgpack.packb(list(messages)))

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def hear(self) -> dict[str, Any]:
        while not self._heard:
            assert self.socket.poll(REPLY_MS)
            self._heard += [one for one in msgpack.unpackb(self.socket.recv()) if one["type"] != "beat"]
        return self._heard.popleft()

    def exchange(self, message: Any) -> dict[str, Any]:
        """Say one message, or send bytes, and hear the next."""
        if isinstance(message, bytes):
            self.send(message)
        else:
            self.say(message)
        return self.hear()


@contextmanager
def connected(address: str) -> Iterator[Foreign]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 1000  # a server reads no further ahead than it must: what was said last is still on its way
        socket.connect(address)
        yield Foreign(socket)
