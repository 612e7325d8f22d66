"""The ring from many producers to one consumer (csrc/tp_mpsc.h) from Python, over any memory."""

from __future__ import annotations

from dpdk_bindings._core import ffi, lib

HEADER_BYTES = 384 + 64 * 64  # struct tp_mpsc; asserted in the header
SLOT_BYTES = 64
RECORD_BYTES = int(lib.TP_MPSC_RECORD_BYTES)
GONE = int(lib.TP_MPSC_GONE)


class Mpsc:
    """The ring at ``address``: the consumer's side, or, given a number of its own, a producer's.

    ``slots`` (a power of two) initialises it; leave it out to join an existing ring. The caller
    keeps the memory alive.
    """

    def __init__(self, address: int, slots: int | None = None, *, producer: int = 0) -> None:
        self._ring = ffi.cast("struct tp_mpsc *", address)
        if slots is not None:
            if slots < 2 or slots & (slots - 1):
                raise ValueError(f"a ring's slots are a power of two, not {slots}")
            lib.tp_mpsc_init(self._ring, slots)
        if not 0 <= producer < lib.TP_MPSC_PRODUCERS_MAX:
            raise ValueError(f"a producer's number is below {lib.TP_MPSC_PRODUCERS_MAX}, "
                             f"not {producer}")
        self._writer = ffi.new("struct tp_mpsc_writer *", lib.tp_mpsc_write(self._ring, producer))
        self._reader = ffi.new("struct tp_mpsc_reader *", lib.tp_mpsc_read(self._ring))

    @property
    def slots(self) -> int:
        return int(self._ring.slots)

    def claim(self, count_max: int = 1) -> list[memoryview]:
        """Room for up to ``count_max`` records, to be written in place before :meth:`commit`.

        Fewer, or none, when the ring is full. Raises ValueError while a claim is not committed.
        """
        if self._writer.count:
            raise ValueError("the claim before is not committed; a producer has one at a time")
        if not 1 <= count_max <= lib.TP_MPSC_BATCH_MAX:
            raise ValueError(f"a claim is of 1 to {lib.TP_MPSC_BATCH_MAX} records, "
                             f"not {count_max}")
        count = lib.tp_mpsc_claim(self._writer, count_max)
        rooms = (lib.tp_mpsc_record(self._writer, i) for i in range(count))
        return [memoryview(ffi.buffer(room, RECORD_BYTES)) for room in rooms]

    def commit(self) -> None:
        """Publishes the claimed records."""
        lib.tp_mpsc_commit(self._writer)

    def put(self, record: bytes) -> bool:
        """Claims, writes and commits one record of at most 56 bytes; False when the ring is full.
        """
        if len(record) > RECORD_BYTES:
            raise ValueError(f"a record has at most {RECORD_BYTES} bytes, not {len(record)}")
        rooms = self.claim()
        for room in rooms:
            room[: len(record)] = record
        self.commit()
        return bool(rooms)

    def take(self) -> bytes | None:
        """The oldest record, copied, or None: there is none, or :attr:`holder` still writes it."""
        record = lib.tp_mpsc_peek(self._reader)
        if record == ffi.NULL:
            return None
        data = bytes(ffi.buffer(record, RECORD_BYTES))
        lib.tp_mpsc_consume(self._reader)
        lib.tp_mpsc_release(self._reader)
        return data

    @property
    def holder(self) -> int | None:
        """A producer that may have claimed the oldest slot and not committed it; None: nobody.

        :data:`GONE` when that producer was abandoned already.
        """
        holder = lib.tp_mpsc_holder(self._reader)
        return None if holder == lib.TP_MPSC_NOBODY else int(holder)

    def abandon(self) -> int:
        """Passes by what :attr:`holder`, who must be dead, held; how many slots.

        0 when another producer may hold them, too: it is the holder now.
        """
        holder = self.holder
        if holder is None:
            raise ValueError("nobody holds the oldest slot; there is nothing to abandon")
        passed = lib.tp_mpsc_abandon(self._reader, holder)
        lib.tp_mpsc_release(self._reader)
        return int(passed)
