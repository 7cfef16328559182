"""Icons and photographs at every level are played through a node, whatever their atlases weigh.

A hundred pictures of each of ten things at 168 pixels are 82 MiB of sprites, more than a parcel holds: their frames
travel as pixels. The node answers with the digest of what it sees.
"""

import threading
from pathlib import Path

import pytest

from engine.levels import NAMES
from engine.net import codec
from engine.net.process import Stop
from engine.rollout.worker import Worker
from engine.start import make_game, start_record
from engine.ticket import GameSpec, Start, Ticket
from g1train.inference.client import NodeClient
from g1train.tickets.dispatch import Dispatcher
from tests import processes
from tests.digests import digest
from tests.unit.test_photos import files, write_folder

LEVELS = [f"perception:{looks},reasoning:{rules}" for looks in NAMES for rules in NAMES]
DEADLINE_S = 120.0


def specs(tiles: str, folder: Path) -> list[GameSpec]:
    settings: dict[str, str | int] = {"tiles": tiles}
    if tiles == "cifar10":
        settings |= {"cifar10_path": str(write_folder(folder, files())), "pictures_per_class": 20}
    return [GameSpec("shisen", {**settings, "level": level}) for level in LEVELS]


@pytest.mark.parametrize(("tiles", "setting"), [("icons", "auto"), ("cifar10", "auto"), ("cifar10", "lz4")])
def test_every_level(tmp_path: Path, tiles: str, setting: codec.Setting) -> None:
    tickets = [
        Ticket(number, number, spec, Start(number, 10), num_samples=2, version=-1)
        for number, spec in enumerate(specs(tiles, tmp_path))
    ]
    games = [make_game(ticket.game) for ticket in tickets]
    weights = [game.layout.num_bytes for game in games]
    assert min(weights) < codec.MAX_ATLAS_BYTES < max(weights)
    node = f"ipc://{tmp_path}/node"
    with processes.started("tests.digests", node, "at-once"), Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher:
        with NodeClient(node) as client:
            client.join(DEADLINE_S)
        worker = Worker(dispatcher.address, node, "in this process", frames=setting)
        thread = threading.Thread(target=worker.run, args=[Stop()], daemon=True)
        thread.start()
        groups = dispatcher.play(tickets, deadline_s=DEADLINE_S)
        dispatcher.drain_workers()
        thread.join()
    for ticket, game, group in zip(tickets, games, groups, strict=True):
        shown = game.render(start_record(game, ticket.start))[0]
        assert {sample.text for sample in group.rounds[0].samples} == {digest(shown)}, ticket.game
