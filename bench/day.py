"""A whole trading day, 270 million messages, in bounded memory. Minutes a round: not in ``all``.

The day is never a file. The generator runs in a process of its own and hands over a piece at a
time; each goes through a memory queue into the books as in ``book``, its numbers going on where the
last piece ended. Beside the cost of the whole there is that of the middle one of the pieces (some
ten milliseconds each), which is without what else the machine did in these minutes.

What the process of the books takes at its peak is the memory that is told: the generator's own is
not in it. By type and by live orders, the books' counts must be the generator's.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
from multiprocessing.connection import Connection

import numpy as np

from appliance.config import Config, from_text
from appliance.files import file_engine
from bench import kernels_book
from bench.book import PIO_BURST_MAX, peak_mb
from bench.rows import Row
from bench.scale import LOST, check
from bench.settings import Settings, first_core, last_core
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core

MESSAGES_SHARE = 27  # times --messages: 270 million of ten
LIVE_SHARE = 0.2  # of --messages: 2 million of ten
SEED = 1
LEVEL, MEMORY = "<= 40", "<= 2000"
# Orders that rest for hours outlast a small window: with the default's 4 million references, twice
# these live orders, the overflow filled to nine tenths.
WINDOW_PER_LIVE = 8


def _generate(pieces: Connection, messages: int, symbols: int, live_orders: int) -> None:
    """The other process: the pieces of the day, an empty one, and what it counted."""
    from feed_sim.generator import Generator

    pin_to_core(first_core())
    generator = Generator(messages, symbols, SEED, live_orders)
    while generator.step():
        pieces.send_bytes(generator.framed())
    pieces.send_bytes(b"")
    pieces.send({"messages": generator.sequence_number, "live_orders": generator.live_orders,
                 "live_orders_peak": generator.live_orders_max} | generator.type_counts)


class Fullest:
    """The highest that was seen of every table."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def look(self, now: dict[str, int]) -> None:
        self.seen = {name: max(count, self.seen.get(name, 0)) for name, count in now.items()}

    def rows(self) -> list[Row]:
        seen = self.seen
        shares = {
            "live orders at the peak, of the window": seen["live_orders"] / seen["window"],
            "orders in the overflow, of its room": seen["overflow"] / seen["overflow_max"],
            "levels, of their room": seen["levels"] / seen["levels_max"],
            "ladders' memory, of its room": seen["arena_bytes"] / seen["arena_bytes_max"],
        }
        return [Row(f"day: {name}", "%", 100 * share, better="") for name, share in shares.items()]


def _config(live_orders: int) -> Config:
    orders = max(from_text("", "defaults").tables.orders, WINDOW_PER_LIVE * live_orders)
    return from_text(f"[tables]\norders = {orders}\n", "the bench")


def _apply(pieces: Connection, config: Config,
           clock: Clock) -> tuple[list[tuple[int, int]], dict[str, int], Fullest]:
    """Messages and ns of every piece, the counts, and how full the tables got."""
    name, full = f"memory:bench-{os.getpid()},slots={PIO_BURST_MAX}", Fullest()
    passed: list[tuple[int, int]] = []
    with (file_engine(config) as (engine, state),
          open_queue(name) as sender, open_queue(name) as receiver):
        while piece := pieces.recv_bytes():
            done = state.counter("feed_messages")
            ns = kernels_book.through_queue(engine, np.frombuffer(piece, np.uint8), sender.address,
                                            receiver.address, clock.address, done + 1)[1]
            passed.append((state.counter("feed_messages") - done, ns))
            full.look(kernels_book.occupancy(engine))
        engine.publish()
        counts = {"messages": state.counter("feed_messages"),
                  "live_orders": state.counter("live_orders")} | engine.counts_by_type()
        check(counts, pieces.recv(), {lost: state.counter(lost) for lost in LOST})
    return passed, counts, full


def day(settings: Settings) -> list[Row]:
    messages, live_orders = settings.messages * MESSAGES_SHARE, int(settings.messages * LIVE_SHARE)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(
        target=_generate, args=(theirs, messages, settings.symbols, live_orders))
    child.start()
    theirs.close()  # so that a generator that ends is the end of the pieces
    pin_to_core(last_core())
    try:
        passed, counts, full = _apply(ours, _config(live_orders), Clock())
    except EOFError:
        child.join()
        raise SystemExit(f"the generator ended with status {child.exitcode}") from None
    finally:
        ours.close()
        child.join()
    whole = sum(ns for _, ns in passed) / counts["messages"]
    middle = statistics.median(ns / count for count, ns in passed)
    return [
        Row("day: tickpath, all", "ns/message", whole),
        Row("day: tickpath, the middle piece", "ns/message", middle, LEVEL),
        Row("day: messages", "", counts["messages"], better=""),
        Row("day: peak memory of the books' process", "MB", peak_mb(), MEMORY),
        *full.rows(),
    ]
