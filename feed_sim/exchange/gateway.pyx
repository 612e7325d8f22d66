# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""The client's stream in, its answers out; the OUCH messages themselves are in gateway_ouch.pxi."""

from ipaddress import IPv4Address

from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from dpdk_bindings.pio cimport (
    PIO_FRAME_CHECKSUM_GOOD, PIO_FRAME_CHECKSUM_PARTIAL, pio_frame,
)
from feed_sim.exchange.checkpoint cimport checkpoint_maybe
from feed_sim.exchange.matching cimport *
from feed_sim.exchange.publisher cimport (
    HEARTBEAT_NS, OUCH_SLOT_BYTES, TAG_MPID_SHIFT, line_flush, line_resend, line_say,
    publish, store_commit, store_free, store_new, store_slot,
    table_new,
)
from feed_sim.flow cimport TAG_OWNER_MASK
from itch_ouch.digest cimport mix64
from itch_ouch.mold cimport (
    MOLD_OK, mold_check, mold_is_request, mold_next, mold_packet, mold_write_request,
)
from itch_ouch.net cimport (
    NET_OK, net_datagram, net_parse_udp, net_template_init, net_write_udp_header,
)
from itch_ouch.ouch cimport OUCH_OK, ouch_append_tag, ouch_check_in, ouch_find_tag
from itch_ouch.wire cimport *

COUNTERS = (
    "packets_in", "messages_in", "orders", "accepted", "rejected", "replaced", "executions",
    "executed_shares", "canceled", "superfluous", "queries", "requests_in", "requests_out",
    "sessions", "drop_frame", "drop_address", "drop_packet", "drop_session", "drop_duplicate",
    "drop_gap", "drop_lost", "drop_malformed", "drop_unsupported", "drop_resend", "drop_request",
    "sessions_lost",
)
assert len(COUNTERS) == GATEWAY_COUNTERS

include "gateway_ouch.pxi"

cdef enum:
    # Frames taken in one poll: the flow must have its turn too.
    POLL_FRAMES = 32
    # The digits of our session's name that count its renewals.
    SESSION_DIGITS = 3


cdef void roll_session(gateway_t *gateway, uint64_t timestamp) noexcept nogil:
    """A client that begins anew gets a stream that begins anew, under the next name."""
    cdef int i = MOLD_SESSION_BYTES - 1
    if gateway.counts[GATEWAY_SESSIONS] > 1:
        while i >= MOLD_SESSION_BYTES - SESSION_DIGITS:
            if gateway.out.session[i] < c"0" or gateway.out.session[i] >= c"9":
                gateway.out.session[i] = c"0"
                i -= 1
                continue
            gateway.out.session[i] += 1
            break
    gateway.answers.next_sequence = 1
    gateway.out.next_sequence = 1
    gateway_event(gateway, c"S", timestamp)


cdef void join(
    gateway_t *gateway, const pio_frame *frame, const net_datagram *datagram,
    const uint8_t *session, uint64_t timestamp
) noexcept nogil:
    """A client's stream begins: it is answered where it comes from."""
    memcpy(gateway.session, session, MOLD_SESSION_BYTES)
    gateway.expected = 1
    gateway.asked_until = 0
    gateway.joined = True
    gateway.lost = False
    gateway.counts[GATEWAY_SESSIONS] += 1
    net_template_init(
        &gateway.out.headers, frame.data, frame.data + 6, datagram.vlan_id, gateway.address,
        datagram.source_address, gateway.port, datagram.source_port, 16)
    roll_session(gateway, timestamp)


