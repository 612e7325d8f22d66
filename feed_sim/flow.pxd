# Seeded background orders. flow_step does one operation on a core; see flow.pyx for the model.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from feed_sim.exchange.matching cimport match_core

cdef enum:
    # The low bits of a tag that belong to the order's owner: 0 is the background.
    TAG_OWNER_MASK = 0x0FFFFFFF

ctypedef struct flow_symbol:
    int32_t fair                 # fair value, in 1/256 tick
    int32_t fair_min
    int32_t fair_max
    int32_t half_spread          # in 1/256 tick

ctypedef struct flow_t:
    uint64_t state               # of the generator of random numbers
    match_core *core
    flow_symbol *symbols         # [locate]
    uint32_t *alias_limit        # [rank]: below it, the rank itself is drawn
    uint16_t *alias_other        # [rank]: else this one
    uint16_t *locates            # [rank]: which symbol has that rank of activity
    uint32_t symbol_count
    uint32_t live_target         # resting orders that adds and deletes steer to
    uint32_t tick                # in 1/10000 dollar
    uint64_t refused             # operations that the core refused: its tables are full


cdef void flow_step(flow_t *flow) noexcept nogil
cdef void flow_step_single(flow_t *flow) noexcept nogil
cdef uint64_t flow_random(flow_t *flow) noexcept nogil
cdef uint64_t flow_exponential(flow_t *flow, uint64_t mean) noexcept nogil


cdef class Flow:
    cdef flow_t flow
    cdef object core             # the owner of flow.core, kept alive
