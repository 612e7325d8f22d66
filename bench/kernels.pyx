"""The inner loops of the benchmarks: each does one thing, without the GIL, and counts it."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.pio cimport pio_frame, pio_queue
from itch_ouch.mold cimport mold_check, mold_next, mold_packet
from itch_ouch.net cimport net_datagram, net_parse_udp

cdef enum:
    BURST = 64
    FORWARD_BURST = 32          # testpmd's own, where we are compared with it
    LOOK_AT_THE_CLOCK = 1024    # bursts between looks: the clock must not be what is measured


def flood(queue_address: int, clock_address: int, frame, seconds: float) -> int:
    """Sends copies of one frame as fast as the queue takes them; how many it took."""
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef const uint8_t[:] data = frame
    cdef uint32_t length = len(frame), count, taken, i
    cdef uint64_t sent = 0, turns = 0
    cdef uint64_t end = tp_clock_now(clock) + <uint64_t>(seconds * 1e9)
    cdef pio_frame[BURST] frames
    with nogil:
        while True:
            count = queue.tx_lend(queue, frames, BURST)
            for i in range(count):
                memcpy(frames[i].data, &data[0], length)
                frames[i].length = length
                frames[i].timestamp_ns = 0
                frames[i].flags = 0
            taken = queue.tx_burst(queue, frames, count)
            if taken < count:
                queue.tx_return(queue, &frames[taken], count - taken)
            sent += taken
            turns += 1
            if turns % LOOK_AT_THE_CLOCK == 0 and tp_clock_now(clock) >= end:
                break
    return sent


def drain(queue_address: int, clock_address: int, seconds: float) -> tuple[int, int, int]:
    """Receives, validates and walks datagrams; (packets, messages, ns from first to last)."""
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t packets = 0, messages = 0, turns = 0, started = 0, last = 0, now
    cdef uint64_t end = tp_clock_now(clock) + <uint64_t>(seconds * 1e9)
    cdef uint32_t count, i, length = 0
    cdef const uint8_t *message = NULL
    cdef pio_frame[BURST] frames
    cdef net_datagram datagram
    cdef mold_packet packet
    with nogil:
        while True:
            count = queue.rx_burst(queue, frames, BURST)
            if count and not started:
                started = tp_clock_now(clock)
            for i in range(count):
                if net_parse_udp(frames[i].data, frames[i].length, frames[i].flags, &datagram):
                    continue
                if mold_check(datagram.payload, datagram.payload_length, &packet):
                    continue
                while mold_next(&packet, &message, &length):
                    messages += 1
                packets += 1
            queue.rx_release(queue, frames, count)
            turns += 1
            if turns % LOOK_AT_THE_CLOCK == 0:
                now = tp_clock_now(clock)
                if count:
                    last = now
                if now >= end:
                    break
    return packets, messages, (last if last else tp_clock_now(clock)) - started


def sink(queue_address: int, clock_address: int, seconds: float) -> tuple[int, int]:
    """Receives, releases and services, without a look at a byte; (frames, ns)."""
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t received = 0, turns = 0, started = tp_clock_now(clock), now = started
    cdef uint64_t end = started + <uint64_t>(seconds * 1e9)
    cdef uint32_t count
    cdef pio_frame[BURST] frames
    with nogil:
        while now < end:
            count = queue.rx_burst(queue, frames, FORWARD_BURST)
            queue.rx_release(queue, frames, count)
            queue.service(queue, now)
            received += count
            turns += 1
            if turns % LOOK_AT_THE_CLOCK == 0:
                now = tp_clock_now(clock)
    return received, now - started


cdef inline void swapped(uint8_t *to, const uint8_t *data, uint32_t length) noexcept nogil:
    """Copies a frame with its Ethernet addresses exchanged."""
    cdef uint32_t at = 16
    memcpy(to, data + 6, 6)
    memcpy(to + 6, data, 6)
    memcpy(to + 12, data + 12, 2)
    if length < 30:
        memcpy(to + 14, data + 14, length - 14)
        return
    memcpy(to + 14, data + 14, 16)
    at = 30
    while at + 16 <= length:
        memcpy(to + at, data + at, 16)
        at += 16
    if at < length:             # the last sixteen bytes, some of them once more
        memcpy(to + length - 16, data + length - 16, 16)


cdef inline uint32_t answer_by_copy(pio_queue *queue, pio_frame *frames,
                                    uint32_t count) noexcept nogil:
    """Copies frames into lent ones, addresses exchanged; how many were sent."""
    cdef pio_frame[BURST] replies
    cdef uint32_t lent = queue.tx_lend(queue, replies, count), taken, i
    for i in range(lent):
        swapped(replies[i].data, frames[i].data, frames[i].length)
        replies[i].length = frames[i].length
    taken = queue.tx_burst(queue, replies, lent)
    if taken < lent:
        queue.tx_return(queue, &replies[taken], lent - taken)
    queue.rx_release(queue, frames, count)
    return taken


cdef inline uint32_t answer_in_place(pio_queue *queue, pio_frame *frames,
                                     uint32_t count) noexcept nogil:
    """Exchanges addresses where they lie and sends the received frames; how many were sent."""
    cdef uint64_t to, source
    cdef uint32_t taken, i, rest
    for i in range(count):
        memcpy(&to, frames[i].data, 8)
        memcpy(&source, frames[i].data + 6, 8)
        rest = <uint32_t>(to >> 16)
        source = (source << 16 >> 16) | (to << 48)
        memcpy(frames[i].data, &source, 8)
        memcpy(frames[i].data + 8, &rest, 4)
    taken = queue.tx_burst(queue, frames, count)
    if taken < count:
        queue.rx_release(queue, &frames[taken], count - taken)
    return taken


def mac_swap(queue_address: int, clock_address: int, seconds: float,
             copy: bool = False) -> tuple[int, int, int]:
    """Sends back each frame with its addresses exchanged; (received, sent, ns).

    In place where the queue forwards, else, or when told so, by copying into lent frames.
    """
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t received = 0, sent = 0, turns = 0, started = tp_clock_now(clock), now = started
    cdef uint64_t end = started + <uint64_t>(seconds * 1e9)
    cdef uint32_t count
    cdef bint in_place = queue.info.forwards and not copy
    cdef pio_frame[BURST] frames
    with nogil:
        while now < end:
            count = queue.rx_burst(queue, frames, FORWARD_BURST)
            if count:
                received += count
                sent += (answer_in_place(queue, frames, count) if in_place
                         else answer_by_copy(queue, frames, count))
            turns += 1
            if turns % LOOK_AT_THE_CLOCK == 0:
                now = tp_clock_now(clock)
                queue.service(queue, now)
    return received, sent, now - started
