# The order gateway: OUCH 5.0 over MoldUDP64 both ways (docs/ouch-over-moldudp64.md) for one client.
#
# The client's stream is taken in sequence or asked for again; every message in it is checked whole
# before it is applied. Answers go into a store of their own, which keeps the last OUT_RETAINED of
# them for the client's requests. gateway_settle is where the core's reports become feed messages
# and answers: one place for the orders of clients and of the background alike.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dpdk_bindings.pio cimport pio_queue
from feed_sim.exchange.checkpoint cimport checkpoints_t
from feed_sim.exchange.matching cimport match_core
from feed_sim.exchange.publisher cimport line_t, store_t, symbols_t

cdef enum:
    # The profile's numbers.
    OUT_RETAINED = 1 << 16
    REQUEST_INTERVAL_NS = 1000000
    REQUEST_TRIES_MAX = 1000
    # Orders that a client may have known at one time, the dead ones of late included. Power of two.
    GATEWAY_ORDERS_MAX = 1 << 18

# What the gateway counts, each by its name (COUNTERS in gateway.pyx, in this order).
cdef enum:
    GATEWAY_PACKETS
    GATEWAY_MESSAGES
    GATEWAY_ORDERS
    GATEWAY_ACCEPTED
    GATEWAY_REJECTED
    GATEWAY_REPLACED
    GATEWAY_EXECUTIONS
    GATEWAY_EXECUTED_SHARES
    GATEWAY_CANCELED
    GATEWAY_SUPERFLUOUS          # cancels and replaces of what is not live, which is no fault
    GATEWAY_QUERIES
    GATEWAY_REQUESTS_IN          # for messages of ours
    GATEWAY_REQUESTS_OUT         # for messages of the client's
    GATEWAY_SESSIONS
    # Dropped, and why.
    GATEWAY_DROP_FRAME           # no UDP datagram: see the codec's own names in the log
    GATEWAY_DROP_ADDRESS         # not for us
    GATEWAY_DROP_PACKET          # no MoldUDP64 packet
    GATEWAY_DROP_SESSION         # of another session, and not its beginning
    GATEWAY_DROP_DUPLICATE       # whole packet seen before
    GATEWAY_DROP_GAP             # beyond what is expected; asked for again
    GATEWAY_DROP_LOST            # of a session given up after REQUEST_TRIES_MAX requests
    GATEWAY_DROP_MALFORMED       # a message that OUCH does not allow
    GATEWAY_DROP_UNSUPPORTED     # OUCH, but not of this venue: modify, mass cancel, disable, enable
    GATEWAY_DROP_RESEND          # a UserRefNum used before
    GATEWAY_DROP_REQUEST         # a request for what is not retained, or of another session
    GATEWAY_SESSIONS_LOST
    GATEWAY_COUNTERS

ctypedef struct gateway_order:
    uint64_t reference
    uint32_t user_ref_num
    uint32_t quantity            # total, those executed included
    uint32_t executed
    uint32_t price
    uint16_t locate
    uint8_t live
    uint8_t side                 # as OUCH writes it: B S T E
    uint8_t time_in_force
    uint8_t display
    uint8_t capacity
    uint8_t sweep
    uint8_t market
    uint8_t post_only
    uint8_t[14] cl_ord_id
    uint8_t[16] reserved

ctypedef struct gateway_t:
    match_core *core
    store_t *feed
    const symbols_t *symbols
    checkpoints_t *checkpoints
    pio_queue *queue             # NULL: this venue takes no orders
    line_t out                   # our stream to the client
    store_t *answers
    uint64_t *symbol_keys        # open addressing: names as integers, 0 is free
    uint16_t *symbol_locates
    uint64_t symbol_mask
    gateway_order *orders        # [position & mask]
    uint64_t order_next          # positions used so far; UserRefNums rise with them
    uint32_t last_user_ref_num
    uint32_t address             # ours, in host order
    uint16_t port
    bint market_open
    bint joined                  # a client's stream is known
    bint lost
    uint8_t[16] session          # the client's; 10 bytes
    uint64_t expected            # the client's next sequence number
    uint64_t asked_until         # a gap's end; 0: none
    uint64_t asked_ns
    uint32_t asked_count
    uint64_t[GATEWAY_COUNTERS] counts


cdef uint32_t gateway_poll(gateway_t *gateway, uint64_t now_ns, uint64_t timestamp) noexcept nogil
cdef void gateway_flush(gateway_t *gateway, uint64_t now_ns) noexcept nogil
cdef void gateway_settle(gateway_t *gateway, uint64_t timestamp) noexcept nogil
cdef void gateway_event(gateway_t *gateway, uint8_t event_code, uint64_t timestamp) noexcept nogil
cdef void gateway_init(
    gateway_t *gateway, match_core *core, store_t *feed, const symbols_t *symbols,
    checkpoints_t *checkpoints, pio_queue *queue, bytes session, dict address
) except *
cdef void gateway_free(gateway_t *gateway) noexcept
