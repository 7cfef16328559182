"""ZeroMQ sockets as this project uses them: address and keys checked at the door, no high-water marks.

High-water marks would drop messages; credits and limits on what is in flight keep queues short instead. Whoever listens
where other machines can reach it, or dials there, needs keys (engine/keys.py).
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import zmq

from engine import wire
from engine.errors import ConnectError
from engine.keys import KEY_HELP, Keys, doorman, read_keys

__all__ = ["Context", "Keys", "Socket", "bind", "connect", "read_keys", "unbind", "wait"]

Socket = zmq.Socket[Any]
Context = zmq.Context[Any]
IPC = "ipc://"
LOOPBACK = ("ipc://", "inproc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")
CUT_OFF_BYTES = 2 * wire.MAX_PARCEL_BYTES  # between the two the sender is told; beyond, its connection is closed unread
_files: dict[str, int] = {}  # inode of each Unix socket that we have bound, by its address


def _prepare(socket: Socket, address: str, keys: Keys | None) -> None:
    if keys is None and not address.startswith(LOOPBACK):
        raise ConnectError(f"{address} can be reached from other machines, so it needs keys; {KEY_HELP}")
    socket.set_hwm(0)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.MAXMSGSIZE, CUT_OFF_BYTES)
    if keys is not None:
        socket.set(zmq.CURVE_PUBLICKEY, keys.public)
        socket.set(zmq.CURVE_SECRETKEY, keys.secret)


def bind(
    socket: Socket, address: str, keys: Keys | None = None, on_refused: Callable[[str], None] = lambda who: None
) -> str:
    """Listen, and return the address to dial (port 0 or * becomes a number). Raises `ConnectError`.

    `on_refused` gets the address of everybody who comes with an unknown key, in another thread.
    """
    _prepare(socket, address, keys)
    if keys is not None:
        doorman(socket.context).guard(socket, keys, on_refused)
    if address.startswith("tcp://") and address.endswith(":0"):
        address = address[:-1] + "*"
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        remedy = "stop the process that has it, or choose another (port 0 takes any free one)"
        raise ConnectError(f"cannot listen at {address}: {os.strerror(error.errno or 0)}; {remedy}") from error
    bound = socket.get_string(zmq.LAST_ENDPOINT)
    if bound.startswith(IPC) and not bound.startswith("ipc://@"):
        _files[bound] = os.stat(bound.removeprefix(IPC)).st_ino
    return bound


def unbind(address: str) -> None:
    """Remove the file of an `ipc://` address that we have bound, unless somebody else has it by now."""
    inode = _files.pop(address, None)
    path = Path(address.removeprefix(IPC))
    if inode is not None and path.exists() and path.stat().st_ino == inode:
        path.unlink()


def connect(socket: Socket, address: str, keys: Keys | None = None, server: str = "node") -> None:
    """Dial an address that may not be there yet; messages are taken only once it is. Raises `ConnectError`.

    With keys, `server` names whose public key must be found there: `trainer` or `node`.
    """
    _prepare(socket, address, keys)
    socket.set(zmq.IMMEDIATE, 1)
    socket.set(zmq.RECONNECT_IVL, 50)
    socket.set(zmq.RECONNECT_IVL_MAX, 1000)
    if keys is not None:
        socket.set(zmq.CURVE_SERVERKEY, keys.of_server(server))
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
