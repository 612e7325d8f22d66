# The order channel: OUCH over MoldUDP64, both ways (docs/ouch-over-moldudp64.md).
#
# Outgoing messages are numbered as they are made and kept in a ring, so that what the peer lost can
# be sent again; `tx_wire` says how far the wire has been given them. Incoming messages are taken
# strictly in sequence; a gap is requested until it closes.
#
# Invariant: 1 <= tx_wire <= tx_next; a message keeps its number for ever; rx_expected only grows
# within the peer's session.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from itch_ouch.mold cimport mold_packet

cdef enum:
    CHANNEL_KEPT = 65536                # messages kept for the peer, as the profile asks
    CHANNEL_MESSAGE_BYTES_MAX = 82      # Enter Order with six options; fills an entry to 96 bytes
    CHANNEL_HEARTBEAT_NS = 1000000000   # idle this long: heartbeat (MoldUDP64 1.00)
    CHANNEL_REQUEST_NS = 1000000        # a request is repeated this often ...
    CHANNEL_REQUESTS_MAX = 1000         # ... and this many times, then the session is lost
    CHANNEL_REQUEST_COUNT_MAX = 65534
    CHANNEL_PAYLOAD_BYTES_MAX = 1472    # of a datagram, as the profile asks: an MTU of 1,500

cdef enum:                              # ChannelPlan.kind: what the next datagram is
    PLAN_NOTHING = 0
    PLAN_RESEND = 1
    PLAN_NEW = 2
    PLAN_REQUEST = 3
    PLAN_HEARTBEAT = 4
    PLAN_END = 5

cdef struct ChannelEntry:               # 96 bytes
    uint64_t trigger_ns                 # the loop's `now` that caused it; 0: not the feed
    uint32_t user_ref
    uint16_t length
    uint8_t message[CHANNEL_MESSAGE_BYTES_MAX]

cdef struct ChannelPlan:
    uint32_t kind
    uint32_t count
    uint64_t first

cdef struct Channel:
    ChannelEntry *kept
    uint64_t tx_next                    # number of the next message made
    uint64_t tx_wire                    # number of the next message to be sent first
    uint64_t resend_next                # what the peer asked for again: [resend_next, resend_past)
    uint64_t resend_past
    uint64_t rx_expected
    uint64_t rx_highest                 # one past the highest number heard of
    uint64_t last_tx_ns
    uint64_t last_rx_ns
    uint64_t request_due_ns
    uint32_t request_count              # tries for the open gap
    uint8_t rx_known
    uint8_t lost                        # the peer's messages cannot be had any more
    uint8_t ending                      # end of session: say so once, then nothing
    uint8_t tx_session[10]
    uint8_t rx_session[10]
    uint64_t *counters

cdef enum:
    CHANNEL_NOTHING = -1

cdef int channel_open(Channel *channel, const uint8_t *tx_session, uint64_t *counters,
                      bint populate) noexcept
cdef void channel_close(Channel *channel) noexcept
# An entry to encode the next message into, or NULL when the wire is too far behind.
cdef ChannelEntry *channel_claim(Channel *channel) noexcept nogil
cdef void channel_commit(Channel *channel) noexcept nogil
# Takes a datagram: how many messages of `packet` to skip, or CHANNEL_NOTHING. *drop is the
# MOLD_DROP_* of a malformed one.
cdef int channel_accept(Channel *channel, const uint8_t *payload, uint32_t length,
                        mold_packet *packet, uint64_t now, int *drop) noexcept nogil
# What is to be sent now (or that the session is lost, when the last request went unanswered); then
# its bytes; then, once the queue took it, the note that it is sent.
cdef void channel_plan(Channel *channel, uint64_t now, ChannelPlan *plan) noexcept nogil
cdef uint32_t channel_build(const Channel *channel, ChannelPlan *plan, uint8_t *payload,
                            uint32_t capacity) noexcept nogil
cdef void channel_sent(Channel *channel, const ChannelPlan *plan, uint64_t now) noexcept nogil

cdef inline ChannelEntry *channel_entry(const Channel *channel, uint64_t sequence) noexcept nogil:
    return &channel.kept[sequence & (CHANNEL_KEPT - 1)]
