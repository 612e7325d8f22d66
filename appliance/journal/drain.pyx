"""Ring records to file bytes, without Python in between.

The writer's inner loop: every record that the engine has committed is copied behind its 4-byte
length into one buffer, which then goes to the file in one write. The ring's room is given back only
after that (:meth:`Drain.written`): until then a record exists in the ring.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from dpdk_bindings.env.ring cimport (
    tp_ring, tp_ring_consume, tp_ring_peek, tp_ring_read, tp_ring_release,
)

cdef extern from "journal.h" nogil:
    cdef struct journal_record:
        uint32_t length

cdef enum:
    LENGTH_BYTES = 4            # before each record of a file; record.py LENGTH


cdef uint64_t drain_fill(DrainState *drain) noexcept nogil:
    cdef uint64_t taken = 0
    cdef uint32_t size = 0
    cdef const journal_record *record
    cdef uint8_t *to
    while True:
        record = <const journal_record *>tp_ring_peek(&drain.reader, &size)
        if record == NULL:
            break
        if size < sizeof(journal_record) or size - sizeof(journal_record) != record.length \
                or <uint64_t>size + LENGTH_BYTES > drain.buffer_bytes:
            drain.damaged = 1
            break
        if drain.buffer_bytes - drain.filled_bytes < <uint64_t>size + LENGTH_BYTES:
            break
        to = drain.buffer + drain.filled_bytes
        memcpy(to, &size, LENGTH_BYTES)
        memcpy(to + LENGTH_BYTES, record, size)
        drain.filled_bytes += LENGTH_BYTES + size
        tp_ring_consume(&drain.reader, size)
        taken += 1
    drain.records += taken
    return taken


cdef class Drain:
    """The consumer's side of the journal ring at ``ring_address``, and one buffer of file bytes.

    ``buffer_bytes`` bounds a batch and the largest record; the caller keeps the ring's memory.
    """

    cdef DrainState drain

    def __cinit__(self, ring_address: int, buffer_bytes: int):
        cdef uintptr_t address = ring_address
        memset(&self.drain, 0, sizeof(DrainState))
        self.drain.buffer_bytes = buffer_bytes
        self.drain.buffer = <uint8_t *>malloc(buffer_bytes)
        if self.drain.buffer == NULL:
            raise MemoryError(f"no memory for a buffer of {buffer_bytes} bytes")
        self.drain.reader = tp_ring_read(<tp_ring *>address)

    def __dealloc__(self):
        free(self.drain.buffer)

    def fill(self) -> int:
        """Copies what the ring has and the buffer holds; bytes now in the buffer.

        Raises ValueError when a record's length lies: whoever wrote the ring is not the engine.
        """
        with nogil:
            drain_fill(&self.drain)
        if self.drain.damaged:
            raise ValueError("the journal ring holds a record whose length cannot be right")
        return self.drain.filled_bytes

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.drain.buffer, self.drain.filled_bytes, 1, flags)

    def written(self) -> None:
        """The buffer's records are on file: empties it and gives the ring's room back."""
        self.drain.filled_bytes = 0
        tp_ring_release(&self.drain.reader)

    @property
    def records(self) -> int:
        """Records taken so far."""
        return self.drain.records
