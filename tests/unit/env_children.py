"""What test_env_*.py runs in processes of their own; a spawned child imports it by name."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from dpdk_bindings.env import Mpsc, Ring, Segment, StopWord


def hold_segment(name: str, ready: Any) -> None:
    """Owns a segment until it is killed."""
    segment = Segment.create(name, 4096)
    segment.buffer()[:4] = b"mine"
    ready.put(os.getpid())
    signal.pause()


def produce(name: str, offset: int, count: int) -> None:
    """Streams ``count`` numbered records of varying size through the ring at ``offset``."""
    with Segment.attach(name) as segment:
        ring = Ring(segment.address + offset)
        for index in range(count):
            record = index.to_bytes(8, "little") + bytes(index % 24)
            while not ring.put(record):
                time.sleep(0)


def claim_and_wait(name: str, producer: int, ready: Any) -> None:
    """Claims two slots of the ring at the segment's start, and never commits them."""
    with Segment.attach(name) as segment:
        ready.put(len(Mpsc(segment.address, producer=producer).claim(2)))
        signal.pause()


def poll_until_stopped(ready: Any, result: Any) -> None:
    """A loop that looks at nothing but its word, as the engine's does."""
    with StopWord() as word:
        ready.put(os.getpid())
        deadline = time.monotonic() + 30
        while not word.value and time.monotonic() < deadline:
            pass
        result.put(word.value)
