# Ring records to file bytes (see drain.pyx).
from libc.stdint cimport uint8_t, uint64_t
from dpdk_bindings.env.ring cimport tp_ring_reader

cdef struct DrainState:
    tp_ring_reader reader
    uint8_t *buffer
    uint64_t buffer_bytes
    uint64_t filled_bytes       # whole records, each behind its length
    uint64_t records            # ever taken
    uint64_t damaged            # 1: a record's own length lies, or no buffer could hold it

# Copies as many whole records as the buffer has room for; how many. Gives no room back yet.
cdef uint64_t drain_fill(DrainState *drain) noexcept nogil
