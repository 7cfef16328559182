"""Intervals hold what they promise, pairing takes out what players share, and the needed number is enough."""

import numpy as np
import numpy.typing as npt
import pytest

from g1train.evaluation import statistics
from g1train.evaluation.statistics import Floats, draws, interval, needed, of_ten, verdict


def of(values: npt.NDArray[np.floating], den: Floats | None = None) -> statistics.Interval:
    num, den = values.astype(np.float64), np.ones(len(values)) if den is None else den
    return interval(float(num.sum() / den.sum()), draws(num, den), len(num))


@pytest.mark.parametrize("num", [10, 40])
def test_coverage_by_simulation(num: int) -> None:
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(600):
        found = of(generator.normal(700, 150, num))
        held += found.low <= 700 <= found.high
    assert 0.92 <= held / 600 <= 0.98  # 0.95, give or take what 600 trials tell


def test_coverage_of_a_ratio_whose_answers_hang_together() -> None:
    """Answers of one episode are alike: counted as independent they would be a third as wide and hold half as often."""
    generator = np.random.default_rng(2)
    held = naive = 0
    for _ in range(400):
        levels, lengths = generator.beta(2, 2, 40), generator.integers(20, 100, 40)
        right = generator.binomial(lengths, levels).astype(np.float64)
        found = of(right, lengths.astype(np.float64))
        held += found.low <= 0.5 <= found.high
        error = 1.96 * 0.5 / np.sqrt(lengths.sum())
        naive += abs(right.sum() / lengths.sum() - 0.5) <= error
    assert 0.91 <= held / 400 <= 0.98
    assert naive / 400 < 0.7


def test_pairing_takes_out_shared_luck() -> None:
    generator = np.random.default_rng(3)
    luck = generator.normal(700, 150, 60)
    a, b, ones = luck + 20 + generator.normal(0, 15, 60), luck + generator.normal(0, 15, 60), np.ones(60)
    paired = draws(a, ones) - draws(b, ones)
    unpaired = draws(a, ones, stream=1) - draws(b, ones, stream=2)
    assert paired.std() < unpaired.std() / 5
    near, far = interval(20, paired, 60), interval(20, unpaired, 60)
    assert (verdict(near.low, near.high), verdict(far.low, far.high)) == ("better", "not distinguishable")
    assert verdict(-3, -1) == "worse"


def test_the_needed_number_tells_four_times_in_five() -> None:
    generator = np.random.default_rng(4)
    pilot = generator.normal(10, 50, 400)
    enough = needed(10.0, draws(pilot, np.ones(400)), 400)
    assert enough is not None
    assert 150 < enough < 260  # (2.8 * 50 / 10) ** 2 = 196
    told = sum(of(generator.normal(10, 50, enough)).low > 0 for _ in range(300))
    assert 0.7 < told / 300 < 0.9
    assert needed(0.0, draws(pilot, np.ones(400)), 400) is None


def test_what_ten_would_have_said() -> None:
    values = np.random.default_rng(5).normal(690, 153, 5000)
    found, deviation = of_ten(values, np.ones(5000))
    assert deviation == pytest.approx(153 / np.sqrt(10), rel=0.06)
    assert found.low == pytest.approx(690 - 1.96 * 48.4, abs=10)
    assert found.n == 10


def test_the_same_data_give_the_same_figures_and_one_cluster_says_nothing() -> None:
    values = np.arange(30.0)
    assert of(values) == of(values)
    assert of(np.ones(30)) == statistics.Interval(1.0, 1.0, 1.0, 30)
    assert of(np.array([4.0])).n == 1
