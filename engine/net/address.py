"""Addresses: what is one, whose machine it is on, and who can dial it.

tcp://HOST:PORT     HOST a name, a number, or [::1] and the like     port 0 or * takes any free one, for servers
ipc://FILE          a Unix socket; ipc://@NAME one without a file
"""

import ipaddress
import os
import re
import socket

from engine.errors import ConnectError

IPC, ABSTRACT = "ipc://", "ipc://@"
FORM = re.compile(r"(?:ipc|inproc)://.+|tcp://(?P<host>[^\s:/\[\]]+|\[[^\s\]]+\]):(?P<port>\d{1,6}|\*)")
MAX_PORT = 65535
MAX_PATH_BYTES = 107  # of a Unix socket


def check_address(address: str) -> None:
    """Raises `ConnectError` for what is no address."""
    found = FORM.fullmatch(address)
    if found is None or ((found["port"] or "*") != "*" and int(found["port"]) > MAX_PORT):
        raise ConnectError(
            f"{address!r} is no address: give tcp://HOST:PORT, with a port up to {MAX_PORT}, or ipc://FILE"
        )
    length = len(os.fsencode(address.removeprefix(IPC)))
    if address.startswith(IPC) and length > MAX_PATH_BYTES:
        raise ConnectError(
            f"{address} is too long: the path of a Unix socket has at most {MAX_PATH_BYTES} bytes, this one {length}; "
            "give a shorter one, or set TMPDIR to a shorter folder if it lies there"
        )


def _host(address: str) -> str:
    """Of a TCP address, without brackets; empty for others."""
    found = FORM.fullmatch(address)
    return (found["host"] or "").strip("[]") if found else ""


def is_ipv6(address: str) -> bool:
    return address.startswith("tcp://[")


def is_loopback(address: str) -> bool:
    """Can only this machine dial it?"""
    if not address.startswith("tcp://"):
        return True
    try:
        return ipaddress.ip_address(_host(address)).is_loopback
    except ValueError:  # a name: whose, another machine may decide
        return _host(address) == "localhost"


def is_open_to_users(address: str) -> bool:
    """Can every user of this machine dial it, if no keys are asked for? A Unix socket's file has an owner."""
    return address.startswith((ABSTRACT, "tcp://"))


def host_is_unknown(address: str) -> bool:
    """Is it the name of a host that cannot be found? Asks the name service, which may take seconds."""
    if not _host(address):
        return False
    try:
        socket.getaddrinfo(_host(address), None)
    except OSError:
        return True
    return False
