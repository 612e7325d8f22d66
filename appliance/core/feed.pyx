"""MoldUDP64 sequencing and A/B arbitration (see feed.pxd; MoldUDP64 1.00, receiver rules)."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from itch_ouch.mold cimport mold_next, mold_packet
from itch_ouch.wire cimport MOLD_SESSION_BYTES
from appliance.core.state cimport (
    C_FEED_BUFFERED, C_FEED_BUFFER_FULL, C_FEED_BUFFER_OVERSIZE, C_FEED_DUPLICATES_A,
    C_FEED_GAPS_A, C_FEED_GAPS_FILLED, C_FEED_LOST, C_FEED_MESSAGES, C_FEED_SESSIONS,
    C_FEED_WINS_A, C_MOLD_DROP_SEQUENCE, C_MOLD_DROP_SESSION,
)


cdef int feed_open(Feed *feed, uint32_t reorder_messages_max, uint64_t gap_wait_ns, uint8_t join,
                   uint64_t *counters, bint populate) noexcept:
    cdef uint64_t slots = 64
    while slots < reorder_messages_max:
        slots <<= 1
    memset(feed, 0, sizeof(Feed))
    feed.slot_mask = slots - 1
    feed.slots = <FeedSlot *>tp_memory_map(slots * sizeof(FeedSlot), populate)
    feed.gap_wait_ns = gap_wait_ns
    feed.join = join
    feed.counters = counters
    return 0 if feed.slots else -1


cdef void feed_close(Feed *feed) noexcept:
    tp_memory_unmap(feed.slots, (feed.slot_mask + 1) * sizeof(FeedSlot))
    feed.slots = NULL


cdef void _begin_session(Feed *feed, const mold_packet *packet) noexcept nogil:
    memcpy(feed.session, packet.session, MOLD_SESSION_BYTES)
    feed.session_known = 1
    feed.expected = 1
    feed.highest = 1
    feed.end = 0
    feed.gap_since_ns = 0
    feed.buffered_past = 0
    feed.state = FEED_LIVE
    memset(feed.slots, 0, (feed.slot_mask + 1) * sizeof(FeedSlot))
    feed.counters[C_FEED_SESSIONS] += 1
    if feed.join == FEED_JOIN_NOW and packet.sequence_number > 1:
        feed.expected = packet.sequence_number
        feed.highest = packet.sequence_number
        feed.state = FEED_STALE


cdef inline bint _same_session(const Feed *feed, const mold_packet *packet) noexcept nogil:
    """Is it the one that is known? Its name is ten bytes: no call for them."""
    cdef uint64_t ours, theirs
    cdef uint16_t our_end, their_end
    memcpy(&ours, feed.session, 8)
    memcpy(&theirs, packet.session, 8)
    memcpy(&our_end, feed.session + 8, 2)
    memcpy(&their_end, packet.session + 8, 2)
    return feed.session_known and ours == theirs and our_end == their_end


cdef bint _session_taken(Feed *feed, const mold_packet *packet, bint *rolled) noexcept nogil:
    """Is this packet of the current session? A new one begins only once the old has ended."""
    if feed.session_known:
        if _same_session(feed, packet):
            return True
        if feed.state != FEED_ENDED:
            feed.counters[C_MOLD_DROP_SESSION] += 1
            return False
        rolled[0] = True
    _begin_session(feed, packet)
    return True


cdef void _buffer(Feed *feed, const mold_packet *packet) noexcept nogil:
    """Copies every message that is ahead into its slot, unless the other line already did."""
    cdef mold_packet walk = packet[0]
    cdef uint64_t sequence = packet.sequence_number
    cdef const uint8_t *message = NULL
    cdef uint32_t length = 0
    cdef FeedSlot *slot
    while mold_next(&walk, &message, &length):
        slot = &feed.slots[sequence & feed.slot_mask]
        if sequence - feed.expected > feed.slot_mask:
            feed.counters[C_FEED_BUFFER_FULL] += 1
        elif length > FEED_SLOT_DATA_BYTES:
            feed.counters[C_FEED_BUFFER_OVERSIZE] += 1
        elif slot.sequence != sequence:
            slot.sequence = sequence
            slot.length = length
            memcpy(slot.data, message, length)
            feed.counters[C_FEED_BUFFERED] += 1
            if sequence >= feed.buffered_past:
                feed.buffered_past = sequence + 1
        sequence += 1


cdef inline void _hear_of(Feed *feed, uint32_t line, uint64_t next_sequence,
                          uint64_t now) noexcept nogil:
    """Notes that messages up to next_sequence exist; those not delivered are a gap."""
    if next_sequence > feed.highest:
        feed.highest = next_sequence
    if feed.highest > feed.expected and feed.gap_since_ns == 0:
        feed.gap_since_ns = now
        feed.counters[C_FEED_GAPS_A + line] += 1


cdef bint _too_far_ahead(const Feed *feed, const mold_packet *packet, uint64_t past) noexcept nogil:
    """No feed is so far ahead: believing it would make duplicates of all that follows.

    Asked before a session is begun, so that a refused datagram begins none.
    """
    cdef uint64_t expected = feed.expected
    if not _same_session(feed, packet):
        if feed.join == FEED_JOIN_NOW or feed.session_known and feed.state != FEED_ENDED:
            return False
        expected = 1
    return past > expected and past - expected > FEED_JUMP_MAX


cdef inline void _deliver(Feed *feed, uint32_t line, uint64_t count,
                          uint64_t past) noexcept nogil:
    feed.counters[C_FEED_WINS_A + line] += count
    feed.counters[C_FEED_MESSAGES] += count
    feed.expected = past
    if past > feed.highest:
        feed.highest = past


cdef int feed_accept(Feed *feed, uint32_t line, const mold_packet *packet, uint64_t now,
                     bint *rolled) noexcept nogil:
    cdef uint64_t first = packet.sequence_number
    cdef uint64_t past = first + packet.message_count
    cdef uint64_t old
    rolled[0] = False
    if first == feed.expected and packet.message_count and not feed.gap_since_ns \
            and not feed.end and past > first and _same_session(feed, packet):
        # What all but a few are: the next messages, and none missing.
        _deliver(feed, line, packet.message_count, past)
        return 0
    if _too_far_ahead(feed, packet, past):
        feed.counters[C_MOLD_DROP_SEQUENCE] += 1
        return FEED_NOTHING
    if not _session_taken(feed, packet, rolled):
        return FEED_NOTHING
    if packet.message_count == 0:
        # Heartbeat or end: the sequence field is the next number, so it can reveal a gap.
        if packet.end_of_session and not feed.end:
            feed.end = first
        _hear_of(feed, line, first, now)
        _settle(feed)
        return FEED_NOTHING
    if past <= feed.expected:
        feed.counters[C_FEED_DUPLICATES_A + line] += packet.message_count
        return FEED_NOTHING
    if first > feed.expected:
        _buffer(feed, packet)
        _hear_of(feed, line, past, now)
        return FEED_NOTHING
    old = feed.expected - first
    feed.counters[C_FEED_DUPLICATES_A + line] += old
    _deliver(feed, line, packet.message_count - old, past)
    if feed.gap_since_ns:
        # This hole is filled. Whatever is still missing lies behind it and gets its own wait.
        feed.gap_since_ns = now
    _settle(feed)
    return <int>old


cdef void _settle(Feed *feed) noexcept nogil:
    """Closes the gap when nothing heard of is missing, and the session when it is over."""
    if feed.expected >= feed.highest and feed.gap_since_ns:
        feed.gap_since_ns = 0
        feed.counters[C_FEED_GAPS_FILLED] += 1
    if feed.end and feed.expected >= feed.end:
        feed.state = FEED_ENDED


cdef const FeedSlot *feed_next_buffered(Feed *feed) noexcept nogil:
    cdef FeedSlot *slot
    if feed.expected >= feed.buffered_past:
        return NULL
    slot = &feed.slots[feed.expected & feed.slot_mask]
    if slot.sequence != feed.expected:
        return NULL
    feed.expected += 1
    feed.counters[C_FEED_MESSAGES] += 1
    _settle(feed)
    return slot


cdef uint64_t _next_present(const Feed *feed) noexcept nogil:
    """The lowest buffered number above `expected`, or `highest` when none is."""
    cdef uint64_t sequence = feed.expected
    cdef uint64_t stop = feed.highest
    if stop - sequence > feed.slot_mask:
        stop = sequence + feed.slot_mask + 1
    while sequence < stop:
        if feed.slots[sequence & feed.slot_mask].sequence == sequence:
            return sequence
        sequence += 1
    return feed.highest


cdef void feed_forsake(Feed *feed) noexcept nogil:
    if feed.state == FEED_LIVE:
        feed.state = FEED_STALE


cdef bint feed_expire(Feed *feed, uint64_t now) noexcept nogil:
    cdef uint64_t past
    if not feed.gap_since_ns or now - feed.gap_since_ns < feed.gap_wait_ns:
        return False
    past = _next_present(feed)
    feed.counters[C_FEED_LOST] += past - feed.expected
    feed.expected = past
    feed.state = FEED_STALE
    # What the buffer has next follows at once; a gap behind that gets its own wait.
    while past < feed.highest and feed.slots[past & feed.slot_mask].sequence == past:
        past += 1
    feed.gap_since_ns = now if past < feed.highest else 0
    _settle(feed)
    return True
