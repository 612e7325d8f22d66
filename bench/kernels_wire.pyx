"""Ping over a wire: a frame out, its answer in, again and again, each timed; and who answers."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcmp, memcpy

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from dpdk_bindings.pio cimport pio_frame, pio_queue

cdef enum:
    BURST = 32
    PATIENCE_NS = 20_000_000    # then it is lost, and the next one is sent
    NUMBER_BYTES = 8            # at the frame's end: an answer out of time is told from ours


def ping(queue_address: int, clock_address: int, frame, seconds: float,
         histogram_address: int) -> tuple[int, int]:
    """How many were answered, and how many were lost."""
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef tp_hist *histogram = <tp_hist *><uintptr_t>histogram_address
    cdef const uint8_t[:] data = frame
    cdef uint32_t length = len(frame), at = length - NUMBER_BYTES, count, i
    cdef uint64_t number = 0, answered = 0, started, now = tp_clock_now(clock)
    cdef uint64_t end = now + <uint64_t>(seconds * 1e9)
    cdef bint is_back
    cdef pio_frame one
    cdef pio_frame[BURST] frames
    with nogil:
        while now < end:
            number += 1
            started = tp_clock_now(clock)
            is_back = False
            if queue.tx_lend(queue, &one, 1):
                memcpy(one.data, &data[0], length)
                memcpy(one.data + at, &number, NUMBER_BYTES)
                one.length = length
                if queue.tx_burst(queue, &one, 1) == 0:
                    queue.tx_return(queue, &one, 1)
            while not is_back:
                count = queue.rx_burst(queue, frames, BURST)
                now = tp_clock_now(clock)
                for i in range(count):
                    is_back |= (frames[i].length >= length
                                and not memcmp(frames[i].data + at, &number, NUMBER_BYTES))
                queue.rx_release(queue, frames, count)
                if is_back:
                    tp_hist_record(histogram, now - started)
                    answered += 1
                elif now - started > PATIENCE_NS:
                    break
                else:
                    queue.service(queue, now)
    return answered, number - answered


def answer(queue_address: int, clock_address: int, seconds: float) -> int:
    """Sends each datagram back to where it came from: IPv4 addresses and UDP ports exchanged."""
    cdef pio_queue *queue = <pio_queue *><uintptr_t>queue_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t now = tp_clock_now(clock), end = now + <uint64_t>(seconds * 1e9), answered = 0
    cdef uint32_t count, i
    cdef uint8_t *data
    cdef const uint8_t *came
    cdef pio_frame one
    cdef pio_frame[BURST] frames
    with nogil:
        while now < end:
            count = queue.rx_burst(queue, frames, BURST)
            for i in range(count):
                if queue.tx_lend(queue, &one, 1) == 0:
                    break
                came, data = frames[i].data, one.data
                memcpy(data, came, frames[i].length)
                memcpy(data + 26, came + 30, 4)
                memcpy(data + 30, came + 26, 4)
                memcpy(data + 34, came + 36, 2)
                memcpy(data + 36, came + 34, 2)
                one.length = frames[i].length
                if queue.tx_burst(queue, &one, 1) == 0:
                    queue.tx_return(queue, &one, 1)
                answered += 1
            queue.rx_release(queue, frames, count)
            now = tp_clock_now(clock)
            queue.service(queue, now)
    return answered
