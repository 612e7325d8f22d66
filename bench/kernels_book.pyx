"""The inner loops of the book benchmarks: a day through a memory queue into an engine, and every
message of a day by itself."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, pio_frame, pio_queue
from appliance.core.book cimport Book
from appliance.core.book_apply cimport book_apply
from appliance.core.engine cimport BURST_MAX, ROLE_FEED_A, Burst, Engine, EngineState, step
from appliance.replay cimport ItchSource, itch_source_begin, itch_source_frame
from itch_ouch.itch cimport ITCH_OK, itch_check
from itch_ouch.wire cimport MOLD_BLOCK_BYTES, be16

cdef extern from *:
    """
    #include "tp_clock.h"
    /* The counter's reading once everything before it is done and before anything after begins. */
    static inline uint64_t fenced_ticks(void) {
    #if defined(__x86_64__)
        _mm_lfence();
        uint64_t ticks = __rdtsc();
        _mm_lfence();
        return ticks;
    #elif defined(__aarch64__)
        __asm__ volatile("dsb ish\\n\\tisb" ::: "memory");
        uint64_t ticks = tp_ticks();
        __asm__ volatile("isb" ::: "memory");
        return ticks;
    #else
        return tp_ticks();
    #endif
    }
    """
    uint64_t fenced_ticks() noexcept nogil

cdef enum:
    CLOCK_READS = 1 << 20
    CLOCK_TICKS_MAX = 4096      # of two readings with nothing between: more is an interruption


cdef uint32_t _fill(ItchSource *source, pio_queue *queue) noexcept nogil:
    """Sends up to a burst of datagrams; how many it sent."""
    cdef pio_frame[BURST_MAX] frames
    cdef uint32_t lent = queue.tx_lend(queue, frames, BURST_MAX), count = 0, taken
    cdef uint64_t now = 0
    while count < lent:
        frames[count].length = itch_source_frame(source, frames[count].data, &now)
        if frames[count].length == 0:
            break
        frames[count].flags = PIO_FRAME_CHECKSUM_GOOD
        frames[count].timestamp_ns = now
        count += 1
    taken = queue.tx_burst(queue, frames, count)
    if taken < lent:
        queue.tx_return(queue, &frames[taken], lent - taken)
    return taken


def through_queue(Engine engine not None, data, tx_address: int, rx_address: int,
                  clock_address: int, sequence: int = 1,
                  messages: int = 1 << 62) -> tuple[int, int, int]:
    """Steps over a day file's bytes, a burst from the memory queue a step; (frames, ns, bytes).

    The queue is filled between the bursts, which is the sender's work and not timed: from
    rx_burst to rx_release is. A day may come in pieces: ``sequence`` is the number of the first
    message, and after the burst that reaches so many ``messages`` it stops, some bytes taken.
    """
    cdef const uint8_t[:] view = data
    cdef pio_queue *tx = <pio_queue *><uintptr_t>tx_address
    cdef pio_queue *rx = <pio_queue *><uintptr_t>rx_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef EngineState *state = engine.engine
    cdef ItchSource source
    cdef Burst burst
    cdef uint64_t frames = 0, total = 0, started, limit = messages, first = sequence
    itch_source_begin(&source, &view[0], len(data), state.addresses[ROLE_FEED_A].address,
                      state.addresses[ROLE_FEED_A].port)
    source.sequence = first
    burst.role = ROLE_FEED_A
    with nogil:
        while source.sequence - first < limit and _fill(&source, tx):
            started = tp_clock_now(clock)
            burst.count = rx.rx_burst(rx, burst.frames, BURST_MAX)
            step(state, &burst, 1, 0, burst.frames[0].timestamp_ns)
            rx.rx_release(rx, burst.frames, burst.count)
            frames += burst.count
            total += tp_clock_now(clock) - started
    return frames, total, source.offset


def occupancy(Engine engine not None) -> dict[str, int]:
    """How full the tables of the books are."""
    cdef const Book *book = &engine.engine.book
    return {
        "live_orders": book.live_orders, "window": book.window_mask + 1,
        "overflow": book.overflow_count, "overflow_max": book.overflow_count_max,
        "levels": book.levels.used_count, "levels_max": book.levels.count_max,
        "arena_bytes": 64 * <uint64_t>book.arena_units_used,
        "arena_bytes_max": 64 * <uint64_t>book.arena_units,
    }


def clock_cost_ticks() -> int:
    """What lies between two fenced readings of the counter with nothing between: the median."""
    cdef uint32_t[CLOCK_TICKS_MAX] counts
    cdef uint64_t started, ticks, seen = 0
    cdef uint32_t i
    for i in range(<uint32_t>CLOCK_TICKS_MAX):
        counts[i] = 0
    with nogil:
        for i in range(<uint32_t>CLOCK_READS):
            started = fenced_ticks()
            ticks = fenced_ticks() - started
            counts[ticks if ticks < CLOCK_TICKS_MAX else CLOCK_TICKS_MAX - 1] += 1
    for i in range(<uint32_t>CLOCK_TICKS_MAX):
        seen += counts[i]
        if seen * 2 >= CLOCK_READS:
            return i
    return CLOCK_TICKS_MAX


def one_at_a_time(Engine engine not None, data, hist_address: int, clock_address: int,
                  clock_ticks: int) -> int:
    """Applies a day file's messages one by one to the engine's books; how many there were.

    Each lies between two fenced readings of the counter: nothing of it can begin before the first
    or end after the second, and nothing of the next one helps it. Its own bytes were looked at
    before, as the check of a datagram does; what a message of a known type took less
    ``clock_ticks`` goes to the histogram, in ns.
    """
    cdef const uint8_t[:] view = data
    cdef const uint8_t *message = &view[0]
    cdef const uint8_t *end = message + len(data)
    cdef tp_hist *hist = <tp_hist *><uintptr_t>hist_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef Book *book = &engine.engine.book
    cdef uint64_t started, ticks, cost = clock_ticks, count = 0
    cdef uint32_t length, looked = 0
    with nogil:
        while message < end:
            length = be16((<const uint16_t *>message)[0])
            message += MOLD_BLOCK_BYTES
            looked += message[length - 1]
            if itch_check(message, length) == ITCH_OK:
                started = fenced_ticks()
                book_apply(book, message)
                ticks = fenced_ticks() - started
                ticks = ticks - cost if ticks > cost else 0
                tp_hist_record(hist, ticks * clock.ns_per_tick_q32 >> 32)
            message += length
            count += 1
    return count if looked else 0
