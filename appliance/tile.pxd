# The tile: one core, one loop. Owned by the thread that runs it; see tile.pyx.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from dpdk_bindings.env.clock cimport tp_clock
from dpdk_bindings.env.ring cimport tp_ring_writer
from dpdk_bindings.pio cimport pio_queue
from itch_ouch.net cimport net_template
from appliance.core.engine cimport ROLE_COUNT, Burst, Engine, EngineState

cdef struct TileState:
    EngineState *engine
    tp_clock clock
    pio_queue *queues[ROLE_COUNT]
    Burst bursts[ROLE_COUNT]    # bursts[i] is of queues[i]
    uint32_t queue_count
    uint32_t turn               # the queue that the next turn looks at first
    uint32_t received           # the queue that this turn's burst is from
    uint32_t orders_index       # which of them carries orders
    uint32_t kill               # the kill word as sampled for this loop
    uint32_t journal_kill       # ... and as last recorded
    uint32_t gone               # KILL_FEED_GONE or KILL_ORDERS_GONE: for good
    uint8_t journal_on
    uint8_t journal_frames      # record what comes in, not only what goes out
    uint8_t journal_paused      # no room in the ring: trading is halted
    uint64_t journal_orders     # number of the next order to record
    uint64_t loops
    uint64_t end_ns             # leave the loop at this time; 0: when told
    net_template headers
    tp_ring_writer journal

# One turn of the loop; true when it is time to leave.
cdef bint turn(TileState *t) noexcept nogil

cdef class Tile:
    cdef TileState *tile
    cdef readonly Engine engine
    cdef object keep
