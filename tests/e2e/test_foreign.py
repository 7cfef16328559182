"""The examples of the documentation, against our own trainer, pool and node."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from engine.errors import WorkerError
from engine.game import start_states
from engine.start import make_game
from engine.ticket import GameSpec, Start
from g1train.inference.client import NodeClient
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from g1train.tickets.verify import believed
from tests import processes

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
GAME = GameSpec("2048", {"tile_px": 28, "strip": False})
DEADLINE_S = 60.0


@contextmanager
def example(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_foreign_worker(tmp_path: Path) -> None:
    node_address = f"ipc://{tmp_path}/node"
    records = start_states(make_game(GAME), range(12), 20)
    tickets = [
        msgspec.structs.replace(ticket, start=Start(record=records[place : place + 1].tobytes()))
        for place, ticket in enumerate(group_tickets(1, "foreign", 0, 12, [OneGame(GAME)], num_samples=3))
    ]
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer", verify=believed) as dispatcher,
        processes.node(node_address, "oracle"),
        example("worker.py", dispatcher.address, node_address) as worker,
    ):
        groups = dispatcher.play(tickets, deadline_s=DEADLINE_S)
        dispatcher.drain_workers()
        assert worker.wait(DEADLINE_S) == 0
    assert [group.index for group in groups] == [ticket.index for ticket in tickets]
    for group in groups:
        (one,) = group.rounds
        assert [score.game_reward for score in one.scores] == [len(sample.text) for sample in one.samples]


def test_a_trainer_that_verifies_does_not_believe_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    node_address = f"ipc://{tmp_path}/node"
    record = start_states(make_game(GAME), [1], 20).tobytes()
    (ticket,) = group_tickets(1, "foreign", 0, 1, [OneGame(GAME)], num_samples=3)
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher,
        processes.node(node_address, "oracle"),
        example("worker.py", dispatcher.address, node_address),
        pytest.raises(WorkerError, match="its start_hash is 0, where"),
    ):
        dispatcher.play([msgspec.structs.replace(ticket, start=Start(record=record))], deadline_s=DEADLINE_S)
    assert "worker example-worker: a group of ticket 0 is refused" in caplog.text


def test_a_foreign_node(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/node"
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher,
        example("node.py", address),
        processes.pool(dispatcher.address, address, num_workers=1),
        NodeClient(address) as client,
    ):
        client.start_weight_update()
        client.finish_weight_update("3")
        tickets = group_tickets(1, "foreign", 0, 12, [OneGame(GAME, 20)], num_samples=3, version=3)
        groups = dispatcher.play(tickets, deadline_s=DEADLINE_S)
    rounds = [one for group in groups for one in group.rounds]
    assert {one.version for one in rounds} == {3}
    assert all(score.format_reward == 1.0 and score.action == 2 for one in rounds for score in one.scores)


@pytest.mark.parametrize("name", ["worker.py", "node.py"])
def test_they_are_short_and_need_little(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert len(text.splitlines()) < 60
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import)]
    modules = {alias.name for node in imports for alias in node.names}
    assert modules - set(sys.stdlib_module_names) == {"msgpack", "zmq"}
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
