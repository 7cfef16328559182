"""`g1 status`: what trainer and node say of themselves and of those who are with them."""

import json
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from engine.errors import ConfigError, ConnectError
from engine.ticket import GameSpec
from g1train.cli import bench
from g1train.cli.main import app
from g1train.run import status
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes
from tests.foreign import JOIN, connected


def test_who_is_there_and_how_fast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node_address = f"ipc://{tmp_path}/node"
    tickets = group_tickets(1, "status", 0, 20, [OneGame(GameSpec("2048"))], num_samples=3)
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer", run="a run") as dispatcher,
        processes.node(node_address, "oracle", "--version", "2"),
        processes.pool(dispatcher.address, node_address, num_workers=1),
        status.Monitor(dispatcher.address, node_address) as monitor,
    ):
        before = monitor.look()
        dispatcher.play(tickets, deadline_s=60.0)
        dispatcher.submit(group_tickets(1, "status", 1, 20, [OneGame(GameSpec("2048"))], 3, version=5))
        processes.eventually(lambda: dispatcher.stats.pending < 20)
        after = monitor.look()
        found = status.summary(before, after)
        status.main(dispatcher.address, node_address, as_json=True)
    trainer, node = found["trainer"], found["node"]
    assert (trainer["run"], trainer["counts"]["groups"], trainer["counts"]["samples"]) == ("a run", 20, 60)
    assert trainer["rates"]["samples"] > 0
    assert trainer["gauges"]["tickets_in_flight"] + trainer["gauges"]["tickets_pending"] == 20
    assert [peer["role"] for peer in trainer["peers"]] == ["worker"]
    assert trainer["peers"][0]["holds"] == 4
    assert node["backend"] == "oracle"
    assert node["counts"]["answers"] == 20
    assert node["gauges"]["latency_p99_s"] >= node["gauges"]["latency_p50_s"] > 0
    assert found["lag"] == 3
    printed = json.loads(capsys.readouterr().out)
    assert printed["node"]["counts"]["samples"] == 60
    console = Console(width=150, record=True, quiet=True)
    console.quiet = False
    with console.capture() as text:
        status.show(found, console)
    assert "tickets_in_flight" in text.get()
    assert "lag of the node: 3 policy versions" in text.get()


def test_addresses_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of a run that has begun"):
        status.addresses(tmp_path)
    (tmp_path / "addresses.json").write_text('{"trainer": "ipc://a", "node": "ipc://b"}')
    assert status.addresses(tmp_path) == ("ipc://a", "ipc://b")


def test_who_does_not_answer_is_said(tmp_path: Path) -> None:
    nobody = f"ipc://{tmp_path}/nobody"
    with status.Monitor(nobody, nobody) as monitor:
        found = status.summary(monitor.look(0.1), monitor.look(0.1))
    assert found == {"trainer": None, "node": None, "lag": None}
    console = Console(width=150)
    with console.capture() as text:
        status.show(found, console)
    assert "trainer: does not answer" in text.get()


def test_names_may_be_anything(tmp_path: Path) -> None:
    nobody = f"ipc://{tmp_path}/nobody"
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer", run="[/run]\x1b[31m") as dispatcher,
        connected(dispatcher.address) as odd,
    ):
        name = "[/bold]\x1b]0;owned\x07[red]"
        odd.say({**JOIN, "name": name}, {"type": "beat", "load": {"[/load]": 1}})
        assert odd.hear()["type"] == "welcome"
        processes.eventually(lambda: bool(dispatcher.report().peers[0].load))
        console = Console(width=200)
        with status.Monitor(dispatcher.address, nobody) as monitor, console.capture() as text:
            reports = monitor.look(1.0)
            status.show(status.summary(reports, reports), console)
    assert "[/bold]\\x1b]0;owned\\x07[red]" in text.get()
    assert "[/load] 1" in text.get()
    assert "run [/run]\\x1b[31m" in text.get()
    assert "\x1b]0" not in text.get()


def test_prometheus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher,
        status.Monitor(dispatcher.address, f"ipc://{tmp_path}/nobody") as monitor,
    ):
        serving = threading.Thread(target=status.serve_prometheus, args=(monitor, 0, 5.0, [3.0]))
        serving.start()
        printed: list[str] = []

        def is_there() -> bool:
            printed.append(capsys.readouterr().out)
            return "/metrics" in "".join(printed)

        processes.eventually(is_there)
        url = "".join(printed).removeprefix("metrics at ").strip()
        with urllib.request.urlopen(url, timeout=30) as answer:
            text = answer.read().decode()
        serving.join()
    assert "g1_trainer_up 1.0" in text
    assert "g1_node_up 0.0" in text
    assert "g1_trainer_tickets_pending 0.0" in text
    assert "g1_trainer_joins_total 1.0" in text


def test_nobody_there_is_a_failure_and_so_is_a_busy_port(tmp_path: Path) -> None:
    nobody = f"ipc://{tmp_path}/nobody"
    addresses = ["--trainer", nobody, "--node", nobody, "--timeout-s", "0.2"]
    found = CliRunner().invoke(app, ["status", "--json", *addresses])
    assert isinstance(found.exception, ConnectError)
    assert "neither the trainer at" in str(found.exception)
    assert found.output.startswith('{"trainer":null,"node":null')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = CliRunner().invoke(app, ["status", "--prometheus", port, *addresses])
    assert f"cannot listen at port {port}: Address already in use" in str(busy.exception)


def test_benchmarks_are_known_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark 'speed'; known: .*pool"):
        bench.run("speed")
