"""The calibrated clock against the host's own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from dpdk_bindings._core import ffi, lib
from dpdk_bindings.env import Clock

# A shared machine may take the core away between two reads; the closest of some is compared.
TRIES = 50
# The host's clock may be slewed by 500 ppm at most (adjtimex), over the seconds that a test takes.
AGREEMENT_NS = 1_000_000


def distance_ns(now: Callable[[], int]) -> int:
    """How far the clock is from the host's, by the tightest of some bracketed reads."""
    best, distance = 1 << 62, 0
    for _ in range(TRIES):
        before, ours, after = time.time_ns(), now(), time.time_ns()
        if after - before < best:
            best, distance = after - before, abs(ours - (before + after) // 2)
    return distance


def test_it_agrees_with_the_host() -> None:
    clock = Clock()
    assert distance_ns(clock.now) < AGREEMENT_NS
    time.sleep(0.2)
    assert distance_ns(clock.now) < AGREEMENT_NS


def test_it_never_runs_backwards() -> None:
    clock = Clock()
    reads = [clock.now() for _ in range(100_000)]
    assert all(a <= b for a, b in itertools.pairwise(reads))
    assert reads[-1] > reads[0]


def test_it_says_what_it_is() -> None:
    clock = Clock()
    assert clock.source in ("tsc", "cntvct", "monotonic")
    if clock.source == "monotonic":
        assert clock.ticks_per_s == 0.0 and clock.error_ppb == 0
    else:
        assert 1e6 < clock.ticks_per_s < 1e11
        assert clock.error_ppb < 1_000_000
    assert int(ffi.cast("struct tp_clock *", clock.address).ns_base) > 0


@pytest.mark.parametrize("duration_ms", [0, 1, 5])
def test_a_short_calibration_works_too(duration_ms: int) -> None:
    assert distance_ns(Clock(duration_ms).now) < AGREEMENT_NS


def test_the_monotonic_source_is_right_as_well() -> None:
    plain = ffi.new("struct tp_clock *")
    plain.ns_base = time.time_ns() - time.monotonic_ns()
    assert distance_ns(lambda: int(lib.tp_clock_now(plain))) < AGREEMENT_NS
