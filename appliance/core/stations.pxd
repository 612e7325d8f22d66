# csrc/stations.h for Cython.
from libc.stdint cimport uint32_t, uint64_t
from dpdk_bindings.env.clock cimport tp_clock
from dpdk_bindings.env.histogram cimport tp_hist

cdef extern from "stations.h" nogil:
    cdef struct stations:
        tp_hist *timers
        uint64_t last_ns
        tp_clock clock
    void station_begin(stations *s) noexcept
    void station_mark(stations *s, uint32_t timer) noexcept
