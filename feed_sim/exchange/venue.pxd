# A venue's state and the parts of its loop; venue.pyx says what they do.
from libc.stdint cimport uint32_t, uint64_t

from dpdk_bindings.env.clock cimport tp_clock
from dpdk_bindings.env.histogram cimport tp_hist
from feed_sim.exchange.checkpoint cimport checkpoints_t
from feed_sim.exchange.gateway cimport gateway_t
from feed_sim.exchange.matching cimport Matching
from feed_sim.exchange.publisher cimport SymbolTable, line_t, store_t
from feed_sim.flow cimport Flow

cdef enum:
    LINES_MAX = 2


cdef class Venue:
    cdef object config, clock, stop, queues, queue_modes, pacing, answering
    cdef Matching core
    cdef Flow flow
    cdef SymbolTable symbols
    cdef store_t *feed
    cdef line_t[LINES_MAX] lines
    cdef uint32_t line_count
    cdef gateway_t gateway
    cdef checkpoints_t checkpoints
    cdef const tp_clock *clock_c
    cdef tp_hist *pacing_hist
    cdef tp_hist *answer_hist
    cdef volatile uint32_t *stop_word
    cdef uint64_t start_ns, opened_ns, closed_ns, feed_epoch_ns
    cdef uint64_t gap_q8, due_q8, flow_messages

    cdef uint64_t _now(self) noexcept nogil
    cdef uint64_t _timestamp(self, uint64_t now_ns) noexcept nogil
    cdef void _background(self, uint64_t now_ns, uint64_t timestamp) noexcept nogil
    cdef uint64_t _turn(self, bint background) noexcept nogil
    cdef bint _behind(self) noexcept nogil
    cdef void _until(self, uint64_t end_ns, bint background) noexcept nogil
    cdef void _end(self) noexcept nogil
    cdef void _begin(self, uint64_t now_ns) noexcept nogil
    cdef void _run(self, uint64_t wait_ns, uint64_t run_ns, uint64_t quiet_ns) noexcept nogil
