"""ZeroMQ sockets as this project uses them: address and keys checked at the door, no high-water marks.

High-water marks would drop messages; credits and limits on what is in flight keep queues short instead. Whoever listens
where other machines can reach it needs a key file, which every process of the run is given:

    python -m engine.sockets FILE        write one
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from engine.errors import ConnectError

Socket = zmq.Socket[Any]
Context = zmq.Context[Any]
LOOPBACK = ("ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")
MAX_PART_BYTES = 1 << 30
KEY_HELP = "make a key file with: python -m engine.sockets FILE"


@dataclass(frozen=True)
class Keys:
    """One CURVE key pair for a whole run: a handshake succeeds only between processes that hold the file."""

    public: bytes
    secret: bytes


def write_keys(path: Path) -> None:
    """Make a key file that only its owner can read. Raises `FileExistsError` rather than replace one."""
    public, secret = zmq.curve_keypair()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(public + b"\n" + secret + b"\n")


def read_keys(path: Path) -> Keys:
    """Raises `ConnectError` for a file that is missing or holds anything else."""
    try:
        lines = path.read_bytes().split()
    except OSError as error:
        raise ConnectError(f"cannot read {path}: {error.strerror}; {KEY_HELP}") from error
    if [len(line) for line in lines] != [40, 40]:
        raise ConnectError(f"{path} is no key file; {KEY_HELP}")
    return Keys(lines[0], lines[1])


def _prepare(socket: Socket, address: str, keys: Keys | None) -> None:
    if keys is None and not address.startswith(LOOPBACK):
        raise ConnectError(f"{address} can be reached from other machines, so it needs keys; {KEY_HELP}")
    socket.set_hwm(0)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.MAXMSGSIZE, MAX_PART_BYTES)
    if keys is not None:
        socket.set(zmq.CURVE_PUBLICKEY, keys.public)
        socket.set(zmq.CURVE_SECRETKEY, keys.secret)


def bind(socket: Socket, address: str, keys: Keys | None = None) -> str:
    """Listen, and return the address to dial (port 0 or * becomes a number). Raises `ConnectError`."""
    _prepare(socket, address, keys)
    if keys is not None:
        socket.set(zmq.CURVE_SERVER, 1)
    if address.startswith("tcp://") and address.endswith(":0"):
        address = address[:-1] + "*"
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        remedy = "stop the process that has it, or choose another (port 0 takes any free one)"
        raise ConnectError(f"cannot listen at {address}: {os.strerror(error.errno or 0)}; {remedy}") from error
    return socket.get_string(zmq.LAST_ENDPOINT)


def connect(socket: Socket, address: str, keys: Keys | None = None) -> None:
    """Dial an address that may not be there yet; messages are taken only once it is. Raises `ConnectError`."""
    _prepare(socket, address, keys)
    socket.set(zmq.IMMEDIATE, 1)
    socket.set(zmq.RECONNECT_IVL, 50)
    socket.set(zmq.RECONNECT_IVL_MAX, 1000)
    if keys is not None:
        socket.set(zmq.CURVE_SERVERKEY, keys.public)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        raise ConnectError(
            f"{address} is no address to dial: {os.strerror(error.errno or 0)}; give tcp://HOST:PORT"
        ) from error


def wait(sockets: Iterable[Socket], timeout_s: float) -> None:
    """Sleep until one of them has something to read, or the time is over."""
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    poller.poll(max(0, int(timeout_s * 1000)))


if __name__ == "__main__":
    write_keys(Path(sys.argv[1]))
