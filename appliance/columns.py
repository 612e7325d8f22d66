"""The changes of the best prices of a whole day file, as one table.

The messages themselves as columns are itch_ouch.columns; this adds the books.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.config import TablesSection
from appliance.core.bbo import BboReading
from appliance.state import COUNTERS
from appliance.telemetry.registry import COUNTER_INDEX
from itch_ouch.columns import PROBLEMS, day_bytes, require_pyarrow

# A row for each message after which its symbol's best bid or ask, price or size, is another.
# `sequence` is the message's number in the file, from 1; `timestamp` ns since midnight; prices in
# 1/10000 dollar, 0 with 0 shares where a side is empty; `changed` 1 the bid, 2 the ask, 3 both.
BBO = np.dtype([
    ("sequence", "u8"), ("timestamp", "u8"), ("stock_locate", "u2"), ("changed", "u1"),
    ("bid_price", "u4"), ("ask_price", "u4"), ("bid_shares", "u8"), ("ask_shares", "u8"),
])  # fmt: skip

_MARK_BYTES = 2
# About a message in four changes a best price; a table that was too short grows by as much again.
_BYTES_PER_ROW = 100
_ROWS_MIN = 4096
# The faults with which the rows are not the file's any more: a table was too small, this one.
FULL = {"book_orders_full": "orders", "book_levels_full": "levels"}


@dataclass(frozen=True, slots=True)
class BestPrices:
    """What a file's books did at the best: rows of BBO.

    ``problem`` is None, or one sentence on why reading ended before the file's end, at
    ``end_offset`` of the uncompressed file. ``faults`` counts by name what the books could not do:
    a reference that is not there, a table that is full; it is empty when all is well. With one of
    FULL among them orders were left out, and the rows are not to be trusted.
    """

    rows: npt.NDArray[Any]
    message_count: int
    end_offset: int
    problem: str | None
    faults: dict[str, int]


def read_bbo(path: Path | str, tables: TablesSection | None = None) -> BestPrices:
    """Reads a day file, plain or gzip; OSError when it cannot be opened.

    ``tables`` are the books' capacities, by default those of a configuration without any.
    """
    with day_bytes(Path(path)) as (content, whole):
        return decode_bbo(content, tables, whole=whole)


def decode_bbo(
    content: bytes | bytearray | mmap.mmap, tables: TablesSection | None = None,
    *, whole: bool = True,
) -> BestPrices:
    """The same from a day file's bytes; ``whole`` is false when more should have followed them."""
    tables = tables or TablesSection()
    counters = np.zeros(COUNTERS, np.uint64)
    reading = BboReading(tables.orders, tables.levels, counters)
    rows = np.empty(max(_ROWS_MIN, len(content) // _BYTES_PER_ROW), BBO)
    count, why = 0, "full"
    while why == "full":
        written, why = reading.read(content, rows, count)
        count += written
        if why == "full":
            rows.resize(len(rows) * 3 // 2, refcheck=False)
    rows.resize(count, refcheck=False)
    end = reading.offset
    if why == "mark":
        end += _MARK_BYTES
        why = "end" if end == len(content) else "trailing"
    if not whole and why in ("end", "truncated"):
        why = "gzip"
    problem = f"{PROBLEMS[why]}, at offset {end}" if why in PROBLEMS else None
    faults = {name: int(counters[index]) for name, index in COUNTER_INDEX.items()
              if name.startswith("book_") and counters[index]}
    return BestPrices(rows, reading.messages, end, problem, faults)


def write_bbo(rows: npt.NDArray[Any], path: Path) -> None:
    """Writes rows as .npy or .parquet, by the name; ImportError names the remedy."""
    if path.suffix == ".npy":
        with path.open("wb") as stream:
            np.save(stream, rows)
        return
    pyarrow = require_pyarrow()
    arrays = {name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()}
    pyarrow.parquet.write_table(pyarrow.table(arrays), path)
