"""The SPSC record ring (csrc/tp_ring.h) from Python, over any writable memory."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from dpdk_bindings._core import ffi, lib

HEADER_BYTES = 128  # struct tp_ring; asserted in the header
LENGTH_BYTES = 8  # before each record


class Ring:
    """One side of a ring that lies at ``address``: a producer or a consumer, not both at once.

    ``capacity_bytes`` (a power of two) initialises it; leave it out to join an existing ring.
    The caller keeps the memory alive.
    """

    def __init__(self, address: int, capacity_bytes: int | None = None) -> None:
        self._ring = ffi.cast("struct tp_ring *", address)
        if capacity_bytes is not None:
            if capacity_bytes < 64 or capacity_bytes & (capacity_bytes - 1):
                raise ValueError(f"a ring's capacity is a power of two, not {capacity_bytes}")
            lib.tp_ring_init(self._ring, capacity_bytes)
        self._reader = ffi.new("struct tp_ring_reader *", lib.tp_ring_read(self._ring))

    @cached_property
    def _writer(self) -> Any:
        """The producer's side. Made when it is used: it looks for the last committed record."""
        return ffi.new("struct tp_ring_writer *", lib.tp_ring_write(self._ring))

    @property
    def capacity_bytes(self) -> int:
        return int(self._ring.capacity_bytes)

    @property
    def free_bytes(self) -> int:
        return int(lib.tp_ring_bytes_free(self._writer))

    def claim(self, size_bytes: int) -> memoryview | None:
        """Room for one record, to be written in place before :meth:`commit`; None when full."""
        room: Any = lib.tp_ring_claim(self._writer, size_bytes)
        return None if room == ffi.NULL else memoryview(ffi.buffer(room, size_bytes))

    def commit(self) -> None:
        """Publishes every claim so far."""
        lib.tp_ring_commit(self._writer)

    def put(self, record: bytes) -> bool:
        """Claims, writes and commits one record; False when the ring is full."""
        room = self.claim(len(record))
        if room is None:
            return False
        room[:] = record
        self.commit()
        return True

    def take(self) -> bytes | None:
        """The oldest record, copied, or None."""
        size = ffi.new("uint32_t *")
        record = lib.tp_ring_peek(self._reader, size)
        if record == ffi.NULL:
            return None
        data = bytes(ffi.buffer(record, size[0]))
        lib.tp_ring_consume(self._reader, size[0])
        lib.tp_ring_release(self._reader)
        return data

    def take_many(self, bytes_max: int) -> list[bytes]:
        """Records up to about ``bytes_max`` of the ring in one go, released together."""
        size, records, total = ffi.new("uint32_t *"), [], 0
        while total < bytes_max:  # length words count too, so that empty records end it as well
            record = lib.tp_ring_peek(self._reader, size)
            if record == ffi.NULL:
                break
            records.append(bytes(ffi.buffer(record, size[0])))
            total += size[0] + LENGTH_BYTES
            lib.tp_ring_consume(self._reader, size[0])
        lib.tp_ring_release(self._reader)
        return records
