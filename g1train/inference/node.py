"""The inference node: a ROUTER socket in front of a backend, served until it is told to stop.

    g1 serve ─▶ bind ─▶ backend.start ─▶ Node.run (g1train/inference/server.py) ─▶ backend.stop

Ctrl-C or SIGTERM: it answers what it has been asked and leaves; a second one stops at once. An exception of the backend
refuses the ask that raised it; a `BackendError` ends the node, which tells everybody why: better dead than wrong.

    python -m g1train.inference.node --player oracle --bind tcp://127.0.0.1:5602
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq
import zmq.asyncio

from engine.net import process, sockets
from g1train.inference.backend import Backend
from g1train.inference.scripted import PLAYERS, Scripted
from g1train.inference.server import Node

log = logging.getLogger("g1")


async def serve(
    backend: Backend,
    address: str,
    *,
    run: str = "",
    version: int = -1,
    keys: sockets.Keys | None = None,
    max_asks: int = 4096,
    weights_timeout_s: float = 600.0,
    on_ready: Callable[[str], None] | None = None,
    handle_signals: bool = True,
) -> None:
    """Load the backend and serve until SIGINT or SIGTERM (see `Node.leave`), or until cancelled.

    `version` is what asks may want before a trainer has spoken; `max_asks` may be in flight for one peer; `on_ready`
    gets the address that was bound. Raises `ConnectError` before anything is loaded if the address is taken.
    """
    with zmq.asyncio.Context() as context, context.socket(zmq.ROUTER) as socket:
        node = Node(backend, socket, run, version, max_asks, weights_timeout_s)
        bound = sockets.bind(socket, address, keys, node.hub.refused)
        told_to_stop = _handle_signals(node) if handle_signals else asyncio.Event()
        try:
            await backend.start()
            print(f"node ready at {bound} ({backend.name}, version {version})", flush=True)
            if on_ready is not None:
                on_ready(bound)
            await node.run()
        except asyncio.CancelledError:
            log.info("node ends: %s", dict(node.hub.counts))
            if not told_to_stop.is_set():
                raise
        except BaseExceptionGroup as errors:
            await node.last_words(errors.exceptions[0])
            raise
        finally:
            sockets.unbind(bound)
            await backend.stop()


def _handle_signals(node: Node) -> asyncio.Event:
    """SIGINT or SIGTERM once: the node answers what it has and leaves; while it loads, or the second time: at once."""
    task, told = asyncio.current_task(), asyncio.Event()
    assert task is not None

    def stop() -> None:
        told.set()
        if node.is_serving:
            node.leave()
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m g1train.inference.node", description="A node of a scripted player."
    )
    parser.add_argument("--player", choices=sorted(PLAYERS), default="oracle")
    parser.add_argument("--bind", default="tcp://127.0.0.1:5602", help="port 0 takes any free one")
    parser.add_argument("--version", type=int, default=-1, help="policy version served before a trainer confirms one")
    parser.add_argument("--keys", type=Path, help="the node's secret key file, needed beyond loopback")
    parser.add_argument("--parent", type=int, help="process id to die with")
    chosen = parser.parse_args(arguments)
    if chosen.parent is not None:
        process.die_with_parent(chosen.parent)
    process.log_to_stderr()
    with process.reported("g1 serve"):
        keys = None if chosen.keys is None else sockets.read_keys(chosen.keys)
        asyncio.run(serve(Scripted(chosen.player), chosen.bind, version=chosen.version, keys=keys))


if __name__ == "__main__":
    main()