cdef void ask(gateway_t *gateway, uint64_t now_ns) noexcept nogil:
    """Requests what is missing of the client's stream."""
    cdef pio_frame frame
    cdef uint64_t count = min(gateway.asked_until - gateway.expected, <uint64_t>0xFFFE)
    gateway.asked_ns = now_ns
    gateway.asked_count += 1
    if gateway.asked_count > REQUEST_TRIES_MAX:
        gateway.lost = True
        gateway.asked_until = 0
        gateway.counts[GATEWAY_SESSIONS_LOST] += 1
        return
    if gateway.queue.tx_lend(gateway.queue, &frame, 1) == 0:
        return
    frame.length = mold_write_request(
        frame.data + gateway.out.headers.header_length, gateway.session, gateway.expected,
        <uint16_t>count)
    frame.length = net_write_udp_header(&gateway.out.headers, frame.data, frame.length)
    frame.flags = 0
    frame.timestamp_ns = now_ns
    if gateway.queue.tx_burst(gateway.queue, &frame, 1) == 0:
        gateway.queue.tx_return(gateway.queue, &frame, 1)
        return
    gateway.counts[GATEWAY_REQUESTS_OUT] += 1


cdef void answer_request(
    gateway_t *gateway, const uint8_t *payload, uint64_t now_ns
) noexcept nogil:
    cdef const mold_header_t *header = <const mold_header_t *>payload
    cdef uint64_t sequence = be64(header.sequence_number)
    cdef uint64_t oldest = 1
    if gateway.answers.next_sequence > OUT_RETAINED:
        oldest = gateway.answers.next_sequence - OUT_RETAINED
    if (not gateway.joined or sequence < oldest or sequence >= gateway.out.next_sequence
            or memcmp(header.session, gateway.out.session, MOLD_SESSION_BYTES)):
        gateway.counts[GATEWAY_DROP_REQUEST] += 1
        return
    gateway.counts[GATEWAY_REQUESTS_IN] += 1
    line_resend(&gateway.out, gateway.answers, sequence, be16(header.message_count), now_ns)


cdef uint32_t take(
    gateway_t *gateway, mold_packet *packet, uint64_t now_ns, uint64_t timestamp
) noexcept nogil:
    """Applies a packet's messages from the expected one on; returns how many were new."""
    cdef const uint8_t *message = NULL
    cdef uint32_t length = 0, taken = 0
    cdef uint64_t sequence = packet.sequence_number
    if sequence > gateway.expected:
        # A heartbeat or an end reveals a gap too; it carries nothing that is dropped.
        gateway.counts[GATEWAY_DROP_GAP] += packet.message_count > 0
        if gateway.asked_until == 0:
            gateway.asked_until = sequence
            gateway.asked_count = 0
            ask(gateway, now_ns)
        gateway.asked_until = max(gateway.asked_until, sequence + packet.message_count)
        return 0
    if packet.message_count and sequence + packet.message_count <= gateway.expected:
        gateway.counts[GATEWAY_DROP_DUPLICATE] += 1
        return 0
    while mold_next(packet, &message, &length):
        if sequence >= gateway.expected:
            gateway.counts[GATEWAY_MESSAGES] += 1
            on_message(gateway, message, length, timestamp)
            gateway.expected = sequence + 1
            taken += 1
        sequence += 1
    if gateway.asked_until and gateway.expected >= gateway.asked_until:
        gateway.asked_until = 0
    return taken


cdef uint32_t on_frame(
    gateway_t *gateway, const pio_frame *frame, uint64_t now_ns, uint64_t timestamp
) noexcept nogil:
    cdef net_datagram datagram
    cdef mold_packet packet
    gateway.counts[GATEWAY_PACKETS] += 1
    if net_parse_udp(frame.data, frame.length,
                     frame.flags & (PIO_FRAME_CHECKSUM_GOOD | PIO_FRAME_CHECKSUM_PARTIAL),
                     &datagram) != NET_OK:
        gateway.counts[GATEWAY_DROP_FRAME] += 1
        return 0
    if (datagram.destination_port != gateway.port
            or datagram.destination_address != gateway.address):
        gateway.counts[GATEWAY_DROP_ADDRESS] += 1
        return 0
    if mold_is_request(datagram.payload, datagram.payload_length):
        answer_request(gateway, datagram.payload, now_ns)
        return 0
    if mold_check(datagram.payload, datagram.payload_length, &packet) != MOLD_OK:
        gateway.counts[GATEWAY_DROP_PACKET] += 1
        return 0
    if not gateway.joined or memcmp(packet.session, gateway.session, MOLD_SESSION_BYTES):
        # The first client is taken whatever of it came first: what was lost before is asked for.
        if gateway.joined and packet.sequence_number != 1 or packet.end_of_session:
            gateway.counts[GATEWAY_DROP_SESSION] += 1
            return 0
        join(gateway, frame, &datagram, packet.session, timestamp)
    if gateway.lost:
        gateway.counts[GATEWAY_DROP_LOST] += 1
        return 0
    return take(gateway, &packet, now_ns, timestamp)


