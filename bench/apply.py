"""How long one message takes the books, with nothing before or after it to help: its latency.

Every message of the day is applied by itself between two readings of the time-stamp counter that
are fenced off from all around them, so that what it needs of memory is waited for in full: no
prefetching, no overlap with its neighbours, which is what makes ``book`` several times faster. What
two such readings take with nothing between them is measured first, and taken off. Cold is the first
pass of a fresh process, warm the second, over new books.
"""

from __future__ import annotations

import gc
from pathlib import Path

from appliance.config import from_text
from appliance.files import file_engine
from bench import kernels_book
from bench.book import mapped
from bench.rows import Row, curve_of, percentiles
from bench.settings import Absent, Settings, last_core
from bench.workload import day_file
from dpdk_bindings.env import Clock, Histogram, pin_to_core

TARGETS = {"p50": "<= 60", "p99": "<= 350", "p99.9": "<= 550"}


def _pass(path: Path, clock: Clock, cost_ticks: int) -> tuple[Histogram, dict[str, int]]:
    histogram = Histogram()
    with file_engine(from_text("", "defaults")) as (engine, state):
        messages = kernels_book.one_at_a_time(engine, mapped(path), histogram.address,
                                              clock.address, cost_ticks)
        engine.publish()
        return histogram, {
            "messages": messages, "live_orders": state.counter("live_orders"),
            "bbo_operations": state.counter("bbo_changes"),
            "missing_references": state.counter("book_missing_reference"),
            "crossed_books": engine.crossed_books()}


def one_at_a_time(settings: Settings) -> list[Row]:
    path, clock, rows = day_file(settings), Clock(), []
    if not clock.ticks_per_s:
        raise Absent("there is no constant counter here; it takes bare metal, or a hypervisor that "
                     "passes one on")
    pin_to_core(last_core())
    cost_ticks = kernels_book.clock_cost_ticks()
    for temperature in ("cold", "warm"):
        histogram, counts = _pass(path, clock, cost_ticks)
        made = percentiles(f"apply: one at a time, {temperature}", histogram.summary(), TARGETS,
                           curve_of(histogram))
        for row in made:
            row.counts = counts
        rows += made
        gc.collect()  # this pass's tables, before the next one's
    cost_ns = cost_ticks * 1e9 / clock.ticks_per_s
    return [*rows, Row("apply: the clock's own cost, taken off", "ns", cost_ns, better="")]
