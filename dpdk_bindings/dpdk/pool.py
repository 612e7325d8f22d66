"""Memory pools of one's own: frames that no port's queues wait for."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from dpdk_bindings._dpdk import ffi, lib
from dpdk_bindings.dpdk.burst import Burst, lent
from dpdk_bindings.dpdk.eal import running
from dpdk_bindings.dpdk.failures import refuse, refuse_in_child
from dpdk_bindings.errors import PioError, check


@dataclass(frozen=True)
class PoolCounts:
    """Frames of a pool; those that a core keeps in its cache are available."""

    count: int  # all there are
    available: int
    in_use: int
    frame_bytes: int  # room in each


def counted(counts: Any) -> PoolCounts:
    """A ``struct dpdk_pool_counts``."""
    return PoolCounts(
        int(counts.count), int(counts.available), int(counts.in_use), int(counts.frame_bytes)
    )


class Mempool:
    """A pool of frames to write in place and transmit on any port. A context manager.

    ``count`` is the least number of frames in it (a core's cache comes on top), ``frame_bytes`` the
    room in each, ``numa_node`` where its memory is (-1: anywhere). Raises PioError when there is
    none left. Closed, it lives on unseen until its last frame is back.
    """

    def __init__(self, count: int = 1024, frame_bytes: int = 2048, numa_node: int = -1) -> None:
        if not 1 <= count <= 1 << 24 or not 64 <= frame_bytes <= 16384:
            raise ValueError("a pool has 1 to 16,777,216 frames of 64 to 16,384 bytes")
        refuse_in_child("make a pool")
        if not running():
            raise PioError(errno.EAGAIN, "DPDK has not been started in this process",
                           "call dpdk_bindings.dpdk.start() first")
        out, error = ffi.new("struct dpdk_lender **"), ffi.new("struct pio_error *")
        check(lib.dpdk_lender_open(count, frame_bytes, numa_node, out, error), error)
        self._lender = ffi.gc(out[0], lib.dpdk_lender_free)

    def __enter__(self) -> Mempool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def counts(self) -> PoolCounts:
        """How many frames it has, and where they are. ValueError once closed."""
        counts = ffi.new("struct dpdk_pool_counts *")
        number = lib.dpdk_lender_counts(self._lender, counts)
        if number:
            refuse(number, "count a pool", "count in its own process")
        return counted(counts)

    @property
    def available(self) -> int:
        """Frames it could lend."""
        return self.counts().available

    @property
    def in_use(self) -> int:
        """Frames that are out: in bursts, in views, on their way through a device."""
        return self.counts().in_use

    def allocate(self, count: int, length: int) -> Burst:
        """Up to ``count`` frames (1,024 at most) of ``length`` undefined bytes each.

        Fewer, or none, when the pool runs low. ValueError when a frame has no such room.
        """
        if count < 0 or length < 0:
            raise ValueError("neither a count nor a length is negative")
        out = ffi.new("struct dpdk_burst **")
        number = lib.dpdk_lender_lend(self._lender, min(count, 1 << 16), min(length, 1 << 16), out)
        return lent(number, out, length, "this pool")

    def close(self) -> None:
        """Gives the memory back as soon as its last frame is. Harmless when already closed."""
        lib.dpdk_lender_close(self._lender)
