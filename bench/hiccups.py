"""What the machine itself takes: no latency can have a better tail than this."""

from __future__ import annotations

from bench import kernels
from bench.rows import Row, curve_of, percentiles
from bench.settings import Settings, last_core
from dpdk_bindings.env import Clock, Histogram, pin_to_core

HICCUP_S = 1.0


def hiccups(_: Settings) -> list[Row]:
    pin_to_core(last_core())
    clock, histogram = Clock(), Histogram()
    kernels.hiccups(histogram.address, clock.address, HICCUP_S)
    rows = percentiles("machine hiccups", histogram.summary(), curve=curve_of(histogram))
    for row in rows:
        row.better = ""  # the machine's, not ours
    return rows
