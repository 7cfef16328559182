"""Who has no key is kept out, counted and told; keys are files that only their owner can read."""

import contextlib
import logging
import os
import resource
import socket
import threading
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.errors import ConnectError
from engine.net.keys import read_keys, write_keys
from engine.ticket import GameSpec
from g1train.cli.main import app
from g1train.config import load
from g1train.inference.client import NodeClient
from g1train.run.status import Monitor
from g1train.stages.train import exposure
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes

DEADLINE_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_keys(tmp_path / "keys", ["trainer", "node", "pool"])
    return tmp_path / "keys"


def test_key_files(folder: Path) -> None:
    assert [path.stat().st_mode & 0o777 for path in sorted(folder.glob("*.secret"))] == [0o600] * 3
    keys = read_keys(folder / "pool.secret")
    assert (keys.name, len(keys.public), keys.owner(keys.public)) == ("pool", 40, "pool")
    assert keys.of_server("node") == read_keys(folder / "node.secret").public
    assert keys.owner(b"x" * 40) is None
    with pytest.raises(ConnectError, match="make keys with: g1 keys FOLDER"):
        keys.of_server("king")
    with pytest.raises(ConnectError, match="remove it first"):
        write_keys(folder, ["new", "pool"])
    assert not (folder / "new.secret").exists()
    with pytest.raises(ConnectError, match="cannot make keys in"):
        write_keys(folder / "pool.public" / "deeper")
    with pytest.raises(ConnectError, match="cannot name a key file"):
        write_keys(folder, ["../pool"])


def test_the_command_makes_them(tmp_path: Path) -> None:
    made = CliRunner().invoke(app, ["keys", str(tmp_path / "run"), "trainer", "pool-7"])
    assert made.exit_code == 0
    assert "pool-7.secret and pool-7.public" in made.output
    assert read_keys(tmp_path / "run" / "pool-7.secret").of_server("trainer")


def test_bad_key_files(folder: Path) -> None:
    path = folder / "pool.secret"
    with pytest.raises(ConnectError, match="make keys with"):
        read_keys(folder / "nobody.secret")
    path.chmod(0o644)
    with pytest.raises(ConnectError, match="can be read by others; make it private with: chmod 600"):
        read_keys(path)
    path.chmod(0o600)
    path.write_text("no keys")
    with pytest.raises(ConnectError, match="no key file"):
        read_keys(path)


def test_a_pool_with_keys_on_a_public_address(folder: Path) -> None:
    tickets = group_tickets(1, "keys", 0, 5, [OneGame(GameSpec("2048"))], 2)
    with (
        Dispatcher("tcp://0.0.0.0:0", keys=read_keys(folder / "trainer.secret")) as dispatcher,
        processes.node("tcp://0.0.0.0:0", "oracle", "--keys", str(folder / "node.secret")) as node,
        processes.pool(
            processes.dialled(dispatcher.address),
            processes.address_of(node),
            1,
            4,
            "--keys",
            str(folder / "pool.secret"),
        ),
    ):
        assert len(dispatcher.play(tickets, deadline_s=DEADLINE_S)) == 5


