"""The loop's own cost: its turns on one core, with nobody at the other end of its queues."""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t

from dpdk_bindings.env.clock cimport tp_clock_now
from dpdk_bindings.env.ring cimport (
    tp_ring_consume, tp_ring_peek, tp_ring_read, tp_ring_reader, tp_ring_release,
)
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_GOOD, pio_frame, pio_queue
from appliance.core.engine cimport BURST_MAX, ROLE_FEED_A, EngineState
from appliance.obliging cimport oblige
from appliance.replay cimport ItchSource, itch_source_begin, itch_source_frame
from appliance.tile cimport Tile, TileState, turn


cdef void _drain_journal(tp_ring_reader *journal) noexcept nogil:
    cdef uint32_t size_bytes = 0
    while tp_ring_peek(journal, &size_bytes) != NULL:
        tp_ring_consume(journal, size_bytes)
    tp_ring_release(journal)


cdef uint64_t _drain(pio_queue *queue) noexcept nogil:
    """Takes whatever has arrived; how many frames."""
    cdef pio_frame[BURST_MAX] frames
    cdef uint32_t count = queue.rx_burst(queue, frames, BURST_MAX)
    queue.rx_release(queue, frames, count)
    return count


def day_through(Tile tile not None, data, feed_address: int, venue_address: int,
                messages_a_frame: int, idle_turns: int) -> tuple[int, int]:
    """Every datagram of a day through one turn each; (datagrams of the feed, of orders).

    ``idle_turns`` without a frame lie between two datagrams, as in all but the busiest moments.

    The sender's work lies between the turns, and so do the venue's answers, which are an obliging
    one's (appliance.obliging): the loop's own timers say what its turns took.
    """
    cdef const unsigned char[:] view = data
    cdef pio_queue *feed = <pio_queue *><uintptr_t>feed_address
    cdef pio_queue *venue = <pio_queue *><uintptr_t>venue_address
    cdef TileState *t = tile.tile
    cdef EngineState *engine = t.engine
    cdef ItchSource source
    cdef tp_ring_reader journal = tp_ring_read(t.journal.ring)
    cdef pio_frame frame
    cdef uint32_t i, idle = idle_turns
    cdef uint64_t frames = 0, orders = 0, now = 0, answered = engine.channel.tx_wire
    itch_source_begin(&source, &view[0], len(data), engine.addresses[ROLE_FEED_A].address,
                      engine.addresses[ROLE_FEED_A].port)
    source.messages_max = messages_a_frame
    with nogil:
        turn(t)
        oblige(engine, &answered)
        while feed.tx_lend(feed, &frame, 1):
            frame.length = itch_source_frame(&source, frame.data, &now)
            if frame.length == 0:
                feed.tx_return(feed, &frame, 1)
                break
            frame.flags = PIO_FRAME_CHECKSUM_GOOD
            frame.timestamp_ns = 0
            feed.tx_burst(feed, &frame, 1)
            turn(t)
            oblige(engine, &answered)
            for i in range(idle):
                turn(t)
            orders += _drain(venue)
            _drain_journal(&journal)
            frames += 1
    return frames, orders


def idle(Tile tile not None, turns: int) -> int:
    """How many ns so many turns took that received nothing."""
    cdef TileState *t = tile.tile
    cdef uint64_t count = turns, i, started
    with nogil:
        started = tp_clock_now(&t.clock)
        for i in range(count):
            turn(t)
        started = tp_clock_now(&t.clock) - started
    return started
