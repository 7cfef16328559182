"""Looks after node and pool for a session: what died is started again, who is silent is waited for and named.

    keeper.welcome()     the node's, however long it takes to get it
    keeper.push(send)    `send` done with a node that stays there from its beginning to its end

What is ours is killed and started again when it stays frozen; what belongs to others is waited for. Nothing is waited
for without a line (g1train/run/waiting.py), and what cannot go on says why.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from engine.errors import ConnectError, TransferError
from engine.net import wire
from g1train.inference.client import NodeClient
from g1train.run.services import Services
from g1train.run.waiting import Waiting

T = TypeVar("T")
LOOK_EVERY_S, ANSWER_WITHIN_S = 0.1, 5.0
FROZEN_S = 30.0  # a node of ours that is ready and silent for longer is killed
LOADING_S = 1800.0  # and one that is still loading
NO_WORKER_S = 180.0  # a pool of ours without a worker for longer is killed
NO_LOOK_S = 30.0  # so long after the last look nobody knows for how long there was none
MAX_SENDINGS = 5


class Keeper:
    """`services` are what is ours; without them node and pool belong to others."""

    def __init__(self, client: NodeClient, services: Services | None, say: Callable[[str], None]) -> None:
        self._client, self._services, self._say = client, services, say
        self._worker_seen = self._looked_at_pool = time.monotonic()

    def look_after(self) -> None:
        """Start again what is ours and died. Raises `WorkerError` for what keeps dying."""
        if self._services is not None:
            self._services.look_after()

    def welcome(self, limit_s: float = float("inf")) -> wire.Welcome:
        """The node's, once it answers. Raises `ConnectError` if that of others does not within `limit_s`, and
        `WorkerError` if ours keeps dying or freezing."""
        waiting = Waiting(f"the inference node at {self._client.address}", self._say)
        asked_at: float | None = None  # when it was asked first, being ready
        while True:
            self.look_after()
            if self._loading:
                time.sleep(LOOK_EVERY_S)
                asked_at, why = None, "it loads the model"
            else:
                asked_at = asked_at or time.monotonic()
                try:
                    return self._client.join(timeout_s=ANSWER_WITHIN_S)
                except ConnectError as error:
                    why = str(error)
                    if self._services is None and waiting.seconds > limit_s:
                        raise
            waiting.tick(why)
            self._restart_if_frozen(asked_at)

    def push(self, send: Callable[[], T]) -> T:
        """The result of `send`, which is begun again when the node goes down or does not do its part. Raises what it
        raised in the end."""
        attempt = 0
        while True:
            self.welcome()
            attempt += 1
            try:
                sent = send()
            except (TransferError, ConnectError) as error:
                if attempt == MAX_SENDINGS:
                    raise
                self._say(f"the weights did not arrive ({error}); sending all of them again")
                self._sending_failed(attempt)
            else:
                self.served()
                return sent

    def look_at_pool(self, num_workers: int) -> None:
        """Call it now and then while tickets are out: a pool of ours that brings no workers is started again."""
        now = time.monotonic()
        if num_workers or self._services is None or now - self._looked_at_pool > NO_LOOK_S:
            self._worker_seen = now
        elif now - self._worker_seen > NO_WORKER_S:
            self._worker_seen = now
            self._services.pool.restart(f"has had no worker for {NO_WORKER_S:.0f} s")
        self._looked_at_pool = now

    def served(self) -> None:
        """The run made a step: earlier deaths count no more."""
        if self._services is not None:
            self._services.node.served()
            self._services.pool.served()

    @property
    def _loading(self) -> bool:
        """Is the node ours, and not ready yet?"""
        return self._services is not None and not self._services.node.child.ready

    def _restart_if_frozen(self, asked_at: float | None) -> None:
        """A node of ours that has loaded for too long, or has been silent since it was asked, is killed and started
        again."""
        if self._services is None:
            return
        node = self._services.node
        silent_s = time.monotonic() - (node.child.started if asked_at is None else asked_at)
        if silent_s > (LOADING_S if asked_at is None else FROZEN_S):
            node.restart(f"has not answered for {silent_s:.0f} s")

    def _sending_failed(self, attempt: int) -> None:
        """Give it a moment; a node of ours that lives on but fails again and again is started anew."""
        if self._services is not None and self._services.node.child.alive and attempt % 2 == 0:
            self._services.node.restart("does not take the weights")
        time.sleep(1.0)
