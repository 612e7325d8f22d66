"""The order channel (see channel.pxd; docs/ouch-over-moldudp64.md)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from itch_ouch.mold cimport (
    mold_append, mold_begin, mold_check, mold_finish, mold_is_request, mold_packet,
    mold_write_header, mold_writer,
)
from itch_ouch.wire cimport (
    MOLD_COUNT_END, MOLD_HEADER_BYTES, MOLD_SESSION_BYTES, be16, be64, mold_header_t,
)
from appliance.core.state cimport (
    C_CHANNEL_DROP_DUPLICATE, C_CHANNEL_DROP_GAP, C_CHANNEL_DROP_SESSION,
    C_CHANNEL_REQUESTS_SENT, C_CHANNEL_REQUESTS_SERVED, C_CHANNEL_RESENT,
    C_CHANNEL_RX_MESSAGES, C_CHANNEL_TX_MESSAGES, C_CHANNEL_UNSERVABLE,
)

assert sizeof(ChannelEntry) == 96


cdef extern from *:
    """
    /* Asks for the lines of the next entry: they were last used a whole ring ago. */
    #define entry_fetch(entry) \\
        (__builtin_prefetch((entry), 1), __builtin_prefetch((const char *)(entry) + 64, 1))
    """
    void entry_fetch(const ChannelEntry *entry) noexcept nogil


cdef int channel_open(Channel *channel, const uint8_t *tx_session, uint64_t *counters,
                      bint populate) noexcept:
    memset(channel, 0, sizeof(Channel))
    channel.kept = <ChannelEntry *>tp_memory_map(CHANNEL_KEPT * sizeof(ChannelEntry), populate)
    memcpy(channel.tx_session, tx_session, MOLD_SESSION_BYTES)
    channel.tx_next = 1
    channel.tx_wire = 1
    channel.rx_expected = 1
    channel.rx_highest = 1
    channel.counters = counters
    return 0 if channel.kept else -1


cdef void channel_close(Channel *channel) noexcept:
    tp_memory_unmap(channel.kept, CHANNEL_KEPT * sizeof(ChannelEntry))
    channel.kept = NULL


cdef ChannelEntry *channel_claim(Channel *channel) noexcept nogil:
    # Half the ring for what is not sent yet, so that the other half can still be asked for again.
    if channel.tx_next - channel.tx_wire >= CHANNEL_KEPT // 2:
        return NULL
    return channel_entry(channel, channel.tx_next)


cdef void channel_commit(Channel *channel) noexcept nogil:
    channel.tx_next += 1
    channel.counters[C_CHANNEL_TX_MESSAGES] += 1
    entry_fetch(channel_entry(channel, channel.tx_next))


# ---- receiving -----------------------------------------------------------------------------------


cdef inline uint64_t _oldest(const Channel *channel) noexcept nogil:
    """The lowest number still kept."""
    return channel.tx_next - CHANNEL_KEPT if channel.tx_next > CHANNEL_KEPT else 1


cdef void _serve(Channel *channel, const uint8_t *payload) noexcept nogil:
    """The peer asks for messages again: they go out before new ones."""
    cdef const mold_header_t *request = <const mold_header_t *>payload
    cdef uint64_t first = be64(request.sequence_number)
    cdef uint64_t past = first + be16(request.message_count)
    if memcmp(request.session, channel.tx_session, MOLD_SESSION_BYTES) != 0:
        channel.counters[C_CHANNEL_DROP_SESSION] += 1
        return
    if first < _oldest(channel) or past < first or first >= channel.tx_wire:
        channel.counters[C_CHANNEL_UNSERVABLE] += 1
        return
    channel.counters[C_CHANNEL_REQUESTS_SERVED] += 1
    channel.resend_next = first
    channel.resend_past = past if past < channel.tx_wire else channel.tx_wire


cdef bint _session_taken(Channel *channel, const mold_packet *packet) noexcept nogil:
    if channel.rx_known:
        if memcmp(channel.rx_session, packet.session, MOLD_SESSION_BYTES) == 0:
            return True
        if packet.sequence_number != 1:
            channel.counters[C_CHANNEL_DROP_SESSION] += 1
            return False
    channel.rx_known = 1
    memcpy(channel.rx_session, packet.session, MOLD_SESSION_BYTES)
    channel.rx_expected = 1
    channel.rx_highest = 1
    channel.request_count = 0
    channel.lost = 0
    return True


cdef int channel_accept(Channel *channel, const uint8_t *payload, uint32_t length,
                        mold_packet *packet, uint64_t now, int *drop) noexcept nogil:
    cdef uint64_t past, old
    drop[0] = 0
    if mold_is_request(payload, length):
        _serve(channel, payload)
        return CHANNEL_NOTHING
    drop[0] = mold_check(payload, length, packet)
    if drop[0] or not _session_taken(channel, packet):
        return CHANNEL_NOTHING
    channel.last_rx_ns = now
    past = packet.sequence_number + packet.message_count
    if past > channel.rx_highest:
        channel.rx_highest = past
    if packet.sequence_number > channel.rx_expected:
        # Ask at once; the datagram itself will come again with the rest.
        if packet.message_count:
            channel.counters[C_CHANNEL_DROP_GAP] += 1
        if channel.request_count == 0:
            channel.request_due_ns = now
        return CHANNEL_NOTHING
    if past <= channel.rx_expected:
        if packet.message_count:
            channel.counters[C_CHANNEL_DROP_DUPLICATE] += 1
        return CHANNEL_NOTHING
    old = channel.rx_expected - packet.sequence_number
    channel.rx_expected = past
    channel.request_count = 0
    channel.counters[C_CHANNEL_RX_MESSAGES] += packet.message_count - old
    return <int>old


# ---- sending -------------------------------------------------------------------------------------


cdef void channel_plan(Channel *channel, uint64_t now, ChannelPlan *plan) noexcept nogil:
    cdef uint64_t missing
    plan.count = 0
    plan.first = channel.tx_wire
    if channel.resend_next < _oldest(channel) and channel.resend_next < channel.resend_past:
        # Newer messages have taken the place of some that were asked for: those are gone.
        missing = min(_oldest(channel), channel.resend_past) - channel.resend_next
        channel.counters[C_CHANNEL_UNSERVABLE] += missing
        channel.resend_next += missing
    if channel.resend_next < channel.resend_past:
        plan.kind = PLAN_RESEND
        plan.first = channel.resend_next
        plan.count = <uint32_t>(channel.resend_past - channel.resend_next)
    elif channel.tx_wire < channel.tx_next:
        plan.kind = PLAN_NEW
        plan.count = <uint32_t>(channel.tx_next - channel.tx_wire)
    elif channel.rx_highest > channel.rx_expected and not channel.lost \
            and now >= channel.request_due_ns:
        if channel.request_count >= CHANNEL_REQUESTS_MAX:
            channel.lost = 1
            plan.kind = PLAN_NOTHING
            return
        missing = channel.rx_highest - channel.rx_expected
        plan.kind = PLAN_REQUEST
        plan.first = channel.rx_expected
        plan.count = <uint32_t>(missing if missing < CHANNEL_REQUEST_COUNT_MAX
                                else CHANNEL_REQUEST_COUNT_MAX)
    elif channel.ending:
        plan.kind = PLAN_END if channel.ending == 1 else PLAN_NOTHING
    elif now - channel.last_tx_ns >= CHANNEL_HEARTBEAT_NS:
        plan.kind = PLAN_HEARTBEAT
    else:
        plan.kind = PLAN_NOTHING


cdef uint32_t channel_build(const Channel *channel, ChannelPlan *plan, uint8_t *payload,
                            uint32_t capacity) noexcept nogil:
    """Writes the datagram; plan.count becomes how many messages fitted."""
    cdef mold_writer writer
    cdef const ChannelEntry *entry
    cdef uint8_t *room
    cdef uint32_t i
    if plan.kind == PLAN_REQUEST:
        mold_write_header(payload, channel.rx_session, plan.first, <uint16_t>plan.count)
        return MOLD_HEADER_BYTES
    if plan.kind == PLAN_END:
        mold_write_header(payload, channel.tx_session, plan.first, MOLD_COUNT_END)
        return MOLD_HEADER_BYTES
    mold_begin(&writer, payload, min(capacity, <uint32_t>CHANNEL_PAYLOAD_BYTES_MAX))
    for i in range(plan.count):
        entry = channel_entry(channel, plan.first + i)
        room = mold_append(&writer, entry.length)
        if room == NULL:
            break
        memcpy(room, entry.message, entry.length)
    plan.count = writer.message_count
    return mold_finish(&writer, channel.tx_session, plan.first)


cdef void channel_sent(Channel *channel, const ChannelPlan *plan, uint64_t now) noexcept nogil:
    channel.last_tx_ns = now
    if plan.kind == PLAN_RESEND:
        channel.resend_next += plan.count
        channel.counters[C_CHANNEL_RESENT] += plan.count
    elif plan.kind == PLAN_NEW:
        channel.tx_wire += plan.count
    elif plan.kind == PLAN_END:
        channel.ending = 2
    elif plan.kind == PLAN_REQUEST:
        channel.counters[C_CHANNEL_REQUESTS_SENT] += 1
        channel.request_due_ns = now + CHANNEL_REQUEST_NS
        channel.request_count += 1
