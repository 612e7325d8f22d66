"""The loop's histogram against HdrHistogram itself."""

from __future__ import annotations

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from dpdk_bindings._core import lib
from dpdk_bindings.env import Histogram
from dpdk_bindings.env.histogram import COUNTS, SIGNIFICANT_DIGITS, VALUE_MAX

PERCENTS = [0.0, 1.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0]
VALUES = 100_000


def test_same_counts_and_percentiles_as_hdrhistogram() -> None:
    rng = np.random.default_rng(17)
    values = np.exp(rng.uniform(0.0, np.log(VALUE_MAX), VALUES)).astype(np.uint64)
    ours, theirs = Histogram(), HdrHistogram(1, VALUE_MAX, SIGNIFICANT_DIGITS)
    for value in map(int, values):
        ours.record(value)
        assert theirs.record_value(value)
    assert ours.total_count == theirs.get_total_count() == VALUES
    assert list(ours.counts()) == [theirs.get_count_at_index(i) for i in range(COUNTS)]
    assert ours.max == int(values.max())
    assert ours.mean == pytest.approx(float(values.astype(float).mean()))
    for percent, value in zip(PERCENTS, ours.percentiles(PERCENTS), strict=True):
        # HdrHistogram knows its maximum to a bucket, and reports that bucket's highest value.
        assert value == min(int(theirs.get_value_at_percentile(percent)), ours.max), percent
    copy = ours.to_hdr()
    assert copy.get_total_count() == VALUES
    for percent in PERCENTS:
        assert copy.get_value_at_percentile(percent) == theirs.get_value_at_percentile(percent)


@given(st.integers(0, VALUE_MAX))
def test_a_value_lies_in_its_bucket(value: int) -> None:
    index = int(lib.tp_hist_index(value))
    low = int(lib.tp_hist_value(index))
    assert low <= value
    if index + 1 < COUNTS:
        assert value < int(lib.tp_hist_value(index + 1))
    assert value - low <= value / 1000, "three significant digits"


def test_every_index_is_its_own_value() -> None:
    for index in range(COUNTS):
        assert lib.tp_hist_index(lib.tp_hist_value(index)) == index


def test_larger_values_are_recorded_as_the_largest_and_counted() -> None:
    histogram = Histogram()
    for value in (VALUE_MAX, VALUE_MAX + 1, 2**64 - 1):
        histogram.record(value)
    assert (histogram.total_count, histogram.saturated_count) == (3, 2)
    assert histogram.max == histogram.percentile(100.0) == VALUE_MAX


def test_empty() -> None:
    summary = Histogram().summary()
    assert summary == {"count": 0, "p50": 0, "p90": 0, "p99": 0, "p99.9": 0, "max": 0}
    assert Histogram().mean == 0.0


def test_two_views_of_one_place() -> None:
    owner = Histogram()
    other = Histogram(owner.address)
    owner.record(5)
    assert other.total_count == 1 and other.percentile(50.0) == 5
