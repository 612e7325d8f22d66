"""The layout of the appliance's shared segment, and views of it for every other process.

One writer a part: the engine writes counters, histograms, top of book and heartbeat, a thread
beside its loop the statistics of its devices; any process may set the kill word; only an operator's
``appliance arm`` clears it. Readers need no lock: every word is read whole, and the top of book and
the statistics have sequence locks.

    header | counters | histograms | top of book | devices | checkpoints | journal ring

``python -m appliance.generate`` turns the tables below and the metric registry into
``csrc/state.h``, so the loop and Python cannot disagree.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from appliance.telemetry.registry import COUNTER_INDEX, METRICS, ROLES, TIMER_INDEX, TIMERS, Timer
from dpdk_bindings.env import STATISTICS_DTYPE, Histogram, Segment, read_statistics
from dpdk_bindings.env.histogram import SIZE_BYTES as HIST_BYTES
from dpdk_bindings.env.ring import HEADER_BYTES as RING_HEADER_BYTES

MAGIC = 0x3130_4554_4154_5354  # "TSTATE01"
VERSION = 2

# Name, C type, array length (0: scalar), numpy type. Widest first; the order is the layout.
HEADER: list[tuple[str, str, int, str]] = [
    ("magic", "uint64_t", 0, "<u8"),
    ("total_bytes", "uint64_t", 0, "<u8"),
    ("start_ns", "uint64_t", 0, "<u8"),
    ("heartbeat_ns", "uint64_t", 0, "<u8"),  # written by the loop at every publication
    ("counters_offset", "uint64_t", 0, "<u8"),
    ("histograms_offset", "uint64_t", 0, "<u8"),
    ("tops_offset", "uint64_t", 0, "<u8"),
    ("devices_offset", "uint64_t", 0, "<u8"),
    ("checkpoints_offset", "uint64_t", 0, "<u8"),
    ("journal_offset", "uint64_t", 0, "<u8"),
    ("checkpoint_count", "uint64_t", 0, "<u8"),
    ("version", "uint32_t", 0, "<u4"),
    ("engine_pid", "uint32_t", 0, "<u4"),
    ("counters_count", "uint32_t", 0, "<u4"),
    ("histograms_count", "uint32_t", 0, "<u4"),
    ("tops_count", "uint32_t", 0, "<u4"),  # indexed by stock locate
    ("checkpoints_max", "uint32_t", 0, "<u4"),
    ("kill", "uint32_t", 0, "<u4"),  # enum Kill; set by anybody, cleared by an operator
    ("stop", "uint32_t", 0, "<u4"),  # a signal's number, or 1: leave the loop
    ("journal_done", "uint32_t", 0, "<u4"),  # the writer has everything on file
    ("journal_error", "uint32_t", 0, "<u4"),  # the writer's errno: halt trading
    ("loop_done", "uint32_t", 0, "<u4"),  # the engine has left its loop
    ("unanswered", "uint32_t", 0, "<u4"),  # at the end: orders that nobody answered
    ("kill_reason", "char", 128, "S128"),
    ("name", "char", 64, "S64"),
    ("queue_feed_a", "char", 64, "S64"),  # backend and mode really obtained (R5)
    ("queue_feed_b", "char", 64, "S64"),
    ("queue_orders", "char", 64, "S64"),
    ("strategy", "char", 64, "S64"),
]

# A symbol's best prices behind a sequence lock: odd while being written.
TOP: list[tuple[str, str, int, str]] = [
    ("bid_shares", "uint64_t", 0, "<u8"),
    ("ask_shares", "uint64_t", 0, "<u8"),
    ("time_ns", "uint64_t", 0, "<u8"),
    ("sequence", "uint32_t", 0, "<u4"),
    ("bid_price", "uint32_t", 0, "<u4"),
    ("ask_price", "uint32_t", 0, "<u4"),
    ("bid_orders", "uint32_t", 0, "<u4"),
    ("ask_orders", "uint32_t", 0, "<u4"),
    ("changes", "uint32_t", 0, "<u4"),
    ("stock", "char", 8, "S8"),
    ("state", "uint64_t", 0, "<u8"),
]

CHECKPOINT: list[tuple[str, str, int, str]] = [
    ("sequence", "uint64_t", 0, "<u8"),
    ("orders_digest", "uint64_t", 0, "<u8"),
    ("levels_digest", "uint64_t", 0, "<u8"),
    ("live_orders", "uint64_t", 0, "<u8"),
]


def clipped(text: str, size: int = 64) -> bytes:
    """UTF-8 for a field of so many bytes, its last one 0: whole characters only."""
    return text.encode()[: size - 1].decode(errors="ignore").encode()


# Claims on an engine's segment beside its own: they keep its name, and tell who is there.
CONTROL_CLAIM = 1
JOURNAL_CLAIM = 2

# What the counter feed_state says.
FEED_STATES = ("waiting", "live", "stale", "ended")


class Kill(enum.IntEnum):
    """Why trading is halted: the values of the kill word."""

    ARMED = 0
    OPERATOR = 1
    JOURNAL_FULL = 2
    JOURNAL_ERROR = 3
    CHANNEL_LOST = 4
    TX_STUCK = 5
    STRATEGY = 6
    UNKNOWN_EXECUTION = 7
    FEED_GONE = 8  # every feed line's interface has vanished: the books are STALE, too
    ORDERS_GONE = 9  # the order session's has


def dtype(fields: list[tuple[str, str, int, str]]) -> np.dtype[Any]:
    """The numpy type of one of the tables above, packed as C packs it."""
    return np.dtype([(name, kind) for name, _, _, kind in fields])


HEADER_DTYPE = dtype(HEADER)
TOP_DTYPE = dtype(TOP)
CHECKPOINT_DTYPE = dtype(CHECKPOINT)

_PAGE = 4096
COUNTERS = len(METRICS)
PARTS = ("counters", "histograms", "tops", "devices", "checkpoints", "journal")


@dataclass(frozen=True)
class Layout:
    """Where each part of a segment lies, in bytes from its start."""

    tops_count: int
    checkpoints_max: int
    journal_bytes: int

    def offsets(self) -> dict[str, int]:
        sizes = [
            ("header", HEADER_DTYPE.itemsize),
            ("counters", COUNTERS * 8),
            ("histograms", len(TIMERS) * HIST_BYTES),
            ("tops", self.tops_count * TOP_DTYPE.itemsize),
            ("devices", len(ROLES) * STATISTICS_DTYPE.itemsize),
            ("checkpoints", self.checkpoints_max * CHECKPOINT_DTYPE.itemsize),
            ("journal", RING_HEADER_BYTES + self.journal_bytes),
        ]
        at, offsets = 0, {}
        for name, size in sizes:
            offsets[name] = at
            at += -(-size // _PAGE) * _PAGE
        offsets["total"] = at
        return offsets


def _is_ours(buffer: memoryview) -> bool:
    """Is this a whole segment of this version, with everything where we look for it?

    Another build may have other counters under the same version; and what the header says becomes
    addresses, so nothing in it is believed that does not follow from the rest.
    """
    if len(buffer) < HEADER_DTYPE.itemsize:
        return False
    header = np.frombuffer(buffer, HEADER_DTYPE, 1)[0]
    if int(header["magic"]) != MAGIC or int(header["version"]) != VERSION:
        return False
    layout = Layout(int(header["tops_count"]), int(header["checkpoints_max"]), 0)
    offsets = layout.offsets()
    return (
        int(header["counters_count"]) == COUNTERS
        and int(header["histograms_count"]) == len(TIMERS)
        and all(int(header[f"{part}_offset"]) == offsets[part] for part in PARTS)
        and offsets["total"] <= int(header["total_bytes"]) <= len(buffer)
    )


class State:
    """A mapped segment: the engine's (created) or anybody's view of it."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        buffer = segment.buffer()
        if not _is_ours(buffer):
            name = segment.name
            del buffer
            segment.close()
            raise ValueError(
                f"segment '{name}' is not the state of this version of the appliance; "
                f"stop what made it and remove /dev/shm/tickpath.{name}"
            )
        self.header: Any = np.frombuffer(buffer, HEADER_DTYPE, 1)[0]
        self.counters: npt.NDArray[np.uint64] = np.frombuffer(
            buffer, "<u8", COUNTERS, int(self.header["counters_offset"])
        )
        self.tops = np.frombuffer(
            buffer, TOP_DTYPE, int(self.header["tops_count"]), int(self.header["tops_offset"])
        )
        self._devices = np.frombuffer(
            buffer, STATISTICS_DTYPE, len(ROLES), int(self.header["devices_offset"])
        )
        self._checkpoints = np.frombuffer(
            buffer,
            CHECKPOINT_DTYPE,
            int(self.header["checkpoints_max"]),
            int(self.header["checkpoints_offset"]),
        )

    @classmethod
    def create(cls, name: str, layout: Layout) -> State:
        """Makes and claims the segment; PioError when another engine holds it."""
        offsets = layout.offsets()
        segment = Segment.create(name, offsets["total"])
        header = np.frombuffer(segment.buffer(), HEADER_DTYPE, 1)[0]
        header["total_bytes"] = offsets["total"]
        for part in PARTS:
            header[f"{part}_offset"] = offsets[part]
        header["counters_count"] = COUNTERS
        header["histograms_count"] = len(TIMERS)
        header["tops_count"] = layout.tops_count
        header["checkpoints_max"] = layout.checkpoints_max
        header["version"] = VERSION
        header["name"] = name.encode()
        header["magic"] = MAGIC
        return cls(segment)

    @classmethod
    def view(cls, name: str) -> State:
        """Read-only, for status and exporter."""
        return cls(Segment.view(name))

    @classmethod
    def attach(cls, name: str) -> State:
        """For those who set a word: kill, arm, stop, the journal writer."""
        return cls(Segment.attach(name))

    @property
    def address(self) -> int:
        return self.segment.address

    def counter(self, name: str) -> int:
        return int(self.counters[COUNTER_INDEX[name]])

    def counter_map(self) -> dict[str, int]:
        return {metric.name: int(self.counters[i]) for i, metric in enumerate(METRICS)}

    def histogram(self, name: str) -> Histogram:
        """A live view; copy with ``counts()``."""
        at = int(self.header["histograms_offset"]) + TIMER_INDEX[name] * HIST_BYTES
        return Histogram(self.segment.address + at)

    def timers(self) -> list[Timer]:
        """Those to be shown: a station's only when it was ever recorded."""
        return [timer for timer in TIMERS
                if not timer.station or self.histogram(timer.name).total_count]

    def checkpoints(self) -> npt.NDArray[Any]:
        return self._checkpoints[: int(self.header["checkpoint_count"])].copy()

    def top(self, locate: int) -> dict[str, int]:
        """A consistent copy of one symbol's best prices (sequence lock)."""
        for _ in range(1000):
            before = int(self.tops[locate]["sequence"])
            row = self.tops[locate].copy()
            if not before & 1 and int(self.tops[locate]["sequence"]) == before:
                return {
                    name: int(row[name])
                    for name in TOP_DTYPE.names or ()
                    if name not in ("stock", "sequence")
                }
        raise TimeoutError(f"top of book {locate} was being written at every look")

    def word_address(self, field: str) -> int:
        """Address of one header field, for the loop and the stop word."""
        fields = HEADER_DTYPE.fields
        assert fields is not None
        return self.segment.address + int(fields[field][1])

    def device_address(self, role: str) -> int:
        """Address of a role's ``struct tp_statistics``."""
        at = ROLES.index(role) * STATISTICS_DTYPE.itemsize
        return self.segment.address + int(self.header["devices_offset"]) + at

    def device_statistics(self, role: str) -> dict[str, int]:
        """What the device behind a role's queue counts, by its own names; empty: nothing."""
        return read_statistics(self._devices[ROLES.index(role)])

    def kill(self, reason: Kill, text: str) -> None:
        """Sets the kill word; the first reason stays until armed."""
        if not int(self.header["kill"]):
            self.header["kill_reason"] = text.encode("utf-8", "replace")[:127]
            self.header["kill"] = int(reason)

    def arm(self) -> None:
        """Clears the kill word: an operator's act."""
        self.header["kill_reason"] = b""
        self.header["kill"] = 0

    def close(self) -> None:
        """Drops every view first: the mapping goes away with the segment."""
        del self.header, self.counters, self.tops, self._devices, self._checkpoints
        self.segment.close()


def c_struct(name: str, fields: list[tuple[str, str, int, str]]) -> str:
    """One table as a C struct with its size asserted."""
    lines = [f"struct {name} {{"]
    for field, c_type, length, _ in fields:
        lines.append(f"    {c_type} {field}{f'[{length}]' if length else ''};")
    size = dtype(fields).itemsize
    lines += ["};", f'_Static_assert(sizeof(struct {name}) == {size}, "as state.py says");', ""]
    return "\n".join(lines)


assert struct.calcsize("Q") == 8 and TOP_DTYPE.itemsize == 64 and CHECKPOINT_DTYPE.itemsize == 32
