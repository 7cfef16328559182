"""`g1 status`: who is there and how the work flows, asked of trainer and node without disturbing either.

    monitor ──Join, Look──▶ trainer, node ──Report──▶ one table, one JSON object, or a Prometheus endpoint

Rates are the growth of counts between two looks, one second apart. A server that does not answer is shown as such: the
others are shown all the same.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zmq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.errors import ConfigError, ConnectError
from engine.net import sockets, wire
from engine.net.link import Link, Server, join_as
from engine.net.said import visible

BETWEEN_LOOKS_S = 1.0
ANSWER_WITHIN_S = 5.0
Reports = dict[str, wire.Report | None]


class Monitor:
    """Looks at trainer and node, as often as asked."""

    def __init__(self, trainer: str, node: str, keys: sockets.Keys | None = None) -> None:
        context: sockets.Context = zmq.Context.instance()
        join = join_as("monitor", f"monitor-{os.getpid()}")
        addresses: dict[Server, str] = {"trainer": trainer, "node": node}
        self._links = {server: Link(context, address, server, join, keys) for server, address in addresses.items()}
        self._looking = threading.Lock()

    def look(self, timeout_s: float = ANSWER_WITHIN_S) -> Reports:
        """A fresh report of each; None from whom none has come in time. One thread at a time looks."""
        with self._looking:
            return self._look(timeout_s)

    def _look(self, timeout_s: float) -> Reports:
        reports: Reports = dict.fromkeys(self._links)
        asked: set[str] = set()
        deadline = time.monotonic() + timeout_s
        while None in reports.values() and time.monotonic() < deadline:
            sockets.wait([link.socket for link in self._links.values()], 0.02)
            for server, link in self._links.items():
                for message in link.messages():
                    if isinstance(message, wire.Report) and server in asked:
                        reports[server] = message
                    elif isinstance(message, wire.Welcome):
                        asked.discard(server)
                link.tick()
                if link.joined and server not in asked:
                    asked.add(server)
                    link.send(wire.Look())
                link.flush()
        return reports

    def close(self) -> None:
        for link in self._links.values():
            link.close()

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def addresses(run: Path) -> tuple[str, str]:
    """Of trainer and node of the run in a folder. Raises `ConfigError` for a folder that is none."""
    try:
        found = msgspec.json.decode((run / "addresses.json").read_bytes(), type=dict[str, str])
        return found["trainer"], found["node"]
    except (OSError, msgspec.DecodeError, KeyError) as error:
        raise ConfigError(f"{run} is no folder of a run that has begun: {error!r}") from error


def rates(before: wire.Report, after: wire.Report) -> dict[str, float]:
    """Growth of each count, a second."""
    seconds = max(after.up_s - before.up_s, 1e-9)
    if after.pid != before.pid:
        return {}
    return {name: (count - before.counts.get(name, 0)) / seconds for name, count in after.counts.items()}


def summary(before: Reports, after: Reports) -> dict[str, Any]:
    """Everything as plain values; `lag` is by how many policy versions the node is behind what the trainer asks for."""
    servers: dict[str, Any] = {}
    for server, report in after.items():
        earlier = before.get(server)
        found = None if report is None else msgspec.to_builtins(report)
        if found is not None and report is not None:
            found["rates"] = rates(earlier, report) if earlier is not None else {}
        servers[server] = found
    trainer, node = after["trainer"], after["node"]
    lag = None if trainer is None or node is None or trainer.version < 0 else trainer.version - node.version
    return {**servers, "lag": lag}


def show(found: dict[str, Any], console: Console) -> None:
    """The summary as tables; peers and servers may be called what they like."""
    for server in ("trainer", "node"):
        if (report := found[server]) is None:
            _print(console, f"{server}: does not answer")
            continue
        backend = f", backend {report['backend']}" if report["backend"] else ""
        _print(
            console,
            f"{server}: process {report['pid']} on {report['host']}, run {report['run'] or '-'}{backend}, "
            f"policy version {report['version']}, up {report['up_s']:.0f} s",
        )
        figures = [(name, f"{value:.4g}", "") for name, value in report["gauges"].items()]
        figures += [
            (name, str(value), f"{report['rates'].get(name, 0.0):.4g}")
            for name, value in sorted(report["counts"].items())
        ]
        console.print(_table(("figure", "now", "a second"), figures))
        console.print(
            _table(("peer", "role", "process", "here s", "silent s", "holds", "its load"), map(_row, report["peers"]))
        )
    _print(console, f"lag of the node: {'-' if found['lag'] is None else found['lag']} policy versions")


def _row(peer: dict[str, Any]) -> tuple[str, ...]:
    load = " ".join(f"{name} {value}" for name, value in peer["load"].items())
    here, silent = f"{peer['joined_s']:.0f}", f"{peer['silent_s']:.1f}"
    return peer["name"], peer["role"], str(peer["pid"]), here, silent, str(peer["holds"]), load


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Cells are shown as they are: no markup in them."""
    table = Table(*titles, box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _print(console: Console, line: str) -> None:
    console.print(visible(line), highlight=False, markup=False)


def main(
    trainer: str,
    node: str,
    *,
    keys: sockets.Keys | None = None,
    as_json: bool = False,
    prometheus: int | None = None,
    timeout_s: float = ANSWER_WITHIN_S,
) -> None:
    """Print once, or serve for Prometheus at 127.0.0.1:`prometheus` until interrupted.

    Raises `ConnectError` if neither answers, once that is printed.
    """
    with Monitor(trainer, node, keys) as monitor:
        if prometheus is not None:
            serve_prometheus(monitor, prometheus, timeout_s)
            return
        before = monitor.look(timeout_s)
        time.sleep(BETWEEN_LOOKS_S)
        found = summary(before, monitor.look(timeout_s if all(before.values()) else BETWEEN_LOOKS_S))
    if as_json:
        print(msgspec.json.encode(found).decode(), flush=True)
    else:
        show(found, Console())
    if not (found["trainer"] or found["node"]):
        raise ConnectError(f"neither the trainer at {trainer} nor the node at {node} answers; are these the addresses?")


class Collector:
    """What prometheus-client asks at each scrape: gauges and counters named g1_<server>_<figure>."""

    def __init__(self, monitor: Monitor, timeout_s: float) -> None:
        self._monitor, self._timeout_s = monitor, timeout_s

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for server, report in self._monitor.look(self._timeout_s).items():
            yield GaugeMetricFamily(f"g1_{server}_up", f"Does the {server} answer?", value=float(report is not None))
            if report is None:
                continue
            more = {"policy_version": report.version, "peers": len(report.peers), "up_s": report.up_s}
            for name, value in {**report.gauges, **more}.items():
                yield GaugeMetricFamily(f"g1_{server}_{name}", f"{name} of the {server}", value=value)
            for name, count in report.counts.items():
                yield CounterMetricFamily(f"g1_{server}_{name}", f"{name} of the {server} since its start", value=count)
            holds = GaugeMetricFamily(f"g1_{server}_peer_holds", "What each peer holds", labels=["peer", "role"])
            silent = GaugeMetricFamily(f"g1_{server}_peer_silent_s", "Since it was heard", labels=["peer", "role"])
            for peer in report.peers:
                holds.add_metric([peer.name, peer.role], peer.holds)
                silent.add_metric([peer.name, peer.role], peer.silent_s)
            yield from (holds, silent)


def serve_prometheus(
    monitor: Monitor, port: int, timeout_s: float = ANSWER_WITHIN_S, until: Sequence[float] = ()
) -> None:
    """Serve until interrupted, or for `until` seconds. Raises `ConfigError` without prometheus-client, `ConnectError`
    for a port that is taken."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise ConfigError("prometheus-client is not installed; install the extra 'monitor'") from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(monitor, timeout_s))
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise ConnectError(f"cannot listen at port {port}: {error.strerror}; choose another, 0 takes any") from error
    print(f"metrics at http://127.0.0.1:{server.server_port}/metrics", flush=True)
    try:
        thread.join(*until)
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
