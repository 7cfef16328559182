"""Trainer, node and pool on three hosts, with keys; cables are pulled and put back: work resumes, nothing is lost."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from engine.net.keys import write_keys
from tests import chaos, hosts, processes
from tests.chaos import NAMES, Site
from tests.hosts import Hosts

NUM_TICKETS = 3000
PAUSE_S = 0.005
OUTAGES = (("pool", 4.0), ("node", 4.0), ("trainer", 13.0))  # beyond the trainer's patience, within a link's, beyond
RESUMES_WITHIN_S = 15.0
DEADLINE_S = 180.0

pytestmark = pytest.mark.skipif(bool(hosts.missing()), reason=hosts.missing())


@pytest.fixture
def three() -> Iterator[Hosts]:
    with Hosts(*NAMES) as made:
        yield made


def has_counted(line: chaos.Line, number: int) -> bool:
    return line.num_counted() >= number


def test_work_resumes_after_every_outage(tmp_path: Path, three: Hosts) -> None:
    write_keys(tmp_path / "keys", NAMES)
    keys = {name: ("--keys", str(tmp_path / "keys" / f"{name}.secret")) for name in NAMES}
    sites = {name: Site(f"tcp://{three.address(name)}:5600", three.prefix(name), keys[name]) for name in NAMES}
    with chaos.line(tmp_path / "calm", NUM_TICKETS) as calm:
        assert calm.running["trainer"].wait(DEADLINE_S) == 0
        calm.finish()
    with chaos.line(tmp_path / "far", NUM_TICKETS, PAUSE_S, sites) as far:
        processes.eventually(lambda: far.num_counted() > 100)
        for name, seconds in OUTAGES:
            three.unplug(name)
            time.sleep(seconds)
            wanted = far.num_counted() + 20
            three.plug(name)
            processes.eventually(partial(has_counted, far, wanted), RESUMES_WITHIN_S)
        assert far.num_counted() < NUM_TICKETS, "the outages came too late"
        assert far.running["trainer"].wait(DEADLINE_S) == 0
        far.finish()
    assert sorted(chaos.results(far.journal)) == sorted(chaos.results(calm.journal))
    assert far.left_behind() == []
