"""Means with intervals, differences with intervals, and how much it would take to tell: by bootstrap over clusters.

    num[E], den[E] ──resample the E clusters──▶ draws[B] of sum(num) / sum(den) ──▶ Interval

A cluster is an independent start: an episode with all its turns, or a state with all its answers. A measure is a sum
over a sum, so that answers count alike however long an episode was. Clusters of equal number are resampled alike, so
the draws of two players on the same starts are paired, and their difference has what luck they share taken out.

Percentiles are widened for few clusters as a t-interval is (Hesterberg 2015, expanded percentile interval). By NumPy
alone, with a fixed seed: the same data give the same figures.
"""

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

NUM_DRAWS = 2000
SHARE = 0.95
POWER = 0.8  # chance to tell a difference that is there, in `needed`
Floats = npt.NDArray[np.float64]
_normal = NormalDist()


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval, over `n` independent clusters."""

    mean: float
    low: float
    high: float
    n: int


@functools.lru_cache(maxsize=6)
def _weights(num: int, stream: int) -> npt.NDArray[np.float32]:
    """How often each cluster is drawn, [NUM_DRAWS, num]; a stream is one sequence of draws."""
    generator = np.random.default_rng([2025, num, stream])
    drawn = np.empty((NUM_DRAWS, num), np.float32)
    for row in drawn:
        row[:] = np.bincount(generator.integers(num, size=num), minlength=num)
    return drawn


def draws(num: Floats, den: Floats, stream: int = 0) -> Floats:
    """The ratio in each resample, [NUM_DRAWS]; NaN where nothing is counted."""
    weights = _weights(len(num), stream)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(_sums(weights, num) / _sums(weights, den))


def _sums(weights: npt.NDArray[np.float32], values: Floats) -> Floats:
    """[NUM_DRAWS]; summed by NumPy itself, in one order, whatever threads a BLAS would use."""
    return np.asarray(np.einsum("be,e->b", weights, values, optimize=False))


def interval(mean: float, drawn: Floats, num: int) -> Interval:
    """Of a statistic and its draws over `num` clusters; draws in which there is nothing to divide by are left out."""
    tail, finite = _tail(num), drawn[np.isfinite(drawn)]
    low, high = np.quantile(finite, [tail, 1 - tail]) if len(finite) else (math.nan, math.nan)
    return Interval(mean, float(low), float(high), num)


def _tail(num: int) -> float:
    """The share of draws to leave out at each end."""
    if num < 2:
        return 0.0
    z, freedom = _normal.inv_cdf((1 + SHARE) / 2), num - 1
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return _normal.cdf(-t * math.sqrt(num / freedom))


def of_ten(num: Floats, den: Floats) -> tuple[Interval, float]:
    """What the mean of ten clusters alone would have been: the middle 95 % of such means, and their deviation."""
    generator = np.random.default_rng([2025, len(num), 10])
    chosen = generator.integers(len(num), size=(NUM_DRAWS, 10))
    means = num[chosen].sum(axis=1) / den[chosen].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(num.sum() / den.sum()), float(low), float(high), 10), float(means.std())


def verdict(low: float, high: float) -> str:
    """What an interval of a difference says of the first of two players."""
    if low > 0:
        return "better"
    return "worse" if high < 0 else "not distinguishable"


def needed(difference: float, drawn: Floats, num: int) -> int | None:
    """Clusters that it takes to tell such a difference, with `POWER`; None where there is none."""
    finite = drawn[np.isfinite(drawn)]
    if not difference or not len(finite):
        return None
    error = float(finite.std())
    reach = _normal.inv_cdf((1 + SHARE) / 2) + _normal.inv_cdf(POWER)
    return max(2, math.ceil(num * (reach * error / abs(difference)) ** 2))
