"""Cython's view of csrc/itch_sort.h and of what it takes from csrc/rows.h."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "itch_sort.h" nogil:
    enum:
        ITCH_KINDS
        ITCH_BATCH_MAX
        ITCH_WALK_END
        ITCH_WALK_FULL
        ITCH_WALK_MARK
        ITCH_WALK_TRUNCATED
        ITCH_WALK_LENGTH

    ctypedef struct itch_batch:
        uint32_t counts[ITCH_KINDS]
        uint32_t messages
        uint32_t places[ITCH_KINDS][ITCH_BATCH_MAX]

    const uint8_t[256] itch_kinds
    const uint8_t[ITCH_KINDS] itch_row_bytes

    void itch_batch_begin(itch_batch* batch)
    int itch_batch_walk(itch_batch* batch, const uint8_t* data, uint64_t size, uint64_t* offset,
                        bint empty)
    void itch_batch_rows(const itch_batch* batch, const uint8_t* base, uint64_t sequence,
                         uint8_t** rows)
