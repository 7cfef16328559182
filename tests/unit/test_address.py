"""Whose machine an address is on, and what is none; sockets at addresses of every kind."""

import socket

import pytest
import zmq

from engine.errors import ConnectError
from engine.net import sockets
from engine.net.address import MAX_PATH_BYTES, is_loopback, is_open_to_users

HERE = ["tcp://127.0.0.1:1", "tcp://127.5.6.7:*", "tcp://localhost:1", "tcp://[::1]:1", "ipc:///x", "inproc://x"]
ELSEWHERE = ["tcp://127.example.com:1", "tcp://127.0.0.1.example.com:1", "tcp://localhost.example.com:1"]
ELSEWHERE += ["tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://[::2]:1", "tcp://*:1", "tcp://10.0.0.1:1", "tcp://128.0.0.1:1"]


@pytest.mark.parametrize("address", HERE)
def test_loopback_needs_no_keys(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ELSEWHERE)
def test_every_other_address_does(address: str) -> None:
    assert not is_loopback(address)
    with zmq.Context() as context, context.socket(zmq.DEALER) as one:
        for use in (sockets.bind, sockets.connect):
            with pytest.raises(ConnectError, match="can be reached from other machines, so it needs keys"):
                use(one, address)


def test_who_can_dial_on_this_machine() -> None:
    assert is_open_to_users("tcp://127.0.0.1:1")
    assert is_open_to_users("ipc://@name")
    assert not is_open_to_users("ipc:///tmp/g1/trainer")


def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server, context.socket(zmq.DEALER) as client:
        address = sockets.bind(server, "tcp://[::1]:0")
        assert address.startswith("tcp://[::1]:")
        sockets.connect(client, address)
        assert client.poll(5000, zmq.POLLOUT)
        client.send(b"hello")
        assert server.poll(5000)


def test_a_long_path_is_named_with_its_remedy() -> None:
    folder = "/tmp/" + "x" * 40
    fits = f"ipc://{folder}/" + "y" * (MAX_PATH_BYTES - len(folder) - 1)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as one:
        with pytest.raises(ConnectError, match=r"cannot listen at .*: No such file"):
            sockets.bind(one, fits)
        for use in (sockets.bind, sockets.connect):
            with pytest.raises(ConnectError, match=r"at most 107 bytes, this one 108; .* set TMPDIR to a shorter"):
                use(one, fits + "y")
        with pytest.raises(ConnectError, match="this one 109"):
            sockets.bind(one, fits[:-1] + "\u732b")
