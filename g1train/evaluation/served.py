"""Players behind an inference node: our own workers ask it, so tickets are played as in training.

tickets ─▶ Dispatcher ─▶ g1 pool ─▶ node: one that runs already, or g1 serve of a model folder, ours
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine.net import wire
from engine.ticket import Ticket
from g1train import config as configs
from g1train.config import Config
from g1train.evaluation.players import Keep
from g1train.inference.client import NodeClient
from g1train.run.rollouts import turns_of
from g1train.run.services import Services
from g1train.run.waiting import Waiting
from g1train.tickets.dispatch import Dispatcher

Play = Callable[[Sequence[Ticket], Keep], None]
NODE_WITHIN_S = 20.0


@contextmanager
def opened(made: str, folder: Path, config: Config, say: Callable[[str], None]) -> Iterator[Play]:
    """A way to play tickets with the player of `made`; what was started for it ends with the context.

    Logs of node and pool lie in folder/node, beside the configuration that they were started with. Raises
    `ConnectError` if a node that should run does not.
    """
    kind, _, what = made.partition(":")
    home = folder / "node"
    home.mkdir(parents=True, exist_ok=True)
    configs.save(config, home / "config.toml")
    size = (config.pool.num_workers, config.pool.capacity)
    services = Services(home, Path(what), *size, say, node_address=what if kind == "node" else "")
    try:
        if kind == "checkpoint":
            services.node.start()
            _wait_until_ready(services, say)
        else:
            with NodeClient(what, "monitor") as client:
                client.join(NODE_WITHIN_S)
        services.pool.start()
        with Dispatcher(services.trainer_address, run=config.name, on_notice=say) as dispatcher:
            yield lambda tickets, keep: _play(dispatcher, services, tickets, keep)
    finally:
        services.stop()


def _wait_until_ready(services: Services, say: Callable[[str], None]) -> None:
    waiting = Waiting("the node to load the model", say)
    while not services.node.child.ready:
        services.look_after()
        waiting.tick()
        time.sleep(0.1)


def _play(dispatcher: Dispatcher, services: Services, tickets: Sequence[Ticket], keep: Keep) -> None:
    """Raises `WorkerError` if a ticket cannot be played by anybody."""
    by_index = {ticket.index: ticket for ticket in tickets}

    def kept(group: wire.Group) -> None:
        keep(by_index[group.index], turns_of(group), {})

    dispatcher.play(
        [msgspec.structs.replace(ticket, version=-1) for ticket in tickets], kept, while_waiting=services.look_after
    )