def test_strangers_are_refused_counted_and_told(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_keys(tmp_path / "theirs", ["pool"])
    for name in ("trainer.public", "node.public"):
        (tmp_path / "theirs" / name).write_bytes((folder / name).read_bytes())
    keys = read_keys(folder / "trainer.secret")
    address = f"ipc://{tmp_path}/trainer"
    stranger = (address, "ipc:///nowhere", 1, 1, "--keys", str(tmp_path / "theirs" / "pool.secret"))
    with (
        caplog.at_level(logging.CRITICAL, "g1"),
        Dispatcher(address, keys=keys) as dispatcher,
        processes.pool(*stranger),
    ):
        processes.eventually(lambda: dispatcher.report().counts.get("refused_keys", 0) > 0)
        assert dispatcher.stats.workers == 0
        (folder / "late.public").write_bytes((tmp_path / "theirs" / "pool.public").read_bytes())
        processes.eventually(lambda: dispatcher.stats.workers == 1)


def why(address: str, folder: Path | None, name: str = "trainer", timeout_s: float = 2.0) -> str:
    """What a client with that key is told by the node at an address."""
    keys = None if folder is None else read_keys(folder / f"{name}.secret")
    with NodeClient(address, keys=keys) as client, pytest.raises(ConnectError) as raised:
        client.join(timeout_s=timeout_s)
    return str(raised.value)


def test_a_client_says_why_it_is_not_let_in(folder: Path, tmp_path: Path) -> None:
    theirs, mixed = tmp_path / "theirs", tmp_path / "mixed"
    write_keys(theirs, ["trainer", "node"])
    write_keys(mixed, ["trainer"])
    (mixed / "node.public").write_bytes((folder / "node.public").read_bytes())
    address, open_address = f"ipc://{tmp_path}/node", f"ipc://{tmp_path}/open"
    with processes.node(address, "oracle", "--keys", str(folder / "node.secret")):
        with NodeClient(address, keys=read_keys(folder / "trainer.secret"), timeout_s=20.0) as friend:
            assert friend.join().backend == "oracle"
        assert "the key 'pool' is no trainer's: only the one named 'trainer' may" in why(address, folder, "pool")
        assert "it refuses the key 'trainer': give it trainer.public" in why(address, mixed)
        assert "theirs/node.public is not its key" in why(address, theirs)
        assert "it wants keys" in why(address, None)
        with Monitor("ipc:///nowhere", address, read_keys(folder / "trainer.secret")) as monitor:
            report = monitor.look()["node"]
        assert report is not None
        assert report.counts["refused_keys"] >= 3
    with processes.node(open_address, "oracle"):
        assert "it speaks without keys" in why(open_address, folder)
    assert not [thread for thread in threading.enumerate() if thread.name == "g1-doorman" and not thread.daemon]


def test_a_file_that_cannot_be_read_shuts_nobody_out(folder: Path, tmp_path: Path) -> None:
    (folder / "aaa.public").symlink_to(tmp_path / "nothing")
    (folder / "bbb.public").mkdir()
    address = f"ipc://{tmp_path}/node"
    with (
        processes.node(address, "oracle", "--keys", str(folder / "node.secret")),
        NodeClient(address, keys=read_keys(folder / "trainer.secret"), timeout_s=20.0) as friend,
    ):
        assert friend.join().backend == "oracle"


def is_there(monitor: Monitor) -> bool:
    """Does the trainer answer?"""
    return monitor.look(0.5)["trainer"] is not None


def test_a_key_whose_name_is_not_of_this_age_shuts_nobody_out(folder: Path) -> None:
    latin = os.fsencode(folder) + b"/caf\xe9.public"
    write_keys(folder, ["cafe"])
    os.rename(folder / "cafe.public", latin)
    with Dispatcher("tcp://127.0.0.1:0", keys=read_keys(folder / "trainer.secret")) as dispatcher:
        for name in ("cafe", "pool"):
            with Monitor(dispatcher.address, "ipc:///nowhere", read_keys(folder / f"{name}.secret")) as monitor:
                processes.eventually(partial(is_there, monitor), 20.0)


def test_the_doorman_outlives_what_goes_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listdir, troubles = os.listdir, [OSError(24, "Too many open files"), RuntimeError("whatever"), KeyError("x")] * 2

    def troubled(path: str | Path) -> list[str]:
        if Path(path) == folder and troubles:
            raise troubles.pop()
        return listdir(path)

    monkeypatch.setattr("engine.net.keys.os.listdir", troubled)
    with (
        caplog.at_level(logging.WARNING, "g1"),
        Dispatcher("tcp://127.0.0.1:0", keys=read_keys(folder / "trainer.secret")) as dispatcher,
        Monitor(dispatcher.address, "ipc:///nowhere", read_keys(folder / "pool.secret")) as monitor,
    ):
        processes.eventually(partial(is_there, monitor))
    assert troubles == []
    notes = [one for one in caplog.messages if "could not be looked up" in one]
    assert len(notes) == 3
    assert any("Too many open files" in one for one in notes)


def has_open(pid: int, num_files: int) -> bool:
    return len(os.listdir(f"/proc/{pid}/fd")) >= num_files


def test_keyless_strangers_who_use_up_all_files_shut_nobody_out_for_good(folder: Path) -> None:
    server = processes.node("tcp://127.0.0.1:0", "oracle", "--keys", str(folder / "node.secret"))
    with server as node, contextlib.ExitStack() as strangers:
        limit = len(os.listdir(f"/proc/{node.pid}/fd")) + 20
        resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (limit, limit))
        host, _, port = processes.address_of(node).removeprefix("tcp://").partition(":")
        for num_files in range(limit - 19, limit):  # the last one is left for whom the doorman then asks about
            strangers.enter_context(socket.create_connection((host, int(port)), timeout=5.0))
            processes.eventually(partial(has_open, node.pid, num_files))
        with NodeClient(f"tcp://{host}:{port}", keys=read_keys(folder / "trainer.secret")) as friend:
            with pytest.raises(ConnectError):
                friend.join(timeout_s=3.0)
            strangers.close()
            assert friend.join(timeout_s=20.0).backend == "oracle"


def test_keys_can_be_used_on_loopback(folder: Path) -> None:
    tickets = group_tickets(1, "keys", 0, 5, [OneGame(GameSpec("2048"))], 2)
    with (
        Dispatcher("tcp://127.0.0.1:0", keys=read_keys(folder / "trainer.secret")) as dispatcher,
        processes.node("tcp://127.0.0.1:0", "oracle", "--keys", str(folder / "node.secret")) as node,
    ):
        node_address = processes.address_of(node)
        with processes.pool(dispatcher.address, node_address, 1, 4, "--keys", str(folder / "pool.secret")):
            assert len(dispatcher.play(tickets, deadline_s=DEADLINE_S)) == 5
        assert why(node_address, None)


def test_without_keys_on_loopback_an_external_run_says_what_others_could_do() -> None:
    nano = "configs/nano/2048.toml"
    line = exposure(load(nano))
    assert "\n" not in line
    assert "any user of this machine could forge groups at tcp://127.0.0.1:5755 and push weights at" in line
    assert "g1 keys FOLDER, trainer.keys=FOLDER/trainer.secret here, --keys FOLDER/node.secret" in line
    assert exposure(load(nano, ["trainer.keys=keys/trainer.secret"])) == ""
    assert exposure(load(nano, ["trainer.address=ipc:///run/g1/t", "node.address=ipc:///run/g1/n"])) == ""
