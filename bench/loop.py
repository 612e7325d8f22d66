"""Tick to trade: from the frame that rx_burst returned to the order that tx_burst accepted.

Twice. Live: exchange and appliance as two processes over memory, so that frames come out of
another core's cache. Alone: the same loop on one core, everything on (risk, order tables, journal
ring with frames and orders, histograms), its frames put into the queue between its turns; what
that takes is the loop's own. And what a turn takes that finds nothing, a queue.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.config import from_text
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.engine_process import make_state
from appliance.state import State
from appliance.telemetry.registry import TIMERS
from appliance.tile import Tile
from bench import kernels_loop
from bench.book import mapped
from bench.demo import demo, latency
from bench.rows import Row, curve_of, percentiles
from bench.settings import Settings, last_core
from bench.workload import day_file
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core
from dpdk_bindings.queue import Queue

TARGETS = {"p50": "<= 250", "p99": "<= 600", "p99.9": "<= 1500"}
MESSAGES, SYMBOLS = 500_000, 100
TURNS_BETWEEN = 8  # empty ones, two datagrams of a busy minute apart
IDLE_TURNS = 1_000_000
CONFIG = """
[engine]
name = "bench{pid}"
stations = {stations}
[strategy]
name = "quote"
rest_us = 0
[risk]
rate_per_s = 10000000
rate_burst = 1000000
position_max = 1000000000
notional_max = 1000000000000
[journal]
path = "none"
ring_mib = 16
"""


@contextmanager
def _tile(stations: bool) -> Iterator[tuple[Tile, State, dict[str, Queue]]]:
    """A loop between memory queues, and the queues' other ends."""
    config = from_text(CONFIG.format(pid=os.getpid(), stations=str(stations).lower()), "bench")
    roles = ("feed_a", "feed_b", "orders")
    names = {role: f"memory:bench-{os.getpid()}-{role},slots=64" for role in roles}
    state = make_state(config)
    ours = {role: open_queue(name) for role, name in names.items()}
    theirs = {role: open_queue(name) for role, name in names.items()}
    try:
        engine = Engine(config, state, make_strategy(config.strategy))
        tile = Tile(engine, ours, Clock())
        tile.record_to(state.address + int(state.header["journal_offset"]), True)
        yield tile, state, theirs
    finally:
        for queue in (*ours.values(), *theirs.values()):
            queue.close()
        state.close()


def _day(tile: Tile, theirs: dict[str, Queue], settings: Settings) -> int:
    """A short day through the tile, a message a frame as in a quiet market; the orders sent."""
    small = dataclasses.replace(settings, messages=MESSAGES, symbols=SYMBOLS)
    data = mapped(day_file(small))
    _, orders = kernels_loop.day_through(
        tile, data, theirs["feed_a"].address, theirs["orders"].address, 1, TURNS_BETWEEN)
    return orders


def alone(settings: Settings) -> list[Row]:
    """The loop's own latency, and what an empty turn costs."""
    pin_to_core(last_core())
    with _tile(stations=False) as (tile, state, theirs):
        if _day(tile, theirs, settings) < MESSAGES // 100:
            raise SystemExit("the strategy sent hardly anything: nothing was measured")
        histogram = state.histogram("tick_to_trade")
        idle = kernels_loop.idle(tile, IDLE_TURNS) / IDLE_TURNS / len(theirs)
        return [
            *percentiles("tick to trade, the loop alone", histogram.summary(), TARGETS,
                         curve_of(histogram)),
            Row("empty poll, a queue", "ns", idle, "<= 30"),
        ]


def stations(settings: Settings) -> list[Row]:
    """What each station of a tick costs, a reading of the clock included in each."""
    pin_to_core(last_core())
    with _tile(stations=True) as (tile, state, theirs):
        _day(tile, theirs, settings)
        rows = []
        for timer in TIMERS:
            summary = state.histogram(timer.name).summary()
            if timer.station:
                name = timer.name.removeprefix("station_")
                rows += [Row(f"station {name} {p}", "ns", summary[p]) for p in ("p50", "p99")]
        return rows


def loop(settings: Settings) -> list[Row]:
    """Live, between two processes."""
    return latency("tick_to_trade", "tick to trade", demo("memory", settings), TARGETS)
