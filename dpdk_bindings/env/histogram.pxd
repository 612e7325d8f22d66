# csrc/tp_hist.h for Cython.
from libc.stdint cimport uint64_t

cdef extern from "tp_hist.h" nogil:
    cdef struct tp_hist:
        uint64_t total_count
        uint64_t saturated_count
        uint64_t value_max
        uint64_t value_sum
    void tp_hist_record(tp_hist *hist, uint64_t value) noexcept
