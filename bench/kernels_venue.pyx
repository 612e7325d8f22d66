# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""A whole venue and its client in one thread: orders made ahead of time, the venue's turns timed.

The client's stream, from a seed: 48 % new orders, 40 % cancels of any order of its own and 12 %
replaces, over all symbols, around 5,000 orders resting. One new order in eight is an IOC order
that crosses the spread; the others lie up to 16 cents behind the touch.
"""
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from dpdk_bindings.env.clock cimport tp_clock_now
from dpdk_bindings.pio cimport pio_frame, pio_queue
from feed_sim.exchange.gateway cimport GATEWAY_EXECUTIONS, GATEWAY_ORDERS, GATEWAY_REJECTED
from feed_sim.exchange.matching cimport match_live_orders
from feed_sim.exchange.venue cimport Venue
from itch_ouch.digest cimport mix64
from itch_ouch.mold cimport mold_append, mold_begin, mold_finish, mold_writer
from itch_ouch.net cimport net_template, net_template_init, net_write_udp_header
from itch_ouch.wire cimport (
    be16, mold_header_t, ouch_write_cancel_order, ouch_write_enter_order, ouch_write_replace_order,
)

cdef enum:
    BURST = 32
    FRAME_BYTES = 1514
    LIVE_TARGET = 5000
    MIDDLE = 1000000             # $100
    CENT = 100
    # Turns without anything new after which a stream has come to its end.
    IDLE_TURNS = 64

SESSION = b"BENCH00001"

ctypedef struct client_t:
    uint64_t state
    uint32_t *live               # UserRefNums not known to be dead, twice, and 1 for a sale
    uint32_t live_count
    uint32_t number


cdef inline uint64_t draw(client_t *client) noexcept nogil:
    client.state += <uint64_t>0x9E3779B97F4A7C15
    return mix64(client.state)


cdef uint64_t price(uint64_t bits, uint8_t side, bint crosses) noexcept nogil:
    cdef int32_t cents = -(<int32_t>(bits & 3)) if crosses else 1 + <int32_t>(bits & 15)
    return <uint64_t>(MIDDLE + CENT * (cents if side == c"S" else -cents))


cdef uint32_t message(client_t *client, const uint8_t *names, uint32_t symbols,
                      uint8_t *out) noexcept nogil:
    """Writes the next message; returns its length."""
    cdef uint64_t bits = draw(client)
    cdef uint32_t at, old
    cdef uint8_t side = c"S" if bits & 1 else c"B"
    cdef bint crosses = (bits >> 1 & 7) == 0
    cdef uint32_t kind = bits >> 4 & 1023, shares = 100 * (1 + <uint32_t>(bits >> 14 & 3))
    cdef bint enters = kind < (620 if client.live_count < LIVE_TARGET else 380)
    if not enters and client.live_count:
        at = <uint32_t>((bits >> 32) * client.live_count >> 32)
        old = client.live[at]
        if (bits >> 16 & 255) < 59:
            client.number += 1
            client.live[at] = client.number << 1 | (old & 1)
            return ouch_write_replace_order(
                out, old >> 1, client.number, shares,
                price(bits >> 40, c"S" if old & 1 else c"B", False), c"0", c"Y", c"N",
                b"bench order   ")
        client.live_count -= 1
        client.live[at] = client.live[client.live_count]
        return ouch_write_cancel_order(out, old >> 1, 0)
    client.number += 1
    if not crosses:
        client.live[client.live_count] = client.number << 1 | (bits & 1)
        client.live_count += 1
    return ouch_write_enter_order(
        out, client.number, side, shares,
        names + 8 * (1 + <size_t>((bits >> 24 & 0xFFFF) * symbols >> 16)),
        price(bits >> 40, side, crosses), c"3" if crosses else c"0", c"Y", c"P", c"N", c"N",
        b"bench order   ")


cdef class OrderStream:
    """``count`` messages in datagrams of ``per_datagram``, as frames for a venue."""

    cdef uint8_t *frames         # [frame * FRAME_BYTES]
    cdef uint32_t *lengths
    cdef readonly uint64_t frame_count
    cdef readonly uint64_t count
    cdef uint32_t per_datagram

    def __cinit__(self, Venue venue, uint64_t count, uint32_t per_datagram, uint64_t seed):
        cdef client_t client
        cdef net_template headers
        cdef mold_writer writer
        cdef uint8_t[64] body
        cdef uint8_t *frame
        cdef uint64_t i, sequence = 1
        cdef uint32_t length, k
        cdef const uint8_t *session = SESSION
        self.count = count // per_datagram * per_datagram
        self.per_datagram = per_datagram
        self.frame_count = count // per_datagram
        self.frames = <uint8_t *>calloc(self.frame_count, FRAME_BYTES)
        self.lengths = <uint32_t *>calloc(self.frame_count, sizeof(uint32_t))
        client.live = <uint32_t *>calloc(count + 1, sizeof(uint32_t))
        if not (self.frames and self.lengths and client.live):
            free(client.live)
            raise MemoryError("no memory for so many orders; ask for fewer")
        client.state = seed
        client.live_count = client.number = 0
        net_template_init(&headers, b"\x02\0\0\0\0\x07", b"\x02\0\0\0\0\x01", 0, 0x0A000007,
                          venue.gateway.address, 40000, venue.gateway.port, 16)
        for i in range(self.frame_count):
            frame = self.frames + i * FRAME_BYTES
            mold_begin(&writer, frame + headers.header_length,
                       FRAME_BYTES - headers.header_length)
            for k in range(per_datagram):
                length = message(&client, venue.symbols.table.names, venue.symbols.table.count,
                                 body)
                memcpy(mold_append(&writer, length), body, length)
            length = mold_finish(&writer, session, sequence)
            sequence += per_datagram
            self.lengths[i] = net_write_udp_header(&headers, frame, length)
        free(client.live)

    def __dealloc__(self):
        free(self.frames)
        free(self.lengths)


cdef uint64_t drain(pio_queue *queue) noexcept nogil:
    """Takes all that waits; how many messages that was."""
    cdef pio_frame[BURST] frames
    cdef uint32_t count = BURST, i
    cdef uint64_t messages = 0
    while count == BURST:
        count = queue.rx_burst(queue, frames, BURST)
        for i in range(count):
            messages += be16((<const mold_header_t *>(frames[i].data + 42)).message_count)
        queue.rx_release(queue, frames, count)
    return messages


cdef uint32_t feed_in(pio_queue *queue, OrderStream stream, uint64_t at,
                      uint32_t burst) noexcept nogil:
    cdef pio_frame[BURST] frames
    cdef uint32_t count, i
    if stream.frame_count - at < burst:
        burst = <uint32_t>(stream.frame_count - at)
    count = queue.tx_lend(queue, frames, burst)
    for i in range(count):
        memcpy(frames[i].data, stream.frames + (at + i) * FRAME_BYTES, stream.lengths[at + i])
        frames[i].length = stream.lengths[at + i]
        frames[i].flags = 0
        frames[i].timestamp_ns = 0
    return queue.tx_burst(queue, frames, count)


def run(Venue venue, OrderStream stream, orders_address: int, feed_address: int,
        uint32_t burst) -> tuple[int, int, dict[str, int]]:
    """Gives the venue ``burst`` datagrams a turn, takes what it sends; (ns, turns, counts).

    A turn is timed when there is work for it: datagrams given just now or before and not taken yet,
    or something made and not sent, which is the tail, too. The client's own work is between the
    turns and not counted. Every answer and every message of the feed must have come out of the
    queues.
    """
    cdef pio_queue *orders = <pio_queue *><size_t>orders_address
    cdef pio_queue *feed = <pio_queue *><size_t>feed_address
    cdef uint64_t at = 0, spent_ns = 0, before, answers = 0, messages = 0, turns = 0
    cdef uint32_t idle = 0
    cdef bint work
    burst = min(burst, <uint32_t>BURST)
    with nogil:
        venue.start_ns = tp_clock_now(venue.clock_c)
        venue._begin(venue.start_ns)
        while idle < IDLE_TURNS:
            at += feed_in(orders, stream, at, burst)
            work = (venue.gateway.counts[GATEWAY_ORDERS] < at * stream.per_datagram
                    or venue._behind())
            before = tp_clock_now(venue.clock_c)
            venue._turn(False)
            if work:
                spent_ns += tp_clock_now(venue.clock_c) - before
                turns += 1
            answers += drain(orders)
            messages += drain(feed)
            idle = 0 if work else idle + 1
    counts = {
        "orders": venue.gateway.counts[GATEWAY_ORDERS], "answers": answers, "messages": messages,
        "executions": venue.gateway.counts[GATEWAY_EXECUTIONS],
        "rejected": venue.gateway.counts[GATEWAY_REJECTED],
        "live_orders": match_live_orders(venue.core.core),
    }
    if (answers != venue.gateway.answers.next_sequence - 1
            or messages != venue.feed.next_sequence - 1 or counts["orders"] != stream.count):
        raise RuntimeError(f"the venue's streams are not whole: {counts}")
    return spent_ns, turns, counts
