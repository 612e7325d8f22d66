"""What the machine itself takes: no latency can have a better tail than this."""

from __future__ import annotations

from appliance.host import noise
from bench.rows import Row, curve_of, percentiles
from bench.settings import Settings, last_core
from dpdk_bindings.env import Clock, Histogram, StopWord, pin_to_core

HICCUP_S = 1.0
THRESHOLD_NS = 1000  # whose gaps `appliance noise` would list; here only the curve counts


def hiccups(_: Settings) -> list[Row]:
    pin_to_core(last_core())
    clock, histogram, stop = Clock(), Histogram(), StopWord()
    noise.measure(histogram.address, clock.address, stop.address, HICCUP_S, THRESHOLD_NS, 1)
    rows = percentiles("machine hiccups", histogram.summary(), curve=curve_of(histogram))
    for row in rows:
        row.better = ""  # the machine's, not ours
    return rows
