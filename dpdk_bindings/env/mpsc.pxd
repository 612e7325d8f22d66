# csrc/tp_mpsc.h for Cython.
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "tp_mpsc.h" nogil:
    enum:
        TP_MPSC_RECORD_BYTES
        TP_MPSC_NOBODY
        TP_MPSC_GONE
    cdef struct tp_mpsc:
        uint64_t slots
    cdef struct tp_mpsc_writer:
        tp_mpsc *ring
    cdef struct tp_mpsc_reader:
        tp_mpsc *ring
    void tp_mpsc_init(tp_mpsc *ring, uint64_t slots) noexcept
    tp_mpsc_writer tp_mpsc_write(tp_mpsc *ring, uint32_t producer) noexcept
    tp_mpsc_reader tp_mpsc_read(tp_mpsc *ring) noexcept
    uint32_t tp_mpsc_claim(tp_mpsc_writer *writer, uint32_t count_max) noexcept
    void *tp_mpsc_record(const tp_mpsc_writer *writer, uint32_t index) noexcept
    void tp_mpsc_commit(tp_mpsc_writer *writer) noexcept
    const void *tp_mpsc_peek(const tp_mpsc_reader *reader) noexcept
    void tp_mpsc_consume(tp_mpsc_reader *reader) noexcept
    void tp_mpsc_release(tp_mpsc_reader *reader) noexcept
    uint32_t tp_mpsc_holder(const tp_mpsc_reader *reader) noexcept
    uint32_t tp_mpsc_abandon(tp_mpsc_reader *reader, uint32_t producer) noexcept
