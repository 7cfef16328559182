"""What is usual is learnt, so that deadlines fit slow models and quick ones."""

from engine.rollout.usual import FACTOR, NUM_KEPT, Usual


def test_nothing_is_too_long_before_anything_is_known_but_the_start_value() -> None:
    usual = Usual(300.0, 15.0)
    assert (usual.high_s, usual.limit_s) == (None, 300.0)
    assert str(usual) == "nothing is known of how long that takes"


def test_the_quick_have_a_floor_and_the_slow_their_time() -> None:
    usual = Usual(300.0, 15.0)
    for _ in range(100):
        usual.add(0.5)
    assert usual.limit_s == 15.0
    assert str(usual) == "usually 0.5 s"
    for _ in range(10):  # one in ten takes long: that is usual, too
        usual.add(200.0)
    assert usual.limit_s == FACTOR * 200.0


def test_a_rare_straggler_does_not_count_and_old_times_are_forgotten() -> None:
    usual = Usual(300.0, 1.0)
    usual.add(1000.0)
    for _ in range(30):
        usual.add(1.0)
    assert usual.limit_s == 4.0
    for _ in range(NUM_KEPT):
        usual.add(60.0)
    assert usual.limit_s == 240.0
