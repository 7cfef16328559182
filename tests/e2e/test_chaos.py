"""Workers, node, pool and trainer are killed and frozen at random while thousands of tickets run: nothing is lost."""

import os
import random
import time
from pathlib import Path

import pytest

from tests import chaos, processes

NUM_TICKETS = 5000
PAUSE_S = 0.005  # of the trainer after each group: it is the slow consumer, and the run lasts most of a minute
PATIENCE_S = 240.0
GROWTH_BYTES = 40 << 20


@pytest.mark.parametrize("seed", [1])
def test_every_ticket_exactly_once_whatever_happens(tmp_path: Path, seed: int) -> None:
    shared_before = set(os.listdir("/dev/shm"))
    with chaos.line(tmp_path / "calm", NUM_TICKETS) as calm:
        assert calm.running["trainer"].wait(PATIENCE_S) == 0
        calm.finish()
    chance, deadline, num_deeds = random.Random(seed), time.monotonic() + PATIENCE_S, 0
    with chaos.line(tmp_path / "storm", NUM_TICKETS, PAUSE_S) as storm:
        processes.eventually(lambda: storm.num_counted() > 50)
        while storm.running["trainer"].poll() is None:
            assert time.monotonic() < deadline, (storm.folder / "trainer.log").read_text()[-2000:]
            storm.measure()
            if storm.num_counted() < 0.97 * NUM_TICKETS:
                chaos.monkey(storm, chance)
                num_deeds += 1
            time.sleep(chance.uniform(0.3, 1.2))
        assert storm.running["trainer"].returncode == 0
        storm.finish()
    expected, came = dict(chaos.results(calm.journal)), chaos.results(storm.journal)
    assert sorted(index for index, _ in came) == list(range(NUM_TICKETS)) == sorted(expected)
    assert dict(came) == expected
    assert num_deeds >= 10
    grown = {name: chaos.growth(history) for name, history in storm.history.items()}
    assert max(grown.values()) < GROWTH_BYTES, grown
    assert storm.left_behind() == calm.left_behind() == []
    assert {name for name in os.listdir("/dev/shm") if "g1" in name} <= shared_before
