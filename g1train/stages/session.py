"""What a run holds while it trains: learner, dispatcher, the line to the node, logs and display.

    session.push()                       weights ▶ node, version advanced, probe compared
    session.play(tickets, "rl")          tickets ▶ pool ▶ groups, while node and pool are looked after

Node and pool may die or freeze at any moment: g1train/stages/keeper.py looks after them in whatever needs them.
The node is trusted with one policy version at a time. If it is restarted it serves nothing until the weights have been
sent again, which happens here, while the tickets wait.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import WorkerError
from engine.game import start_states
from engine.net import codec, wire
from engine.net.keys import read_keys
from engine.start import make_game
from engine.ticket import Ticket
from g1train.config import Config
from g1train.inference.client import NodeClient
from g1train.inference.frames import AtlasStore
from g1train.inference.weights import probe, send_weights
from g1train.learn.learner import Learner
from g1train.learn.tokens import TokenCheck
from g1train.run.display import Display
from g1train.run.folder import Run
from g1train.run.services import Services
from g1train.stages.keeper import Keeper
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.verify import verified

LOOK_EVERY_S = 2.0
NODE_START_S = 600.0
MAX_FAILED = 0.1  # share of the tickets of one play


class Session:
    """Made by `g1train.stages.train`; one a run."""

    def __init__(self, config: Config, run: Run, learner: Learner, display: Display, services: Services | None) -> None:
        self.config, self.run, self.learner, self.display = config, run, learner, display
        self.services = services
        address = services.trainer_address if services else config.trainer.address
        keyed = services is None and config.trainer.keys  # our own services' sockets lie in a folder of this user alone
        keys = read_keys(Path(config.trainer.keys)) if keyed else None
        check = TokenCheck(learner.policy.model.config)
        verify = partial(verified, check=check)
        self.dispatcher = Dispatcher(address, run=config.name, keys=keys, on_notice=display.say, verify=verify)
        self.node_address = services.node_address if services else config.node.address
        timeout_s = config.trainer.transfer_timeout_s
        self.client = NodeClient(self.node_address, name="trainer", keys=keys, timeout_s=timeout_s, say=display.say)
        self.keeper = Keeper(self.client, services, display.say)
        run.save_addresses(self.dispatcher.address, self.node_address)
        self.version = 0
        self.stop_asked = False  # finish the step, write a checkpoint, leave
        self.closing = False  # it is over; what is ours is being ended
        self.frames = AtlasStore()
        for game in config.games:
            if make_game(game.spec).offers("atlas"):
                self.frames.keep(make_game(game.spec).atlas)
        self.after_step: Callable[[int], None] = lambda step: None  # set by g1train.stages.train: writes checkpoints
        self.seconds: dict[str, float] = {}
        self._looked = 0.0
        self._probe = _probe_prompt(config)

    def start(self) -> None:
        """Start the node where it is ours; it loads while the trainer goes on."""
        if self.services is not None:
            self.services.node.start()

    def wait_for_node(self) -> wire.Welcome:
        """Until the node answers, and workers may play. Raises as `Keeper.welcome`."""
        if self.services is None:
            self.display.say(f"waiting for the inference node at {self.node_address}")
        elif not self.services.node.child.ready:
            self.display.say("waiting for the inference node to load the model")
        welcome = self.keeper.welcome(NODE_START_S)
        if self.services is not None:
            self.services.pool.start()
        return welcome

    def push(self) -> None:
        """Make the node serve the learner's policy under the next version number, and prove it."""
        self.version += 1
        gap = self.keeper.push(self._send)
        self.run.log("transfer", self.version, {"probe_mismatch": gap})

    def play(self, tickets: Sequence[Ticket], on_group: Callable[[wire.Group], None] | None = None) -> list[wire.Group]:
        """Have tickets played under the current version; groups in the order of the tickets.

        A ticket that failed three times is reported and left out. Raises `WorkerError` if one in ten was.
        """
        versioned = [msgspec.structs.replace(ticket, version=self.version) for ticket in tickets]
        num_failed = 0

        def set_aside(ticket: Ticket, reason: str) -> None:
            nonlocal num_failed
            num_failed += 1
            self.display.say(f"ticket {ticket.index} is set aside: {reason}")
            if num_failed > len(tickets) * MAX_FAILED:
                raise WorkerError(f"{num_failed} of {len(tickets)} tickets failed for good, at last: {reason}")

        groups = self.dispatcher.play(versioned, on_group, while_waiting=self._tend, on_failed=set_aside)
        self.keeper.served()
        return groups

    @contextlib.contextmanager
    def timed(self, phase: str) -> Any:
        """Add the time spent inside to `seconds[phase]`."""
        began = time.monotonic()
        self.display.phase(phase)
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.monotonic() - began

    def take_seconds(self) -> dict[str, float]:
        """Seconds per phase since the last call, as metrics."""
        taken = {f"seconds/{phase}": round(value, 4) for phase, value in self.seconds.items()}
        self.seconds.clear()
        return taken

    def close(self) -> None:
        """End what is ours; the pool and node of others wait for the next trainer."""
        self.closing = True
        self.client.close()
        if self.services is not None:
            self.services.stop()
        self.dispatcher.close()

    def _send(self) -> float:
        """The whole policy, and its proof: the largest gap between the node's log-probabilities and ours."""
        send_weights(self.learner, self.client, self.version)
        turn, image = self._probe
        return probe(self.learner, self.client, turn, image, self.version)

    def _tend(self) -> None:
        """While tickets are out: node and pool are looked after, and a node that was restarted gets its weights."""
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        welcome = self.keeper.welcome()
        if welcome.version != self.version:
            self.display.say(f"the node serves version {welcome.version}; sending it version {self.version} again")
            self.keeper.push(self._send)
        self.keeper.look_at_pool(self.dispatcher.stats.workers)
        self._looked = time.monotonic()


def _probe_prompt(config: Config) -> tuple[wire.Turn, Any]:
    """One fixed question of the first game, and the pixels of its frame, which travel as such."""
    game = make_game(config.games[0].spec)
    record = start_states(game, [config.seed], config.games[0].num_moves)
    image = game.render(record)[0]
    return wire.Turn(game.prompt, codec.encode(image, "lz4")), image
