"""The shared segments under /dev/shm, read as files: nothing is mapped, locked or claimed.

So a check can look at any engine, living or dead, of this version or another, and disturbs none.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

import numpy as np

from appliance.host.host import Host
from appliance.state import HEADER_DTYPE, MAGIC, VERSION, Kill
from appliance.telemetry.registry import METRICS

PREFIX = "/dev/shm/tickpath."


@dataclass(frozen=True)
class EngineState:
    """One engine's segment: the words that others may look at, and its counters."""

    path: str
    name: str
    version: int
    pid: int
    alive: bool
    heartbeat_ns: int  # of the wall clock, as start_ns
    kill: str  # "" armed, else why not
    journal_errno: int
    queues: dict[str, str]
    counters: dict[str, int]


def segment_names(host: Host) -> list[str]:
    """Every segment, whatever is in it."""
    return [name for name in host.glob(f"{PREFIX}*") if os.path.isfile(host.path(name))]


def engine_states(host: Host) -> list[EngineState]:
    """The segments of engines; one that cannot be read or is not ready is left out."""
    found = (_engine_state(host, name) for name in segment_names(host))
    return [each for each in found if each is not None]


def world_writable(host: Host, name: str) -> bool:
    """Whether anybody may write to it."""
    return bool(os.stat(host.path(name)).st_mode & stat.S_IWOTH)


def _engine_state(host: Host, path: str) -> EngineState | None:
    try:
        with open(host.path(path), "rb") as file:
            data = file.read(HEADER_DTYPE.itemsize)
            if len(data) < HEADER_DTYPE.itemsize:
                return None
            header = np.frombuffer(data, HEADER_DTYPE, 1)[0]
            if int(header["magic"]) != MAGIC:
                return None
            file.seek(int(header["counters_offset"]) & 0xFFFF_FFFF)
            counters = np.frombuffer(file.read(len(METRICS) * 8).ljust(len(METRICS) * 8, b"\0"),
                                     "<u8")
    except OSError:
        return None
    same = int(header["version"]) == VERSION
    pid, word = int(header["engine_pid"]), int(header["kill"])
    known = Kill(word).name.lower() if word in set(Kill) else str(word)
    reason = _text(header["kill_reason"])
    return EngineState(
        path, path.removeprefix(PREFIX), int(header["version"]), pid,
        bool(pid) and not int(header["loop_done"]) and host.exists(f"/proc/{pid}"),
        int(header["heartbeat_ns"]) or int(header["start_ns"]),
        f"{known} ({reason})" if word and reason else known if word else "",
        int(header["journal_error"]),
        {role: _text(header[f"queue_{role}"]) for role in ("feed_a", "feed_b", "orders")},
        {metric.name: int(counters[i]) for i, metric in enumerate(METRICS)} if same else {},
    )


def _text(field: bytes) -> str:
    return bytes(field).partition(b"\0")[0].decode("utf-8", "replace")
