"""ZeroMQ sockets as this project uses them: address and keys checked at the door, and nothing dropped in silence.

Credits and limits on what is in flight keep queues short. A server reads no further from a client that has sent too
much, and is told that it cannot send to one that reads too little, or is gone. Whoever listens where other machines can
reach it, or dials there, needs keys (engine/net/keys.py).
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import zmq

from engine.errors import ConnectError
from engine.net import wire
from engine.net.address import ABSTRACT, IPC, check_address, host_is_unknown, is_ipv6, is_loopback, is_open_to_users
from engine.net.keys import KEY_HELP, Keys, doorman, read_keys

__all__ = [
    "Context", "Keys", "Socket", "bind", "connect", "host_is_unknown", "is_done", "is_open_to_users", "key_of",
    "read_keys", "unbind", "wait", "why_undelivered",
]  # fmt: skip

Socket = zmq.Socket[Any]
Context = zmq.Context[Any]
MAX_PARCELS_WAITING = 1000  # for one client of a server; of those that have some size the bytes count (outbox.py)
MAX_PARCELS_UNREAD = 2  # from one client of a server: each may have 64 MiB (with 1 no handshake ends)
COUNTED_BYTES = 1024  # a parcel beyond this is handed to libzmq as it is, with a tracker, else as a copy
CUT_OFF_BYTES = wire.MAX_PARCEL_BYTES + (1 << 20)  # between the two the sender is told; beyond, it is cut off unread
GIVEN_UP_MS = 60_000  # a client whose machine takes no bytes for so long is cut off by the kernel
_files: dict[str, int] = {}  # inode of each Unix socket that we have bound, by its address


def _prepare(socket: Socket, address: str, keys: Keys | None) -> None:
    check_address(address)
    if keys is None and not is_loopback(address):
        raise ConnectError(f"{address} can be reached from other machines, so it needs keys; {KEY_HELP}")
    socket.set(zmq.SNDHWM, 0)
    socket.set(zmq.RCVHWM, MAX_PARCELS_UNREAD)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.IPV6, is_ipv6(address))
    socket.set(zmq.MAXMSGSIZE, CUT_OFF_BYTES)
    if keys is not None:
        socket.set(zmq.CURVE_PUBLICKEY, keys.public)
        socket.set(zmq.CURVE_SECRETKEY, keys.secret)


def bind(
    socket: Socket, address: str, keys: Keys | None = None, on_refused: Callable[[str], None] = lambda who: None
) -> str:
    """Listen, and return the address to dial (port 0 or * becomes a number). Raises `ConnectError`.

    `on_refused` is told of everybody who comes with an unknown key or none, in another thread.
    """
    _prepare(socket, address, keys)
    if keys is not None:
        doorman(socket.context).guard(socket, keys, on_refused)
    if address.startswith("tcp://") and address.endswith(":0"):
        address = address[:-1] + "*"
    if socket.type == zmq.ROUTER:
        socket.set(zmq.ROUTER_MANDATORY, 1)  # what cannot be delivered is told
        socket.set(zmq.SNDHWM, MAX_PARCELS_WAITING)
        socket.set(zmq.TCP_MAXRT, GIVEN_UP_MS)
        socket.copy_threshold = COUNTED_BYTES
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        remedy = "give an address of this machine"
        if error.errno == zmq.EADDRINUSE:
            remedy = "stop the process that has it, or choose another (port 0 takes any free one)"
        raise ConnectError(f"cannot listen at {address}: {os.strerror(error.errno or 0)}; {remedy}") from error
    bound = socket.get_string(zmq.LAST_ENDPOINT)
    if bound.startswith(IPC) and not bound.startswith(ABSTRACT):
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
    socket.set(zmq.RCVHWM, MAX_PARCELS_WAITING)  # its server has limits in bytes; what has come is dealt with together
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


def key_of(frames: Sequence[zmq.Frame]) -> str:
    """Whose key brought what a server received; empty where no keys are in use."""
    try:
        return str(frames[-1].get("User-Id"))
    except zmq.ZMQError:  # no key, no name
        return ""


def is_done(tracker: zmq.MessageTracker | None) -> Callable[[], bool]:
    """Has the network taken what was sent with that tracker?"""
    if tracker is None:
        return lambda: True
    return lambda: tracker.done


def why_undelivered(error: zmq.ZMQError) -> str:
    """What a server's `send` to a client failed of."""
    return "does not read what it is sent" if error.errno == zmq.EAGAIN else "is cut off"


def wait(sockets: Iterable[Socket], timeout_s: float) -> None:
    """Sleep until one of them has something to read, or the time is over."""
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    poller.poll(max(0, int(timeout_s * 1000)))
