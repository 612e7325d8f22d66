"""HDR histograms recorded in the loop (csrc/tp_hist.h), readable as HdrHistogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dpdk_bindings._core import ffi, lib

SIZE_BYTES: int = ffi.sizeof("struct tp_hist")
COUNTS: int = lib.TP_HIST_COUNTS
VALUE_MAX: int = lib.TP_HIST_VALUE_MAX
SIGNIFICANT_DIGITS = 3

# The lowest and the highest value that falls into each counter. A counter stands for its highest,
# as in HdrHistogram.
LOWEST = np.array([lib.tp_hist_value(i) for i in range(COUNTS)], dtype=np.uint64)
HIGHEST = np.append(LOWEST[1:] - np.uint64(1), np.uint64(VALUE_MAX))


class Histogram:
    """A histogram of ns at ``address`` (shared memory), or its own when none is given."""

    def __init__(self, address: int | None = None) -> None:
        self._own = ffi.new("struct tp_hist *") if address is None else None
        self._hist: Any = self._own if address is None else ffi.cast("struct tp_hist *", address)

    @property
    def address(self) -> int:
        return int(ffi.cast("uintptr_t", self._hist))

    def record(self, value: int) -> None:
        lib.tp_hist_record(self._hist, value)

    @property
    def total_count(self) -> int:
        return int(self._hist.total_count)

    @property
    def saturated_count(self) -> int:
        """Values above VALUE_MAX, recorded as VALUE_MAX."""
        return int(self._hist.saturated_count)

    @property
    def max(self) -> int:
        return int(self._hist.value_max)

    @property
    def mean(self) -> float:
        total = self.total_count
        return float(self._hist.value_sum) / total if total else 0.0

    def counts(self) -> npt.NDArray[np.uint64]:
        """A copy of the counters, shape (COUNTS,)."""
        buffer = ffi.buffer(ffi.addressof(self._hist.counts), COUNTS * 8)
        return np.frombuffer(buffer, dtype=np.uint64).copy()

    def copy(self) -> Histogram:
        """The same counters in memory of its own."""
        copied = Histogram()
        ffi.memmove(copied._hist, self._hist, SIZE_BYTES)
        return copied

    def since(self, earlier: Histogram) -> Histogram:
        """What was recorded after ``earlier``, a copy of this one. Its maximum is a counter's."""
        later = Histogram()
        counts = self.counts()
        counts -= np.minimum(earlier.counts(), counts)
        ffi.memmove(later._hist.counts, counts.tobytes(), COUNTS * 8)
        later._hist.total_count = int(counts.sum())
        later._hist.value_sum = max(0, int(self._hist.value_sum) - int(earlier._hist.value_sum))
        filled = np.flatnonzero(counts)
        later._hist.value_max = min(int(HIGHEST[filled[-1]]), self.max) if len(filled) else 0
        return later

    def percentile(self, percent: float) -> int:
        """The highest value equivalent to the percentile's, capped at the exact maximum."""
        return self.percentiles([percent])[0]

    def percentiles(self, percents: list[float]) -> list[int]:
        counts = self.counts()
        running = np.cumsum(counts)
        total = int(running[-1])
        if not total:
            return [0 for _ in percents]
        ranks = [max(1, int(np.ceil(total * p / 100.0))) for p in percents]
        at = np.searchsorted(running, np.array(ranks, dtype=np.uint64))
        return [min(int(HIGHEST[i]), self.max) for i in at]

    def summary(self) -> dict[str, int]:
        """count, p50, p90, p99, p99.9 and max, in ns."""
        p50, p90, p99, p999 = self.percentiles([50.0, 90.0, 99.0, 99.9])
        return {
            "count": self.total_count,
            "p50": p50,
            "p90": p90,
            "p99": p99,
            "p99.9": p999,
            "max": self.max,
        }

    def to_json(self) -> dict[str, Any]:
        """The counters that are not zero, and the exact figures beside them."""
        counts = self.counts()
        return {
            "total_count": self.total_count,
            "saturated_count": self.saturated_count,
            "value_max": self.max,
            "value_sum": int(self._hist.value_sum),
            "counts": [[int(i), int(counts[i])] for i in np.flatnonzero(counts)],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Histogram:
        """The histogram that :meth:`to_json` wrote."""
        histogram = cls()
        for name in ("total_count", "saturated_count", "value_max", "value_sum"):
            setattr(histogram._hist, name, data[name])
        for index, count in data["counts"]:
            histogram._hist.counts[index] = count
        return histogram

    def to_hdr(self) -> Any:
        """A copy as ``hdrh.histogram.HdrHistogram``, for its encoders and its merging."""
        from hdrh.histogram import HdrHistogram

        hdr = HdrHistogram(1, VALUE_MAX, SIGNIFICANT_DIGITS)
        counts = self.counts()
        for index in np.flatnonzero(counts):
            hdr.record_value(int(LOWEST[index]), int(counts[index]))
        return hdr