cdef uint32_t gateway_poll(gateway_t *gateway, uint64_t now_ns, uint64_t timestamp) noexcept nogil:
    """Takes what the client sent; returns how many new messages that was."""
    cdef pio_frame[POLL_FRAMES] frames
    cdef uint32_t count, i, taken = 0
    if gateway.queue == NULL:
        return 0
    count = gateway.queue.rx_burst(gateway.queue, frames, POLL_FRAMES)
    for i in range(count):
        taken += on_frame(gateway, &frames[i], now_ns, timestamp)
    if count:
        gateway.queue.rx_release(gateway.queue, frames, count)
    if gateway.asked_until and now_ns - gateway.asked_ns >= REQUEST_INTERVAL_NS:
        ask(gateway, now_ns)
    return taken


cdef void gateway_flush(gateway_t *gateway, uint64_t now_ns) noexcept nogil:
    """Sends the answers that wait, or a heartbeat when there were none for a second."""
    if gateway.queue == NULL:
        return
    if gateway.joined:
        if gateway.out.next_sequence < gateway.answers.next_sequence:
            line_flush(&gateway.out, gateway.answers, now_ns, 0, <uint64_t>-1)
        elif now_ns - gateway.out.sent_ns >= HEARTBEAT_NS:
            gateway.out.heartbeats += line_say(
                &gateway.out, gateway.answers.next_sequence, 0, now_ns)
    gateway.queue.service(gateway.queue, now_ns)


cdef void gateway_init(
    gateway_t *gateway, match_core *core, store_t *feed, const symbols_t *symbols,
    checkpoints_t *checkpoints, pio_queue *queue, bytes session, dict address
) except *:
    """Everything allocated once. `address`: address and port of the venue's order entry."""
    cdef uint64_t slots = 4, key, at
    cdef uint32_t locate
    memset(gateway, 0, sizeof(gateway_t))
    if len(session) > MOLD_SESSION_BYTES:
        raise ValueError(f"a session has at most {MOLD_SESSION_BYTES} characters: {session!r}")
    session = session.ljust(MOLD_SESSION_BYTES)
    gateway.core = core
    gateway.feed = feed
    gateway.symbols = symbols
    gateway.checkpoints = checkpoints
    gateway.queue = queue
    gateway.out.queue = queue
    gateway.out.next_sequence = 1
    memcpy(gateway.out.session, <const uint8_t *>session, MOLD_SESSION_BYTES)
    gateway.address = int(IPv4Address(address["address"]))
    gateway.port = address["port"]
    gateway.answers = store_new(OUT_RETAINED, OUCH_SLOT_BYTES)
    while slots < 2 * symbols.count:
        slots *= 2
    gateway.symbol_mask = slots - 1
    gateway.symbol_keys = <uint64_t *>calloc(slots, 8)
    gateway.symbol_locates = <uint16_t *>calloc(slots, 2)
    gateway.orders = <gateway_order *>table_new(GATEWAY_ORDERS_MAX * sizeof(gateway_order))
    if not (gateway.symbol_keys and gateway.symbol_locates and gateway.orders):
        raise MemoryError("no memory for the order gateway's tables")
    for locate in range(1, symbols.count + 1):
        memcpy(&key, symbols.names + 8 * <size_t>locate, 8)
        at = mix64(key) & gateway.symbol_mask
        while gateway.symbol_keys[at]:
            at = (at + 1) & gateway.symbol_mask
        gateway.symbol_keys[at] = key
        gateway.symbol_locates[at] = <uint16_t>locate


cdef void gateway_free(gateway_t *gateway) noexcept:
    store_free(gateway.answers)
    free(gateway.symbol_keys)
    free(gateway.symbol_locates)
    free(gateway.orders)
