# csrc/tp_clock.h for Cython.
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "tp_clock.h" nogil:
    cdef struct tp_clock:
        uint64_t ticks_base
        uint64_t ns_base
        uint64_t ns_per_tick_q32
        uint32_t source
    uint64_t tp_clock_now(const tp_clock *clock) noexcept
    uint64_t tp_ticks() noexcept
