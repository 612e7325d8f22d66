# csrc/tp_ring.h for Cython.
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "tp_ring.h" nogil:
    cdef struct tp_ring:
        uint64_t capacity_bytes
    cdef struct tp_ring_writer:
        tp_ring *ring
    cdef struct tp_ring_reader:
        tp_ring *ring
    void tp_ring_init(tp_ring *ring, uint64_t capacity_bytes) noexcept
    tp_ring_writer tp_ring_write(tp_ring *ring) noexcept
    tp_ring_reader tp_ring_read(tp_ring *ring) noexcept
    void *tp_ring_claim(tp_ring_writer *writer, uint32_t size_bytes) noexcept
    void tp_ring_commit(tp_ring_writer *writer) noexcept
    uint64_t tp_ring_bytes_free(tp_ring_writer *writer) noexcept
    void tp_ring_prefetch(const tp_ring_writer *writer) noexcept
    int tp_ring_has_room(tp_ring_writer *writer, uint64_t size_bytes) noexcept
    const void *tp_ring_peek(tp_ring_reader *reader, uint32_t *size_bytes) noexcept
    void tp_ring_consume(tp_ring_reader *reader, uint32_t size_bytes) noexcept
    void tp_ring_release(tp_ring_reader *reader) noexcept
