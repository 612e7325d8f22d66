# The feed: one ITCH message for every change of the displayed book, on as many lines as there are.
#
# A message gets its sequence number when it is put into the store, a ring of fixed slots that keeps
# the last `store_count` messages. A line is a reader of the store with its own position, so both
# lines carry the same messages, and a queue without room delays its line instead of losing anything
# on it; only a line a whole store behind loses messages, and counts them (overrun_messages).
# The same store answers requests for messages sent long ago.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dpdk_bindings.pio cimport pio_frame, pio_queue
from feed_sim.exchange.matching cimport (
    MATCH_ADDED, MATCH_DELETED, MATCH_EXECUTED, MATCH_REPLACED, match_report,
)
from itch_ouch.net cimport NET_UDP_PAYLOAD_BYTES_MAX, net_template, net_write_udp_header
from itch_ouch.wire cimport (
    MOLD_BLOCK_BYTES, MOLD_HEADER_BYTES, be16, get48, itch_write_add_order,
    itch_write_add_order_mpid, itch_write_order_cancel, itch_write_order_delete,
    itch_write_order_executed, itch_write_order_replace,
)

cdef enum:
    # A slot of the feed is one cache line: the block's length, and the longest ITCH message's 50
    # bytes. OUCH's longest from a venue, with every option, takes two lines.
    ITCH_SLOT_BYTES = 64
    OUCH_SLOT_BYTES = 128
    # A line that has nothing to say says so this often (MoldUDP64: about once a second).
    HEARTBEAT_NS = 1000000000
    # How a submitter's tag says whose name a displayed order carries: 0 is nobody's.
    TAG_MPID_SHIFT = 28
    MPIDS_MAX = 16

ctypedef struct store_t:
    uint8_t *slots               # [sequence & mask]: a MoldUDP64 block, length and message
    uint64_t mask
    uint64_t slot_bytes
    uint64_t next_sequence       # of the next message; the first is 1
    uint64_t[256] type_counts

ctypedef struct line_t:
    pio_queue *queue
    net_template headers
    uint8_t[16] session          # 10 bytes are used
    uint64_t next_sequence       # the first message not yet handed to the queue
    uint64_t sent_ns             # when the last packet left, for the heartbeat
    uint64_t packets
    uint64_t messages
    uint64_t heartbeats
    uint64_t stalls              # spells without room in the queue; nothing is lost by one
    bint stalled
    uint64_t overrun_messages    # lost on this line: it was more than a store behind
    uint64_t resent              # messages sent again on request

ctypedef struct symbols_t:
    uint8_t *names               # [locate * 8]
    uint32_t count
    uint8_t[MPIDS_MAX][4] mpids


cdef inline uint8_t *store_slot(const store_t *store, uint64_t sequence) noexcept nogil:
    return store.slots + (sequence & store.mask) * store.slot_bytes


cdef inline void store_commit(store_t *store, uint8_t *slot, uint32_t length) noexcept nogil:
    """Makes the message written at slot + MOLD_BLOCK_BYTES the next one of the stream."""
    (<uint16_t *>slot)[0] = be16(<uint16_t>length)
    store.type_counts[slot[MOLD_BLOCK_BYTES]] += 1
    store.next_sequence += 1


cdef inline void publish(
    store_t *store, const symbols_t *symbols, const match_report *r, uint64_t timestamp
) noexcept nogil:
    """The one message of a report that changes the displayed book; the others have none.

    The core trades at the resting order's price, so every execution is an 'E', whose price is the
    order's own; a 'C' would be needed by an order that trades away from its displayed price.
    """
    cdef uint8_t *slot = store_slot(store, store.next_sequence)
    cdef uint8_t *out = slot + MOLD_BLOCK_BYTES
    cdef uint32_t length, mpid
    if r.type < MATCH_ADDED:
        return
    if r.type == MATCH_ADDED:
        mpid = r.tag >> TAG_MPID_SHIFT
        if mpid:
            length = itch_write_add_order_mpid(
                out, r.locate, 0, timestamp, r.reference, c"S" if r.side else c"B", r.shares,
                symbols.names + 8 * <size_t>r.locate, r.price, symbols.mpids[mpid])
        else:
            length = itch_write_add_order(
                out, r.locate, 0, timestamp, r.reference, c"S" if r.side else c"B", r.shares,
                symbols.names + 8 * <size_t>r.locate, r.price)
    elif r.type == MATCH_DELETED:
        length = itch_write_order_delete(out, r.locate, 0, timestamp, r.reference)
    elif r.type == MATCH_EXECUTED:
        length = itch_write_order_executed(
            out, r.locate, 0, timestamp, r.reference, r.shares, r.match_number)
    elif r.type == MATCH_REPLACED:
        length = itch_write_order_replace(
            out, r.locate, 0, timestamp, r.other_reference, r.reference, r.shares, r.price)
    else:
        length = itch_write_order_cancel(out, r.locate, 0, timestamp, r.reference, r.shares)
    store_commit(store, slot, length)


cdef void *table_new(size_t bytes) noexcept
cdef store_t *store_new(uint64_t store_count, uint64_t slot_bytes) except NULL
cdef void store_free(store_t *store) noexcept
cdef void publish_opening(
    store_t *store, const symbols_t *symbols, uint64_t timestamp
) noexcept nogil
cdef void publish_event(store_t *store, uint8_t event_code, uint64_t timestamp) noexcept nogil
cdef uint32_t line_pack(
    line_t *line, const store_t *store, uint8_t *payload, uint32_t capacity, uint64_t span_ns
) noexcept nogil
cdef void line_flush(
    line_t *line, const store_t *store, uint64_t now_ns, uint64_t midnight_ns, uint64_t span_ns
) noexcept nogil
cdef void line_service(line_t *line, const store_t *store, uint64_t now_ns) noexcept nogil
cdef void line_resend(
    line_t *line, const store_t *store, uint64_t sequence, uint64_t count, uint64_t now_ns
) noexcept nogil
cdef bint line_say(
    line_t *line, uint64_t sequence, uint16_t count, uint64_t now_ns
) noexcept nogil


cdef class SymbolTable:
    cdef symbols_t table
    cdef readonly list names


cdef void line_init(line_t *line, pio_queue *queue, bytes session, dict address) except *
