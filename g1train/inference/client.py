"""The trainer's line to the node: one call at a time, each with a deadline.

    trainer ──Join, Ask, WeightCall──▶ node      `ask_once` for probes, `weight_call` and vLLM's four calls for weights

Between calls nothing is sent, so the node may have forgotten this client or have been restarted: every call looks
first, and joins again where needed. A weight call that was under way when the node went down is an error, because it
cannot be known how far it came.
"""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import zmq

from engine.errors import ConnectError, TransferError, WeightsError
from engine.net import sockets, wire
from engine.net.link import Link, join_as
from engine.render.atlas import Atlas
from engine.rollout.asker import AtlasLedger
from g1train.run.waiting import Waiting

Phase = Literal["init", "start", "update", "finish", "confirm"]
FIRST_NOTICE_S = 10.0  # who calls has a deadline of its own, and says sooner what it waits for
FRESH_S = 2 * wire.HEARTBEAT_S
ASK_AGAIN_S = 0.1
REJOIN_WITHIN_S = 5.0  # of a call's time: whoever calls has to know soon that nobody is there


class NodeClient:
    """Synchronous; may be handed from thread to thread. `timeout_s` is the deadline where a call gives none; `say` gets
    a line now and then while an answer is waited for."""

    def __init__(
        self,
        address: str,
        role: Literal["trainer", "monitor"] = "trainer",
        *,
        name: str = "",
        keys: sockets.Keys | None = None,
        timeout_s: float = 60.0,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.address, self.timeout_s, self._say = address, timeout_s, say
        self.next_version: int | None = None
        """What `finish_weight_update` makes current when vLLM's trainer engines call it without a version."""
        self._link = Link(
            zmq.Context.instance(),
            address,
            "node",
            join_as(role, name or f"{role}-{os.getpid()}"),
            keys,
            FIRST_NOTICE_S,
        )
        self._lock = threading.RLock()
        self._ids = itertools.count()
        self._atlases = AtlasLedger()
        self._used, self._said = 0.0, ""

    def join(self, timeout_s: float | None = None) -> wire.Welcome:
        """Make sure that the node is there now; `version` says which policy it serves. Raises `ConnectError`."""
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        with self._lock:
            self._atlases.clear()
            self._link.leave()  # not a new link: the node has to know which of this client's connections is the last
            while not self._link.joined and time.monotonic() < deadline:
                self._faults(list(self._turn(deadline)))
            self._used = time.monotonic()
            if self._link.welcome is None:
                raise ConnectError(
                    f"no node answers at {self.address} within {limit_s:.1f} s; "
                    f"{self._link.trouble or self._said or 'start one with: g1 serve'}"
                )
            self._said = ""
            return self._link.welcome

    def ask(self, ask: wire.Ask, timeout_s: float | None = None, atlas: Atlas | None = None) -> wire.Answer:
        """Answers to one ask, whose `id` is set here; `atlas` is the one that its sprite frames name.

        Asked again while the node puts it off. Raises `ConnectError` past the deadline, and `ValueError` for an ask
        that the node refuses for good.
        """
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        deadline, reason = time.monotonic() + limit_s, ""
        while time.monotonic() < deadline:
            try:
                return self.ask_once(ask, deadline - time.monotonic(), atlas)
            except ConnectError as error:
                reason = str(error)
                time.sleep(ASK_AGAIN_S)
        raise ConnectError(f"the node at {self.address} gave no answer within {limit_s:.1f} s: {reason}")

    def ask_once(self, ask: wire.Ask, timeout_s: float | None = None, atlas: Atlas | None = None) -> wire.Answer:
        """As `ask`, but a node that puts it off or goes down is a `ConnectError` at once."""
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        reply = self._exchange(msgspec.structs.replace(ask, id=next(self._ids)), deadline, atlas)
        if isinstance(reply, wire.Answer):
            return reply
        if isinstance(reply, wire.Refusal) and not reply.retry:
            raise ValueError(f"the node at {self.address} refuses the ask: {reply.reason}")
        raise ConnectError(reply.reason if isinstance(reply, wire.Refusal) else "it is still at work")

    def weight_call(
        self, phase: Phase, info: Any = None, version: int = -1, timeout_s: float | None = None
    ) -> wire.WeightDone:
        """One step of a transfer; `info` is what JSON can hold. Raises `TransferError`: what failed, after how long."""
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        call = wire.WeightCall(next(self._ids), phase, json.dumps({} if info is None else info), version)
        began = time.monotonic()
        try:
            done = self._exchange(call, began + limit_s, None)
        except ConnectError as error:
            raise TransferError(f"weight call {phase!r}, after {time.monotonic() - began:.1f} s: {error}") from error
        if not isinstance(done, wire.WeightDone):
            raise TransferError(
                f"weight call {phase!r} to {self.address} was not done after {limit_s:.1f} s; see its output"
            )
        if done.error:
            raise TransferError(f"weight call {phase!r} failed after {time.monotonic() - began:.1f} s: {done.error}")
        return done

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self.weight_call("init", init_info)

    def start_weight_update(self) -> None:
        self.weight_call("start")

    def update_weights(self, update_info: dict[str, Any] | list[dict[str, Any]]) -> None:
        self.weight_call("update", update_info)

    def finish_weight_update(self, weight_version: str | int | None = None) -> None:
        """Raises `WeightsError` if neither `weight_version` nor `next_version` says which policy this is."""
        version = self.next_version if weight_version is None else int(weight_version)
        if version is None:
            raise WeightsError("which policy version was sent? set next_version before the transfer")
        self.weight_call("finish", version=version)

    def _exchange(
        self, message: wire.Ask | wire.WeightCall, deadline: float, atlas: Atlas | None
    ) -> wire.AnyMessage | None:
        """Send, and wait for the reply of the same id; None past the deadline. `ConnectError` if the node goes down."""
        with self._lock:
            if not self._link.joined or time.monotonic() - self._used > FRESH_S:
                self.join(min(deadline - time.monotonic(), REJOIN_WITHIN_S))
            if atlas is not None and atlas.digest not in self._atlases:
                self._link.send(wire.Atlas(atlas.digest, atlas.to_bytes()))
            if atlas is not None:
                self._atlases.use(atlas.digest)
            self._link.send(message)
            waiting = Waiting(f"the node's answer to {_name(message)}", self._say)
            while time.monotonic() < deadline:
                waiting.tick()
                arrived = list(self._turn(deadline))
                for one in arrived:
                    if isinstance(one, wire.Answer | wire.Refusal | wire.WeightDone) and one.id == message.id:
                        self._used = time.monotonic() if self._link.joined else 0.0
                        return one
                self._used = 0.0
                self._faults(arrived)
                if any(isinstance(one, wire.Welcome) for one in arrived) or not self._link.joined:
                    raise ConnectError(f"the node at {self.address} went down, or was restarted, during the call")
                self._used = time.monotonic()
            return None

    def _turn(self, deadline: float) -> Iterator[wire.AnyMessage]:
        self._link.tick()
        self._link.flush()
        patience_s = min(deadline - time.monotonic(), 0.25 if self._link.joined else 0.02)
        sockets.wait([self._link.socket], patience_s)
        return self._link.messages()

    def _faults(self, arrived: list[wire.AnyMessage]) -> None:
        for one in arrived:
            if isinstance(one, wire.Fault):
                self._said = f"the last it said: {one.reason}"
                raise ConnectError(f"the node at {self.address} reports: {one.reason}")

    def close(self) -> None:
        with self._lock:
            self._link.close()

    def __enter__(self) -> "NodeClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _name(message: wire.Ask | wire.WeightCall) -> str:
    """What it is called on the console."""
    return "an ask" if isinstance(message, wire.Ask) else f"the weight call {message.phase!r}"
