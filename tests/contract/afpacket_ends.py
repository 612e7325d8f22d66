"""Both ends of a wire made of queues over the kernel, and frames to send over it."""

from __future__ import annotations

import fcntl
import random
import struct
import time
from collections.abc import Callable

from private_network import PrivateNetwork

from dpdk_bindings.queue import Queue

RING_SMALL = {2: "rx_slots=64,tx_slots=64", 3: "blocks=2,block_kib=64,tx_slots=64"}
# A kernel timer of 1 ms at 250 Hz fires within 8 ms; the rest is for a busy machine.
ARRIVAL_S = 1.0
QUIET_S = 0.05
EXPERIMENTAL = b"\x88\xb5"  # the ethertype for local experiments
# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NAPI, IFF_NO_PI = 0x1, 0x2, 0x10, 0x1000


class Ends:
    """A queue on each end of the wire."""

    def __init__(self, network: PrivateNetwork, options: str, backend: str = "afpacket") -> None:
        self.left = network.open_queue(f"{backend}:left,{options}")
        self.right = network.open_queue(f"{backend}:right,{options}")
        wait_for(lambda: self.left.link == self.right.link == "up")

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *_: object) -> None:
        self.left.close()
        self.right.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def tap_make(network: PrivateNetwork, fd: int, name: str, flags: int) -> None:
    """An interface whose wire is ``fd``; it goes when that is closed."""
    network.call(fcntl.ioctl, fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    network.set(name, state="up")


def numbered(number: int, length: int = 60) -> bytes:
    return (b"\xff" * 12 + EXPERIMENTAL + struct.pack(">I", number)).ljust(length, b"\0")


def receive_all(queue: Queue, quiet_s: float = QUIET_S) -> list[bytes]:
    frames: list[bytes] = []
    while more := queue.receive(256, timeout_s=quiet_s):
        frames += more
    return frames


def random_frame(rng: random.Random) -> bytes:
    """Any length, any bytes; one in three carries a tag, one in nine two of them."""
    tags = b""
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 2))):
        tags += rng.choice((b"\x81\x00", b"\x88\xa8")) + rng.randbytes(2)
    # Only an 802.1Q tag outermost may lengthen a frame beyond the MTU.
    room = 1500 + (4 if tags[:2] == b"\x81\x00" else 0) - len(tags)
    # The kernel itself drops a tagged frame of fewer than 20 bytes, which no wire carries.
    least = 2 if tags else 0
    payload = rng.randbytes(rng.choice((rng.randint(least, 60), rng.randint(least, room), room)))
    return rng.randbytes(12) + tags + EXPERIMENTAL + payload
