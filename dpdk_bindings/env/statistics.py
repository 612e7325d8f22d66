"""Named numbers that one thread writes and any process may read (csrc/tp_statistics.h)."""

from __future__ import annotations

from typing import Any

import numpy as np

# As in the header, which asserts the size.
STATISTICS_MAX = 511
ROW_DTYPE = np.dtype([("name", "S64"), ("value", "<u8")])
STATISTICS_DTYPE = np.dtype([
    ("sequence", "<u8"), ("count", "<u4"), ("left_out", "<u4"), ("reserved", "<u8", 6),
    ("rows", ROW_DTYPE, STATISTICS_MAX),
])
TRIES_MAX = 1000

assert STATISTICS_DTYPE.itemsize == 64 + 72 * STATISTICS_MAX


def read_statistics(table: Any) -> dict[str, int]:
    """Name to value, all as of one moment; ``table`` is one item of STATISTICS_DTYPE.

    Empty when nothing was ever written, and when it was being written at every look.
    """
    for _ in range(TRIES_MAX):
        before = int(table["sequence"])
        rows = table["rows"][: min(int(table["count"]), STATISTICS_MAX)].copy()
        if not before & 1 and int(table["sequence"]) == before:
            return {bytes(row["name"]).decode("utf-8", "replace"): int(row["value"])
                    for row in rows}
    return {}
