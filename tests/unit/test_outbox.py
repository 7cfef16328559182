"""Mail of clients in bytes: who reads gets everything, who does not costs little, and nobody pays for another."""

import pytest

from engine.net import outbox, wire
from engine.net.outbox import Outbox

A, B = b"a", b"b"
KB = 1000


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MAX_UNREAD_BYTES": 10 * KB, "MAX_ALL_UNREAD_BYTES": 20 * KB, "ROOM_BYTES": 5 * KB}.items():
        monkeypatch.setattr(outbox, name, value)
    monkeypatch.setattr(wire, "PARCEL_BYTES", 2 * KB)


class Network:
    """It takes a parcel when it is told to."""

    def __init__(self, box: Outbox) -> None:
        self.box, self.taken = box, False

    def send_all(self) -> int:
        sent = list(self.box.outgoing())
        for identity, parcel in sent:
            self.box.sent(identity, len(parcel), lambda: self.taken)
        return len(sent)


def test_who_does_not_read_has_a_limit() -> None:
    box = Outbox()
    network = Network(box)
    posted = 0
    while box.post(A, bytes(KB)):
        posted += 1
        network.send_all()
    assert posted == 9  # each parcel has a header
    assert box.in_transit(A)
    assert box.post(B, bytes(KB))
    network.taken = True
    assert box.post(A, bytes(KB))
    assert not box.in_transit(A)
    assert box.unread_bytes == 2 * KB


def test_all_have_a_limit_but_who_has_little_gets_it() -> None:
    box = Outbox()
    network = Network(box)
    for number in range(2):
        for _ in range(9):
            assert box.post(b"%d" % number, bytes(KB))
    network.send_all()
    assert not box.post(A, bytes(5 * KB))
    assert box.post(A, bytes(KB))
    assert not box.post(A, bytes(2 * KB))


def test_what_is_dropped_counts_until_libzmq_has_let_go_of_it() -> None:
    box = Outbox()
    network = Network(box)
    assert box.post(A, bytes(8 * KB))
    network.send_all()
    assert box.post(A, bytes(KB))
    box.drop(A)
    assert list(box.outgoing()) == []
    assert 8 * KB < box.unread_bytes < 9 * KB
    assert not box.post(A, bytes(8 * KB))  # it has joined again on the same connection
    network.taken = True
    box.settle()
    assert box.unread_bytes == 0
    assert not box._mail


def test_room_for_more_answers() -> None:
    box = Outbox()
    network = Network(box)
    assert box.has_room(A)
    assert box.post(A, bytes(6 * KB))
    assert not box.has_room(A)
    network.send_all()
    assert not box.has_room(A)
    network.taken = True
    assert box.has_room(A)
    assert (box.stuck_s(A), box.stuck_s(B)) == (0.0, 0.0)
