"""A figure of one round, and what becomes of a figure over all rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dpdk_bindings.env import Histogram

# Where a latency's distribution is sampled: every step to the right is rarer.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 0.999999)
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")


@dataclass
class Row:
    """One figure.

    ``better`` is "lower", "higher", or "" for what is shown and never compared. ``counts`` are
    held against the oracle's; a figure whose counts differ is refused. ``curve`` is a latency
    distribution, a value for each of QUANTILES. ``series`` and ``size`` make the figure a point of
    a curve of cost against size.
    """

    name: str
    unit: str
    value: float
    target: str = ""
    better: str = "lower"
    counts: dict[str, int] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    series: str = ""
    size: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Figure:
    """The same row over the rounds. ``refused`` says why no speed is shown."""

    measure: str
    row: Row
    samples: list[float] = field(default_factory=list)
    curves: list[list[float]] = field(default_factory=list)
    refused: str = ""

    def take(self, row: Row, oracle: Mapping[str, int]) -> None:
        """One round's row; its counts must be the oracle's."""
        for key, count in row.counts.items():
            if key in oracle and count != oracle[key]:
                self.refused = f"{key.replace('_', ' ')} {count:,}, the oracle's {oracle[key]:,}"
        self.samples.append(row.value)
        if row.curve:
            self.curves.append(row.curve)

    def to_dict(self) -> dict[str, Any]:
        kept = self.row.to_dict() | {"curve": None, "value": None}
        row = {"measure": self.measure} | {key: value for key, value in kept.items() if value}
        if self.refused:
            return row | {"refused": self.refused}
        row |= spread(self.samples) | {"samples": self.samples}
        if self.curves:
            row["curve"] = [statistics.median(values) for values in zip(*self.curves, strict=True)]
        return row


def spread(samples: list[float]) -> dict[str, float]:
    """Median, least, greatest, and the noise: half of the middle half's width, of the median."""
    median = statistics.median(samples)
    quarters = statistics.quantiles(samples, n=4, method="inclusive") if samples[1:] else [0.0] * 3
    noise = (quarters[2] - quarters[0]) / 2 / abs(median) if median else 0.0
    return {"median": median, "min": min(samples), "max": max(samples), "noise": noise}


def percentiles(
    name: str, summary: Mapping[str, float], targets: Mapping[str, str] | None = None,
    curve: list[float] | None = None,
) -> list[Row]:
    """A latency's rows; the worst value is shown, and never compared."""
    rows = [Row(f"{name} {p}", "ns", summary[p], (targets or {}).get(p, ""),
                better="" if p == "max" else "lower") for p in PERCENTILES]
    rows[0].curve = curve or []
    return rows


def curve_of(histogram: Histogram) -> list[float]:
    """A histogram's values at QUANTILES."""
    return [float(v) for v in histogram.percentiles([100.0 * q for q in QUANTILES])]
