"""The inner loop of the book benchmark: a day through a memory queue into an engine."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, pio_frame, pio_queue
from appliance.core.engine cimport BURST_MAX, ROLE_FEED_A, Burst, Engine, EngineState, step
from appliance.replay cimport ItchSource, itch_source_begin, itch_source_frame


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
                  clock_address: int) -> tuple[int, int]:
    """Steps over a day file's bytes, a burst from the memory queue a step; (frames, ns).

    The queue is filled between the bursts, which is the sender's work and not timed: from
    rx_burst to rx_release is.
    """
    cdef const uint8_t[:] view = data
    cdef pio_queue *tx = <pio_queue *><uintptr_t>tx_address
    cdef pio_queue *rx = <pio_queue *><uintptr_t>rx_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef EngineState *state = engine.engine
    cdef ItchSource source
    cdef Burst burst
    cdef uint64_t frames = 0, total = 0, started
    itch_source_begin(&source, &view[0], len(data), state.addresses[ROLE_FEED_A].address,
                      state.addresses[ROLE_FEED_A].port)
    burst.role = ROLE_FEED_A
    with nogil:
        while _fill(&source, tx):
            started = tp_clock_now(clock)
            burst.count = rx.rx_burst(rx, burst.frames, BURST_MAX)
            step(state, &burst, 1, 0, burst.frames[0].timestamp_ns)
            rx.rx_release(rx, burst.frames, burst.count)
            frames += burst.count
            total += tp_clock_now(clock) - started
    return frames, total
