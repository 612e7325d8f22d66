"""Decode: MoldUDP64 frames in memory to every field of every message; a whole file to tables.

Cold is the first pass of a process, warm the second. The tables' time is from the path to the
arrays, with the file in the page cache and memory that the process has not had before.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.columns import read_bbo
from bench import kernels_decode
from bench.book import mapped
from bench.rows import Row
from bench.settings import Absent, Settings, last_core
from bench.workload import day_file
from dpdk_bindings.env import pin_to_core
from itch_ouch import columns

DATE = "2019-12-30"  # any: a generated day has none, and itch-book wants one
ITCHFEED_MESSAGES = 100_000


def frames_of(path: Path) -> npt.NDArray[np.uint8]:
    """The day as full datagrams in memory."""
    day = mapped(path)
    out = np.empty(len(day) * 3 // 2 + (1 << 16), np.uint8)
    return out[: kernels_decode.frames_of(day, out)]


def _timed(act: Callable[[], Any]) -> tuple[Any, int]:
    started = time.perf_counter_ns()
    made = act()
    return made, time.perf_counter_ns() - started


def frames(settings: Settings) -> list[Row]:
    """The bare walk, and the full decode inside the same walk, on the same frames."""
    content = frames_of(day_file(settings))
    pin_to_core(last_core())
    rows = []
    for name in ("cold", "warm"):
        (messages, total), ns = _timed(lambda: kernels_decode.decode(content))
        rows.append(Row(f"decode: every field, from frames, {name}", "ns/message", ns / messages,
                        "<= 6.5", counts={"messages": messages, "field_sum": total}))
    messages, ns = _timed(lambda: kernels_decode.walk(content))
    rows.append(Row("decode: the walk alone, warm", "ns/message", ns / messages, better="",
                    counts={"messages": messages}))
    return rows


def _twice(name: str, target: str, make: Callable[[], tuple[dict[str, int], Any]]) -> list[Row]:
    """A whole file to tables, cold and warm; what was made lives until it was counted."""
    rows = []
    for temper in ("cold", "warm"):
        (counts, kept), ns = _timed(make)
        rows.append(Row(f"{name}, {temper}", "ns/message", ns / max(1, counts["messages"]), target,
                        better="lower" if target else "", counts=counts))
        del kept
        gc.collect()
    return rows


def tables(settings: Settings) -> list[Row]:
    """itch_ouch.columns: a table a type."""
    path = day_file(settings)
    pin_to_core(last_core())

    def make() -> tuple[dict[str, int], Any]:
        made = columns.read_columns(path)
        return {"messages": made.message_count}, made

    return _twice("columns: tickpath, a table a type", "<= 15", make)


def bbo(settings: Settings) -> list[Row]:
    """appliance.columns: a row a change of the best prices."""
    path = day_file(settings)
    pin_to_core(last_core())

    def make() -> tuple[dict[str, int], Any]:
        made = read_bbo(path)
        missing = made.faults.get("book_missing_reference", 0)
        return {"messages": made.message_count, "bbo_rows": len(made.rows),
                "missing_references": missing}, made

    return _twice("columns: tickpath, best prices", "<= 60", make)


def _itch_book(settings: Settings, table: str, name: str) -> list[Row]:
    try:
        import datetime

        import itch_book
    except ImportError:
        raise Absent("itch-book is not installed: pip install '.[bench]'") from None
    path = str(day_file(settings))  # read by a thread of its own: it is not pinned

    def make() -> tuple[dict[str, int], Any]:
        feed = itch_book.open(path, date=datetime.date.fromisoformat(DATE), price_type="fixed")
        batches = [getattr(batch, table) for batch in feed.batches(tables=(table,))]
        stats = feed.stats
        counts = {"messages": stats["messages"], "live_orders": stats["live_orders"],
                  "crossed_books": stats["crossed_books"]}
        if table == "bbo":
            counts["bbo_rows"] = sum(len(batch["seq"]) for batch in batches)
        return counts, batches

    return _twice(f"columns: itch-book, {name}", "", make)


def itch_book_bbo(settings: Settings) -> list[Row]:
    return _itch_book(settings, "bbo", "best prices")


def itch_book_messages(settings: Settings) -> list[Row]:
    return _itch_book(settings, "messages", "one table of order messages")


def itchfeed(settings: Settings) -> list[Row]:
    """Objects, of the day's first messages: as many as take a fraction of a second."""
    try:
        from itch.parser import MessageParser
    except ImportError:
        raise Absent("itchfeed is not installed: pip install '.[bench]'") from None
    day = mapped(day_file(settings))
    end = 0
    for _ in range(min(ITCHFEED_MESSAGES, settings.messages)):
        end += 2 + (int(day[end]) << 8 | int(day[end + 1]))
    head = day[:end].tobytes()
    pin_to_core(last_core())
    messages, ns = _timed(lambda: sum(1 for _ in MessageParser().parse_stream(head)))
    return [Row("decode: itchfeed, objects, the day's beginning", "ns/message",
                ns / max(1, messages), better="")]
