"""A feed that an AF_XDP queue hears while it opens: busy polling takes that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from afxdp_ends import GROUP, STATION, STEER
from scapy.all import IP, UDP, Ether

from dpdk_bindings.queue import Queue

BUSY = f"afxdp:right,mode=copy,{STEER},busy_poll_us=20"
# Nothing about it is wrong: the kernel must take it for its own socket.
HEARD = bytes(
    Ether(dst="01:00:5e:36:0c:6f", src="02:00:00:00:00:01")
    / IP(src="10.0.0.1", dst=GROUP)
    / UDP(sport=9000, dport=26477)
    / b"heartbeat"
)


def to_station(port: int, mac: str) -> bytes:
    """A datagram to the right end's own address."""
    frame = Ether(dst=mac, src="02:00:00:00:00:01") / IP(src="10.0.0.1", dst=STATION)
    return bytes(frame / UDP(sport=9000, dport=port) / b"answer")


KERNEL = tuple(int(part) for part in os.uname().release.split(".")[:2])
listens = pytest.mark.skipif(
    KERNEL < (6, 13), reason="this kernel tells the socket: there is nothing to wait for"
)


@contextmanager
def feed(sender: Queue, frame: bytes = HEARD) -> Iterator[None]:
    """The frame every few milliseconds, from another thread."""
    ended = Event()

    def send() -> None:
        while not ended.wait(0.005):
            sender.send([frame])

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def received_within(queue: Queue, seconds: float) -> int:
    """Frames; every look is followed by the queue's service."""
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        count += len(queue.receive(64))
    return count
