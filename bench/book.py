"""Full books of all symbols and their best prices, from a whole day.

Once as MoldUDP64 frames through a memory queue, burst by burst, as the loop takes them: the frames
are packed between the bursts, which is a sender's work and not timed. Once by ``appliance replay``,
whose figure has the packing in it. Cold is the first pass of a fresh process, warm the second,
over new books.
"""

from __future__ import annotations

import gc
import mmap
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.config import from_text
from appliance.files import Outcome, file_engine, replay
from bench import kernels_book
from bench.rows import Row
from bench.settings import Absent, Settings, last_core
from bench.workload import day_file
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core

LEVEL = "<= 40"
CHUNK_BYTES = 8 << 20  # itch-book's own
PIO_BURST_MAX = 64  # frames a burst, as pio.h has it


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _replay(path: Path) -> tuple[float, dict[str, int]]:
    """A pass of the replay; ns a message and the counts."""
    with file_engine(from_text("", "defaults")) as (engine, state):
        return _figures(replay(path, engine, state).report())


def _figures(report: dict[str, Any]) -> tuple[float, dict[str, int]]:
    names = ("messages", "live_orders", "crossed_books", "missing_references")
    counts = {name: report[name] for name in names} | {"bbo_operations": report["bbo_changes"]}
    return report["ns_per_message"], counts


def _through_queue(path: Path, clock: Clock) -> tuple[float, dict[str, int]]:
    """A pass through a memory queue; the same."""
    data, name = mapped(path), f"memory:bench-{os.getpid()},slots={PIO_BURST_MAX}"
    with (file_engine(from_text("", "defaults")) as (engine, state),
          open_queue(name) as sender, open_queue(name) as receiver):
        frames, ns, _ = kernels_book.through_queue(engine, data, sender.address, receiver.address,
                                                   clock.address)
        engine.publish()
        return _figures(Outcome(engine, state, frames, ns / 1e9, None).report())


def ours(settings: Settings) -> list[Row]:
    path, clock = day_file(settings), Clock()
    pin_to_core(last_core())
    rows = []
    for temperature in ("cold", "warm"):
        value, counts = _through_queue(path, clock)
        rows.append(Row(f"book: tickpath, {temperature}", "ns/message", value, LEVEL,
                        counts=counts))
        gc.collect()  # this pass's tables, before the next one's
    memory = peak_mb()
    value, counts = _replay(path)
    return [
        *rows, Row("book: tickpath, appliance replay", "ns/message", value, counts=counts),
        Row("book: tickpath, peak memory with the file", "MB", memory, "<= 600"),
    ]


def mapped(path: Path) -> npt.NDArray[np.uint8]:
    """A day file's bytes, every page of them there."""
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data = np.frombuffer(content, np.uint8)
    int(data[:: mmap.PAGESIZE].sum())
    return data


def _itch_book_pass(data: npt.NDArray[np.uint8]) -> Row:
    from itch_book import _core

    session = _core.Session(tables=[], depth=0, symbols=[])
    started = time.perf_counter_ns()
    for start in range(0, len(data), CHUNK_BYTES):
        session.feed(data[start : start + CHUNK_BYTES])
    ns = time.perf_counter_ns() - started
    stats = session.stats()
    counts = {name: stats[name] for name in ("messages", "live_orders", "crossed_books")}
    counts["missing_references"] = stats["missing_ref"]
    return Row("", "ns/message", ns / max(1, stats["messages"]), better="", counts=counts)


def itch_book(settings: Settings) -> list[Row]:
    """itch-book's books without its table of best prices."""
    try:
        import itch_book  # noqa: F401
    except ImportError:
        raise Absent("itch-book is not installed: pip install '.[bench]'") from None
    data = mapped(day_file(settings))
    pin_to_core(last_core())
    rows = [_itch_book_pass(data), _itch_book_pass(data)]
    for row, name in zip(rows, ("cold", "warm"), strict=True):
        row.name = f"book: itch-book, {name}, no BBO"
    return [*rows, Row("book: itch-book, peak memory with the file", "MB", peak_mb(), better="")]
