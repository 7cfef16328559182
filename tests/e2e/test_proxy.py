"""The link between hosts is cut, frozen, slow and whole again: work resumes, nothing is lost or counted twice."""

import threading
from collections.abc import Callable

import msgspec

from engine.net import wire
from engine.ticket import GameSpec
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes
from tests.proxy import Proxy

GAME = OneGame(GameSpec("2048", {"tile_px": 28, "strip": False}), num_moves=20)
NUM_TICKETS = 400
DEADLINE_S = 90.0


def later(seconds: float, deed: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, deed)
    timer.daemon = True
    timer.start()


def test_work_resumes_when_the_link_heals() -> None:
    tickets = group_tickets(3, "proxy", 0, NUM_TICKETS, [GAME], num_samples=3)
    came: list[int] = []
    with (
        Dispatcher("tcp://127.0.0.1:0", timeout_s=2.0) as dispatcher,
        processes.node("tcp://127.0.0.1:0", "random") as node,
        Proxy(dispatcher.address) as to_trainer,
        Proxy(processes.address_of(node)) as to_node,
        processes.pool(to_trainer.address, to_node.address, num_workers=1, capacity=16),
    ):
        calm = dispatcher.play(tickets, deadline_s=DEADLINE_S)

        def trouble(group: wire.Group) -> None:
            came.append(group.index)
            match len(came):
                case 50:
                    to_trainer.cut()
                    later(1.0, to_trainer.heal)
                case 120:
                    to_node.cut()
                    later(1.0, to_node.heal)
                case 190:
                    to_trainer.freeze()
                    later(4.0, to_trainer.heal)  # longer than the trainer's patience
                case 260:
                    to_node.freeze()
                    later(1.5, to_node.heal)
                case 300:
                    to_trainer.delay_s = to_node.delay_s = 0.05

        stormy = dispatcher.play(tickets, trouble, DEADLINE_S)
        assert dispatcher.stats.reissued > 0
    assert sorted(came) == [ticket.index for ticket in tickets]
    assert [msgspec.structs.replace(one, worker="") for one in stormy] == [
        msgspec.structs.replace(one, worker="") for one in calm
    ]
