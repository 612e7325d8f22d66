"""What test_journal_writer.py runs in a process of its own; a spawned child imports it by name."""

from __future__ import annotations

import signal
from typing import Any

from appliance.journal.record import Kind, pack
from appliance.state import Layout, State
from dpdk_bindings.env import Ring


def make_engine_state(name: str, ring_bytes: int) -> State:
    """A segment as an engine makes it, its journal ring ready."""
    state = State.create(name, Layout(16, 16, ring_bytes))
    Ring(state.address + int(state.header["journal_offset"]), ring_bytes)
    state.header["start_ns"] = 1
    return state


def die_with_records(name: str, count: int, ready: Any) -> None:
    """An engine that commits ``count`` records and then waits to be killed."""
    state = make_engine_state(name, 1 << 16)
    ring = Ring(state.address + int(state.header["journal_offset"]))
    for number in range(count):
        assert ring.put(pack(Kind.FRAME, b"frame", number=number))
    ready.put("committed")
    signal.pause()
