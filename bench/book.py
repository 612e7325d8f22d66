"""Full books of all symbols and their best prices, from a day file: the appliance's own replay.

Cold is the first pass of a fresh process, warm the second, over new books.
"""

from __future__ import annotations

import gc
import mmap
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.config import from_text
from appliance.files import file_engine, replay
from bench.rows import Row
from bench.settings import Absent, Settings, last_core
from bench.workload import day_file
from dpdk_bindings.env import pin_to_core

LEVEL = "<= 40"
CHUNK_BYTES = 8 << 20  # itch-book's own


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _pass(path: Path) -> dict[str, Any]:
    with file_engine(from_text("", "defaults")) as (engine, state):
        return replay(path, engine, state).report()


def _counts(figures: dict[str, Any]) -> dict[str, int]:
    names = ("messages", "live_orders", "crossed_books", "missing_references")
    return {name: figures[name] for name in names} | {"bbo_operations": figures["bbo_changes"]}


def ours(settings: Settings) -> list[Row]:
    path = day_file(settings)
    pin_to_core(last_core())
    cold = _pass(path)
    memory = peak_mb()
    gc.collect()  # the first pass's tables, before the second's
    warm = _pass(path)
    return [
        Row("book: tickpath, cold", "ns/message", cold["ns_per_message"], LEVEL,
            counts=_counts(cold)),
        Row("book: tickpath, warm", "ns/message", warm["ns_per_message"], LEVEL,
            counts=_counts(warm)),
        Row("book: tickpath, peak memory", "MB", memory, "<= 600"),
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
