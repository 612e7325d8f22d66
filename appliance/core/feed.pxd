# One MoldUDP64 session over lines A and B, arbitrated message by message.
#
# Whatever line brings the next sequence number first delivers it. A message from beyond the next
# number opens a gap: it is copied into the reorder buffer, one slot a sequence number, and comes
# out when the gap closes. A gap that stays open longer than gap_wait_ns is given up: its messages
# are counted lost, the feed is STALE from then on, and the books with it.
#
# Invariant: `expected` only grows within a session; every message is delivered at most once, in
# sequence. A datagram that is refused changes nothing here.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from itch_ouch.mold cimport mold_packet

cdef enum:
    FEED_LINES = 2
    FEED_SLOT_DATA_BYTES = 52   # ITCH's longest message is 50; a slot is one cache line
    FEED_JOIN_START = 0         # expect sequence 1; a later first number is a gap
    FEED_JOIN_NOW = 1           # take the first number seen (a day half over; books not LIVE)

cdef enum:
    FEED_WAITING = 0            # nothing heard yet
    FEED_LIVE = 1
    FEED_STALE = 2
    FEED_ENDED = 3              # end of session, everything delivered

cdef struct FeedSlot:           # 64 bytes
    uint64_t sequence           # below `expected`: empty
    uint32_t length
    uint8_t data[FEED_SLOT_DATA_BYTES]

cdef struct Feed:
    uint64_t expected           # next sequence number to deliver
    uint64_t highest            # one past the highest number heard of
    uint64_t end                # one past the session's last message; 0: not known
    uint64_t gap_since_ns       # when the open gap was first seen; 0: none
    uint64_t gap_wait_ns
    uint64_t buffered_past      # one past the highest number in the reorder buffer
    uint64_t slot_mask
    FeedSlot *slots
    uint64_t *counters
    uint8_t session[10]
    uint8_t session_known
    uint8_t state               # FEED_*
    uint8_t join                # FEED_JOIN_*

cdef int feed_open(Feed *feed, uint32_t reorder_messages_max, uint64_t gap_wait_ns, uint8_t join,
                   uint64_t *counters, bint populate) noexcept
cdef void feed_close(Feed *feed) noexcept
cdef enum:
    # The furthest that a datagram may be ahead: four days of the fullest feed, 270 million each.
    FEED_JUMP_MAX = 1 << 30
    FEED_NOTHING = -1           # feed_accept: no message of this packet is to be delivered
# How many messages of this packet to skip before the first to deliver, or FEED_NOTHING.
# Sets *rolled when a new session began: empty the books before delivering.
cdef int feed_accept(Feed *feed, uint32_t line, const mold_packet *packet, uint64_t now,
                     bint *rolled) noexcept nogil
# The next message that waited behind a gap, or NULL. Valid until the next feed_accept.
cdef const FeedSlot *feed_next_buffered(Feed *feed) noexcept nogil
# No line will bring anything any more: what is known grows old.
cdef void feed_forsake(Feed *feed) noexcept nogil
# Gives up a gap that is older than gap_wait_ns; true when it did.
cdef bint feed_expire(Feed *feed, uint64_t now) noexcept nogil

cdef inline bint feed_live(const Feed *feed) noexcept nogil:
    """Are the books current? Not while a gap is open, nor after one was given up."""
    return feed.state == FEED_LIVE and feed.gap_since_ns == 0
