"""The matching core alone: operations made ahead of time, applied, every report read."""

from __future__ import annotations

import os
from functools import cache

from bench.kernels_matching import Operations, core_for, run, run_each
from bench.rows import Row, curve_of, percentiles
from bench.settings import Settings, last_core
from dpdk_bindings.env import Clock, Histogram, pin_to_core

OPERATIONS = 2_000_000
SEED = 1
PASSES = 5  # of a round; the median counts, so that the first, cold one does not
TARGETS = {"normal": ">= 25", "worst": ">= 22"}


@cache
def operations(scenario: str) -> Operations:
    return Operations(scenario, OPERATIONS, SEED)


def oracle(_: Settings) -> dict[str, int]:
    """What the maker's own core reported while it made the operations, one at a time."""
    return {f"{scenario}_{key}": count for scenario in TARGETS
            for key, count in operations(scenario).expected.items()}


def scenario_rows(scenario: str) -> list[Row]:
    """Throughput without a clock in between, then each operation's time behind fences."""
    clock, histogram = Clock(), Histogram()
    made = operations(scenario)
    runs = [run(made, core_for(made.count), clock.address) for _ in range(PASSES)]
    own_ns, counts = run_each(made, core_for(made.count), clock.address, histogram.address)
    ns = sorted(ns for ns, _ in runs)[PASSES // 2]
    for found in (counts, *(found for _, found in runs)):
        if found != counts:
            raise SystemExit(f"two runs of the same operations differ: {found} and {counts}")
    counts = {f"{scenario}_{key}": count for key, count in counts.items()}
    name = f"matching, {scenario}"
    latencies = percentiles(f"{name},", histogram.summary(), {"p99": "<= 150"},
                            curve_of(histogram))
    for row in latencies:
        row.counts = counts
    return [
        Row(name, "M messages/s", made.count / ns * 1e3, TARGETS[scenario], "higher", counts),
        *latencies,
        Row(f"{name}, the clock itself", "ns", own_ns, better=""),
    ]


def matching(_: Settings) -> list[Row]:
    """Both scenarios on one core."""
    former = os.sched_getaffinity(0)
    pin_to_core(last_core())
    try:
        return [row for scenario in TARGETS for row in scenario_rows(scenario)]
    finally:
        os.sched_setaffinity(0, former)
