"""What the books cost as they grow: over symbols, and over live orders.

A size has a day of its own, of which the figure is the middle: from MIDDLE on, when the orders that
live have reached the size, up to where the day begins to thin out. It comes through a memory queue
as in ``book``. The growth is that of one round, and of one process, in which all sizes take their
turn: the dearest size beside the cheapest, whichever these are. Counts are held against the
generator's own.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path

from appliance.config import Config, from_text
from appliance.files import file_engine
from bench import kernels_book
from bench.book import PIO_BURST_MAX, mapped
from bench.rows import Row
from bench.settings import Settings, last_core
from bench.workload import counts_of, day_of
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core

SYMBOLS = (100, 300, 1000, 3000, 8900)
# Live orders, as shares of --messages: 10^4 to 10^7 of ten million.
LIVE_SHARES = (0.001, 0.01, 0.1, 1.0)
MESSAGES_SHARE = 0.3  # of --messages, a day: the least
MESSAGES_PER_LIVE = 4  # messages until so many live, and as many again
MIDDLE = (0.55, 0.80)  # the generator's live orders fall from 80 % on
GROWTH = "<= 1.5"
# Of the tables: a window of as many references as are entered while most of these orders live, and
# levels to spare.
WINDOW_PER_LIVE = 2
LEVELS_PER_LIVE = 0.5


@dataclass(frozen=True)
class Size:
    """One point of a curve."""

    symbols: int
    live_orders: int
    messages: int

    def config(self) -> Config:
        """The default, with larger tables where these orders need them."""
        default = from_text("", "defaults").tables
        orders = max(default.orders, self.live_orders * WINDOW_PER_LIVE)
        levels = max(default.levels, int(self.live_orders * LEVELS_PER_LIVE))
        return from_text(f"[tables]\norders = {orders}\nlevels = {levels}\n", "the bench")


class WrongCounts(SystemExit):
    """The books are not what the generator made: no figure is worth anything."""


def check(counted: dict[str, int], generated: dict[str, int], lost: dict[str, int]) -> None:
    """Messages and live orders must be the generator's, and of ``lost`` there must be none."""
    for name, count in counted.items():
        if count != generated[name]:
            raise WrongCounts(f"{name} {count:,}, the generator's {generated[name]:,}")
    for name, count in lost.items():
        if count:
            raise WrongCounts(f"{name} {count:,}: make the tables larger")


LOST = ("book_missing_reference", "book_duplicate_reference", "book_over_reduced",
        "book_orders_full", "book_levels_full", "feed_lost")


def cost(day: Path, size: Size, clock: Clock) -> float:
    """ns a message in the middle of a day, through a memory queue."""
    data, name = mapped(day), f"memory:bench-{os.getpid()},slots={PIO_BURST_MAX}"
    with (file_engine(size.config()) as (engine, state),
          open_queue(name) as sender, open_queue(name) as receiver):
        at, passed = 0, [0.0, 0.0]
        for end in (MIDDLE[0], MIDDLE[1], 1.0):
            before = state.counter("feed_messages")
            _, ns, taken = kernels_book.through_queue(
                engine, data[at:], sender.address, receiver.address, clock.address, before + 1,
                max(1, int(size.messages * end) - before))
            at += taken
            if end == MIDDLE[1]:
                passed = [float(ns), state.counter("feed_messages") - before]
        engine.publish()
        check({"messages": state.counter("feed_messages"),
               "live_orders": state.counter("live_orders")}, counts_of(day),
              {name: state.counter(name) for name in LOST})
    return passed[0] / passed[1]


def _curve(settings: Settings, series: str, sizes: dict[int, Size]) -> list[Row]:
    days = {at: day_of(settings.out, size.messages, size.symbols, size.live_orders)
            for at, size in sizes.items()}
    clock, rows = Clock(), []
    pin_to_core(last_core())
    for at, size in sizes.items():
        value = cost(days[at], size, clock)
        rows.append(Row(f"scale: {at:,} {series}", "ns/message", value, series=series, size=at))
        gc.collect()  # its tables, before the next ones
    values = [row.value for row in rows]
    growth = max(values) / min(values)
    return [*rows, Row(f"scale: growth over {series}", "times", growth, GROWTH)]


def symbols(settings: Settings) -> list[Row]:
    """From 100 to 8,900 symbols, with a tenth of the day's messages as live orders."""
    messages = int(settings.messages * MESSAGES_SHARE)
    return _curve(settings, "symbols",
                  {n: Size(n, messages // 10, messages) for n in SYMBOLS if n * 6 <= messages})


def live_orders(settings: Settings) -> list[Row]:
    """From 10^4 to 10^7 live orders of ten million messages asked for."""
    sizes = {}
    for share in LIVE_SHARES:
        live = max(1, int(settings.messages * share))
        messages = max(int(settings.messages * MESSAGES_SHARE), live * MESSAGES_PER_LIVE)
        sizes[live] = Size(settings.symbols, live, messages)
    return _curve(settings, "live orders", sizes)
