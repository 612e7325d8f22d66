# The engine: everything between a received frame and an encoded order, as one pure step.
#
# step(bursts, kill, now) has no clock, no queue, no file and no Python in it (R2): what it does
# follows from its arguments and its own state. The tile feeds it live, the replayer from a
# recording, a test from a list; orders come out in the channel's ring.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from dpdk_bindings.env.histogram cimport tp_hist
from dpdk_bindings.pio cimport pio_frame
from appliance.core.book cimport Book
from appliance.core.channel cimport Channel
from appliance.core.feed cimport Feed
from appliance.core.oms cimport Oms
from appliance.core.risk cimport Risk
from appliance.core.stations cimport stations
from appliance.core.state cimport state_checkpoint, state_header, state_top
from appliance.core.strategy cimport Strategy, strategy_fn

cdef enum:                      # what a queue carries, and the order of ROLES in the registry
    ROLE_FEED_A = 0
    ROLE_FEED_B = 1
    ROLE_ORDERS = 2
    ROLE_COUNT = 3
    BURST_MAX = 64              # PIO_BURST_MAX

cdef enum:
    SYMBOLS_TRADED_MAX = 1024   # symbols named in the config; none named: all are traded
    INTENT_ROUNDS_MAX = 4       # a strategy may answer its own order events this often in a row
    SWEEP_PLACES_PER_STEP = 1024    # order places looked at per step while a kill cancels
    MESSAGES_MAX = 32768        # a UDP payload has 65,507 bytes at most, a block two at least

cdef struct Burst:
    uint32_t role
    uint32_t count
    pio_frame frames[BURST_MAX]

cdef struct Address:            # where a role's datagrams must be addressed to; 0: any
    uint32_t address
    uint32_t port

cdef struct EngineState:
    Book book
    Feed feed
    Oms oms
    Risk risk
    Channel channel
    strategy_fn callback
    void *strategy_state
    uint64_t *counters
    tp_hist *timers
    state_header *header
    state_top *tops
    state_checkpoint *checkpoints
    uint64_t checkpoint_every   # feed messages; 0: none
    uint64_t trigger_ns         # the `now` of the feed frame being applied; 0 outside
    uint64_t now
    uint32_t kill               # as sampled for this step
    uint32_t halt               # why the engine itself halts trading (KILL_*), 0: it does not
    uint32_t sweep_at           # kill: next order place to look at
    uint8_t sweeping
    uint8_t cancel_on_kill
    uint8_t verify_checksums
    uint8_t traded_all
    uint32_t traded_count
    uint64_t traded_names[SYMBOLS_TRADED_MAX]   # 8 characters each
    uint8_t *traded             # by stock locate
    Address addresses[ROLE_COUNT]
    uint64_t type_counts[256]   # ITCH messages delivered, by type letter
    stations stations           # where a tick's time goes
    uint16_t offsets[MESSAGES_MAX]      # of the messages of the datagram being applied

# Applies the bursts of one loop. True when something changed without any frame (a timer ran out),
# so that a recorder knows that this step matters.
cdef bint step(EngineState *engine, const Burst *bursts, uint32_t burst_count, uint32_t kill,
               uint64_t now) noexcept nogil

# Brings the gauges of the segment up to date.
cdef void engine_publish(EngineState *engine) noexcept nogil

cdef class Engine:
    cdef EngineState *engine
    cdef readonly object state      # appliance.state.State
    cdef readonly Strategy strategy
    cdef readonly object settings
