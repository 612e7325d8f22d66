"""What the plots show of a histogram: the percentile curve and the distribution, as points."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from dpdk_bindings.env import Histogram
from dpdk_bindings.env.histogram import LOWEST

CURVE_POINTS = 240  # as fine as a screen shows
BINS_PER_DECADE = 20
Point = tuple[float, float]


def percentile_curve(histogram: Histogram) -> list[Point]:
    """(nines, ns): nines is -log10 of the share above, 0 for all, 1 for p90, 2 for p99.

    It ends where the recording does: one value among ``total_count``, the maximum.
    """
    total = histogram.total_count
    if not total:
        return []
    end = math.log10(total)
    nines = [end * i / CURVE_POINTS for i in range(CURVE_POINTS)] if end else []
    values = histogram.percentiles([100.0 * (1.0 - 10.0**-x) for x in nines]) if nines else []
    return [*((x, float(v)) for x, v in zip(nines, values, strict=True)),
            (end, float(histogram.max))]


def distribution(histogram: Histogram) -> list[Point]:
    """(ns, share): the share of all values in each of BINS_PER_DECADE bins a decade, gaps as 0."""
    counts = histogram.counts()
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    places = np.floor(np.log10(np.maximum(LOWEST[filled], 1)) * BINS_PER_DECADE).astype(int)
    first, last = int(places[0]) - 1, int(places[-1]) + 1
    shares = np.zeros(last - first + 1)
    np.add.at(shares, places - first, counts[filled].astype(float))
    shares /= shares.sum()
    return [
        (10.0 ** ((first + i + 0.5) / BINS_PER_DECADE), float(s)) for i, s in enumerate(shares)
    ]


def nines_ticks(end: float) -> Iterator[tuple[float, str]]:
    """Ticks of the percentile axis up to ``end`` nines."""
    yield 0.0, "0 %"
    yield math.log10(2), "50 %"
    for nines in range(1, math.floor(end + 1e-9) + 1):
        digits = "9" * nines
        yield float(nines), f"{digits[:2]}.{digits[2:]} %" if nines > 2 else (
            "90 %" if nines == 1 else "99 %"
        )


def log_range(values: list[float]) -> tuple[float, float]:
    """Whole decades around the values, at least one: (lowest, highest)."""
    positive = [v for v in values if v > 0] or [100.0]
    low = math.floor(math.log10(min(positive)) + 1e-9)
    high = math.ceil(math.log10(max(positive)) - 1e-9)
    return 10.0**low, 10.0 ** max(high, low + 1)


def decades(low: float, high: float) -> list[float]:
    """The powers of ten from ``low`` to ``high``, both included."""
    first, last = round(math.log10(low)), round(math.log10(high))
    return [10.0**power for power in range(first, last + 1)]
