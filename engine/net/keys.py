"""CURVE keys: each process has a pair of its own, and a server lets in only those whose public key it has been given.

    g1 keys run-keys trainer node pool-1 pool-2     ─▶ run-keys/<name>.secret (mode 600) and run-keys/<name>.public

A process is given its own secret file; beside it lie the public keys of all others, which may be copied anywhere. The
trainer's are named `trainer`, the node's `node`: by these a client knows that it talks to the right server. Deleting a
public key shuts its owner out at the next connection, and adding one lets a new host in; nothing is restarted.

    client ─handshake─▶ libzmq ─its public key─▶ Doorman (ZAP, RFC 27) ─▶ welcome, or "400" and a count
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from engine.errors import ConnectError
from engine.net.said import visible

log = logging.getLogger("g1")
NAMES = ("trainer", "node", "pool", "monitor")
SECRET, PUBLIC = ".secret", ".public"
KEY_HELP = "make keys with: g1 keys FOLDER"
ZAP_ADDRESS = "inproc://zeromq.zap.01"
LOOK_FOR_SERVERS_MS = 500
AFTER_ERROR_S = 0.1


@dataclass(frozen=True)
class Keys:
    """A process's own pair, and the folder with everybody's public keys."""

    name: str
    public: bytes
    secret: bytes
    folder: Path

    def of_server(self, name: str) -> bytes:
        """The public key of `trainer` or `node`. Raises `ConnectError` if it is not in the folder."""
        return _read(self.folder / f"{name}{PUBLIC}", 1)[0]

    def owner(self, public: bytes) -> str | None:
        """Whose public key that is, as the folder stands now; None for a stranger's. Raises `OSError` where that cannot
        be known, as when this process has too many files open."""
        for name in sorted(os.listdir(self.folder)):
            if not name.endswith(PUBLIC):
                continue
            try:
                found = (self.folder / name).read_bytes().strip()
            except (FileNotFoundError, IsADirectoryError, PermissionError):  # taken away just now, or nobody's key
                continue
            if found == public:
                return visible(name.removesuffix(PUBLIC))
        return None


def write_keys(folder: Path, names: Sequence[str] = NAMES) -> list[Path]:
    """Make a pair for each name; returns the secret files. Raises `ConnectError` rather than replace one: then none is
    made."""
    paths = [folder / f"{name}{SECRET}" for name in names]
    for name, path in zip(names, paths, strict=True):
        if not name or "/" in name or name.startswith("."):
            raise ConnectError(f"{name!r} cannot name a key file; use letters, digits and dashes")
        if path.exists():
            raise ConnectError(f"{path} is there already; remove it first, or choose another name or folder")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in paths:
            public, secret = zmq.curve_keypair()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(public + b"\n" + secret + b"\n")
            path.with_suffix(PUBLIC).write_bytes(public + b"\n")
    except OSError as error:
        raise ConnectError(f"cannot make keys in {folder}: {error.strerror}; choose another folder") from error
    return paths


def read_keys(path: Path) -> Keys:
    """The pair of one process. Raises `ConnectError` for a file that is missing, open to others, or holds no keys."""
    public, secret = _read(path, 2)
    if path.stat().st_mode & 0o077:
        raise ConnectError(f"{path} can be read by others; make it private with: chmod 600 {path}")
    return Keys(path.stem, public, secret, path.parent)


def _read(path: Path, num_keys: int) -> list[bytes]:
    try:
        lines = path.read_bytes().split()
    except OSError as error:
        raise ConnectError(f"cannot read {path}: {error.strerror}; {KEY_HELP}") from error
    if [len(line) for line in lines] != [40] * num_keys:
        raise ConnectError(f"{path} is no key file; {KEY_HELP}")
    return lines


class Doorman:
    """The thread that answers libzmq's question who may come in; one a context, for all its servers.

    Who does not speak CURVE, or takes the server for another, never gets as far as that question: libzmq's monitor of
    the socket tells of them.
    """

    def __init__(self, context: "zmq.Context[Any]") -> None:
        self._servers: dict[bytes, tuple[Keys, Callable[[str], None]]] = {}
        self._noted: set[str] = set()
        self._watched: dict[zmq.Socket[Any], Callable[[str], None]] = {}
        self._changed = threading.Lock()
        self._context: zmq.Context[Any] = zmq.Context.shadow(context.underlying)
        self._socket: zmq.Socket[Any] = self._context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(ZAP_ADDRESS)
        threading.Thread(target=self._serve, name="g1-doorman", daemon=True).start()

    def guard(self, socket: "zmq.Socket[Any]", keys: Keys, on_refused: Callable[[str], None]) -> None:
        """Let `socket`, which is about to listen, admit only the owners of keys in `keys.folder`."""
        domain = f"g1-{id(socket)}-{keys.name}".encode()
        self._servers[domain] = (keys, on_refused)
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.ZAP_DOMAIN, domain)
        endpoint = f"inproc://g1-door-{id(socket)}"
        socket.monitor(endpoint, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_MONITOR_STOPPED)
        monitor = self._context.socket(zmq.PAIR)
        monitor.linger = 0
        monitor.connect(endpoint)
        with self._changed:
            self._watched[monitor] = on_refused

    def _serve(self) -> None:
        """Outlives everything but its context: without it nobody could join any more."""
        while True:
            try:
                for socket in self._ready():
                    if socket is self._socket:
                        socket.send_multipart(self._answer(socket.recv_multipart()))
                    else:
                        self._strange(socket)
            except zmq.ContextTerminated:
                for socket in (self._socket, *self._watched):
                    socket.close()
                return
            except Exception as error:
                self._note("the doorman goes on after", error)
                time.sleep(AFTER_ERROR_S)

    def _note(self, what: str, error: Exception) -> None:
        """Say it once of each kind."""
        if (kind := f"{type(error).__name__} {getattr(error, 'errno', '')}") not in self._noted:
            self._noted.add(kind)
            log.warning("%s %r (said once)", what, error)

    def _ready(self) -> "list[zmq.Socket[Any]]":
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        with self._changed:
            for monitor in self._watched:
                poller.register(monitor, zmq.POLLIN)
        return [socket for socket, _ in poller.poll(LOOK_FOR_SERVERS_MS)]

    def _strange(self, monitor: "zmq.Socket[Any]") -> None:
        event = parse_monitor_message(monitor.recv_multipart())
        if event["event"] == zmq.EVENT_MONITOR_STOPPED:
            with self._changed:
                del self._watched[monitor]
            monitor.close()
        else:
            self._watched[monitor]("a client without keys, or with another public key of this server")

    def _answer(self, request: list[bytes]) -> list[bytes]:
        """What libzmq is told; if anything goes wrong, that is a no: without an answer it would ask no more."""
        head = request[:2]
        try:
            _, _, domain, address, _, mechanism, *credentials = request
            keys, on_refused = self._servers[domain]
            owner = None
            if mechanism == b"CURVE" and len(credentials) == 1:
                owner = keys.owner(z85.encode(credentials[0]))
            if owner is not None:
                return [*head, b"200", b"OK", owner.encode(), b""]
            on_refused(f"{address.decode('ascii', 'replace')}, whose key is not among the public keys here")
        except Exception as error:
            self._note("a client is kept out, because its key could not be looked up:", error)
        return [*head, b"400", b"unknown key", b"", b""]


_doormen: "WeakKeyDictionary[zmq.Context[Any], Doorman]" = WeakKeyDictionary()


def doorman(context: "zmq.Context[Any]") -> Doorman:
    """The one of this context."""
    if context not in _doormen:
        _doormen[context] = Doorman(context)
    return _doormen[context]
