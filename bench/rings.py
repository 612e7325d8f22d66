"""The rings between two cores, beside what a cache line takes from one to the other.

Every thread is pinned: the receiver to the last core, whoever sends to the first, so that four
producers on a machine of two cores share one. A rate is the median over stretches of records (about
a millisecond each), which leaves out what the machine takes from a core in between.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bench import kernels_rings as kernels
from bench.rows import Row, curve_of, percentiles
from bench.settings import Absent, Settings, first_core, last_core
from dpdk_bindings.env import Clock, Histogram, Mpsc, Ring, pin_to_core
from dpdk_bindings.env.mpsc import HEADER_BYTES as MPSC_HEADER_BYTES
from dpdk_bindings.env.mpsc import SLOT_BYTES
from dpdk_bindings.env.ring import HEADER_BYTES

TURNS = 300_000
RECORDS = 64_000_000
STRETCH = 100_000
BATCH = 32
RING_BYTES = 1 << 20  # half of a core's second cache
PRODUCERS = 4
MPSC_BATCH = 16  # records to a claim
MPSC_RECORDS = 16_000_000
MPSC_SLOTS = 1 << 12


class Memory:
    """Zeroed memory that begins on a page."""

    def __init__(self, size_bytes: int) -> None:
        self._bytes = np.zeros(size_bytes + 4096, np.uint8)
        self.address = (self._bytes.ctypes.data + 4095) & ~4095


class Beside:
    """Runs functions in threads pinned to the first core, while the block runs on the last."""

    def __init__(self, *work: Callable[[], object]) -> None:
        self._allowed = os.sched_getaffinity(0)
        self._cores = first_core(), last_core()
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in work]

    def _run(self, work: Callable[[], object]) -> None:
        pin_to_core(self._cores[0])
        work()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()
        pin_to_core(self._cores[1])

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        os.sched_setaffinity(0, self._allowed)  # what the next block's cores are told from


def _rate(ends: npt.NDArray[np.uint64]) -> float:
    """Million records a second, in the middle of the stretches."""
    return STRETCH / float(np.median(np.diff(ends))) * 1e3


def _lines(clock: Clock) -> list[Row]:
    memory, histogram = Memory(4096), Histogram()
    ours, theirs = memory.address, memory.address + 1024
    with Beside(lambda: kernels.lines_pong(theirs, ours, TURNS)):
        kernels.lines_ping(ours, theirs, TURNS, histogram.address, clock.address)
    rows = percentiles("cache line, one way", histogram.summary(), curve=curve_of(histogram))
    for row in rows:
        row.better = ""  # the machine's, not ours
    return rows


def _one_way(clock: Clock) -> list[Row]:
    out, back = Memory(HEADER_BYTES + RING_BYTES), Memory(HEADER_BYTES + RING_BYTES)
    for memory in (out, back):
        Ring(memory.address, RING_BYTES)
    histogram = Histogram()
    with Beside(lambda: kernels.ring_pong(out.address, back.address, TURNS)):
        wrong = kernels.ring_ping(out.address, back.address, TURNS, histogram.address,
                                  clock.address)
    if wrong:
        raise SystemExit(f"SPSC went wrong: {wrong} of {TURNS} records came back changed")
    return percentiles("SPSC, one way", histogram.summary(), {"p50": "<= 150"},
                       curve=curve_of(histogram))


def _batches(clock: Clock) -> Row:
    memory = Memory(HEADER_BYTES + RING_BYTES)
    Ring(memory.address, RING_BYTES)
    ends = np.zeros(RECORDS // STRETCH, np.uint64)
    with Beside(lambda: kernels.ring_send(memory.address, RECORDS, BATCH)):
        wrong = kernels.ring_receive(memory.address, STRETCH, ends, clock.address, BATCH)
    if wrong:
        raise SystemExit(f"SPSC went wrong: {wrong} of {RECORDS} records were not as sent")
    return Row("SPSC, 64-byte records in batches of 32", "M records/s", _rate(ends), ">= 100",
               better="higher")


def _many(clock: Clock, batch: int) -> Row:
    memory = Memory(MPSC_HEADER_BYTES + MPSC_SLOTS * SLOT_BYTES)
    Mpsc(memory.address, MPSC_SLOTS)
    ends, counts = np.zeros(MPSC_RECORDS // STRETCH, np.uint64), np.zeros(PRODUCERS, np.uint64)

    def producer(number: int) -> Callable[[], object]:
        return lambda: kernels.mpsc_send(memory.address, number, MPSC_RECORDS // PRODUCERS,
                                         batch)

    with Beside(*map(producer, range(PRODUCERS))):
        wrong = kernels.mpsc_receive(memory.address, STRETCH, ends, clock.address, counts)
    if wrong or set(counts.tolist()) != {MPSC_RECORDS // PRODUCERS}:
        raise SystemExit(f"MPSC went wrong: {wrong} records, {counts.tolist()} from each producer")
    return Row(f"MPSC, 4 producers on a core, claims of {batch}", "M records/s", _rate(ends),
               ">= 20" if batch > 1 else "", better="higher")


def rings(_: Settings) -> list[Row]:
    if first_core() == last_core():
        raise Absent("both sides of a ring need a core; allow two, as in taskset -c 0,1")
    clock = Clock()
    lines, one_way = _lines(clock), _one_way(clock)
    ratio = Row("SPSC p50 / cache line p50", "", one_way[0].value / lines[0].value)
    return [*lines, *one_way, ratio, _batches(clock), _many(clock, MPSC_BATCH),
            _many(clock, 1)]
