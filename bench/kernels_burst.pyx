"""The sender's side of the burst measure: datagrams packed beforehand, sent when they are due."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from appliance.core.engine cimport ROLE_FEED_A, Engine, EngineState
from appliance.core.state cimport C_FEED_MESSAGES, C_FEED_SEQUENCE, C_LOOPS_BUSY
from appliance.replay cimport (
    ITCH_SOURCE_FRAME_BYTES, ItchSource, itch_source_begin, itch_source_frame,
)
from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, pio_frame, pio_queue

cdef extern from *:
    """
    /* A word that the loop writes on its core. */
    static inline uint64_t other_core(const uint64_t *word) {
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    }
    """
    uint64_t other_core(const uint64_t *word) noexcept nogil

cdef enum:
    PATIENCE_NS = 2_000_000_000     # by then a burst is applied, or never will be

FRAME_BYTES = ITCH_SOURCE_FRAME_BYTES


def pack(Engine engine not None, data, sequence: int, frames, lengths, ends) -> int:
    """Packs a day file's bytes into datagrams, from message ``sequence`` on; how many.

    ``frames`` has FRAME_BYTES for each; ``ends`` are the numbers of the messages behind each.
    """
    cdef const uint8_t[:] view = data
    cdef uint8_t[::1] place = frames
    cdef uint32_t[::1] length = lengths
    cdef uint64_t[::1] end = ends
    cdef const EngineState *state = engine.engine
    cdef ItchSource source
    cdef uint64_t now = 0
    cdef Py_ssize_t count = 0
    itch_source_begin(&source, &view[0], len(data), state.addresses[ROLE_FEED_A].address,
                      state.addresses[ROLE_FEED_A].port)
    source.sequence = sequence
    while count < length.shape[0]:
        length[count] = itch_source_frame(&source, &place[count * ITCH_SOURCE_FRAME_BYTES], &now)
        if length[count] == 0:
            break
        end[count] = source.sequence
        count += 1
    return count


def send(tx_address: int, clock_address: int, frames, lengths, ends, first: int, count: int,
         start_ns: int, ns_per_message: float) -> tuple[int, int]:
    """Sends ``count`` datagrams from ``first`` on; (time of the last, how many found no room).

    A datagram is due when its last message is, at so many ns a message from ``start_ns`` on. As on
    a wire, one that finds no room is gone, and one that is late does not wait.
    """
    cdef pio_queue *queue = <pio_queue *><uintptr_t>tx_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef const uint8_t[::1] source = frames
    cdef const uint32_t[::1] length = lengths
    cdef const uint64_t[::1] end = ends
    cdef uint64_t start = start_ns, now = 0, due, refused = 0
    cdef Py_ssize_t i, begin = first, stop = first + count
    cdef uint64_t base = end[begin - 1] if begin else end[0]
    cdef double pace = ns_per_message
    cdef pio_frame frame
    with nogil:
        for i in range(begin, stop):
            due = start + <uint64_t>(<double>(end[i] - base) * pace)
            now = tp_clock_now(clock)
            while now < due:
                now = tp_clock_now(clock)
            if queue.tx_lend(queue, &frame, 1) == 0:
                refused += 1
                continue
            memcpy(frame.data, &source[i * ITCH_SOURCE_FRAME_BYTES], length[i])
            frame.length = length[i]
            frame.flags = PIO_FRAME_CHECKSUM_GOOD
            frame.timestamp_ns = now
            queue.tx_burst(queue, &frame, 1)
        now = tp_clock_now(clock)
    return now, refused


def applied(Engine engine not None, messages: int, clock_address: int) -> int:
    """Waits until the loop has applied so many messages in all; when that was, or 0: never.

    The counter of messages says that the last datagram is being applied; the end of that turn, that
    it has been, and so does the sequence that the loop publishes now and then.
    """
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef const uint64_t *counters = engine.engine.counters
    cdef uint64_t wanted = messages, turns = 0, now = tp_clock_now(clock)
    cdef uint64_t end = now + PATIENCE_NS
    cdef bint accepted = False
    with nogil:
        while now < end:
            if not accepted:
                turns = other_core(&counters[C_LOOPS_BUSY])
                accepted = other_core(&counters[C_FEED_MESSAGES]) >= wanted
            elif other_core(&counters[C_LOOPS_BUSY]) != turns or \
                    other_core(&counters[C_FEED_SEQUENCE]) > wanted:
                break
            now = tp_clock_now(clock)
    return now if now < end else 0
