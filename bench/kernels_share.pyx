"""What a received frame costs a consumer on one core: bursts put in, and taken out again."""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.pio cimport pio_frame, pio_queue

cdef enum:
    FRAMES = 64  # put in at a time, not timed
    BURST = 16   # taken at a time, as the appliance's loop does


def taken_ns(far_address: int, near_address: int, clock_address: int, frame: bytes,
             rounds: int, other_address: int = 0) -> float:
    """Nanoseconds a frame of rx_burst, a look at its addresses, rx_release and service.

    ``other_address``: a member to which nothing is sent, asked in turn.
    """
    cdef uintptr_t far_at = far_address, near_at = near_address, clock_at = clock_address
    cdef uintptr_t other_at = other_address
    cdef pio_queue *far = <pio_queue *>far_at
    cdef pio_queue *near = <pio_queue *>near_at
    cdef pio_queue *other = <pio_queue *>other_at
    cdef const tp_clock *clock = <const tp_clock *>clock_at
    cdef pio_frame[FRAMES] frames
    cdef const char *data = frame
    cdef uint32_t length = <uint32_t>len(frame), count, left, i
    cdef uint64_t ns = 0, begin, total = 0, seen = 0, turns = rounds
    with nogil:
        while turns:
            turns -= 1
            left = far.tx_lend(far, frames, FRAMES)
            for i in range(left):
                memcpy(frames[i].data, data, length)
                frames[i].length = length
            left = far.tx_burst(far, frames, left)
            total += left
            begin = tp_clock_now(clock)
            while left:
                count = near.rx_burst(near, frames, BURST)
                for i in range(count):
                    seen += frames[i].data[30] + frames[i].data[37]
                near.rx_release(near, frames, count)
                near.service(near, begin)
                if not count:
                    break
                left -= count
                if other != NULL:
                    if other.rx_burst(other, frames, BURST):
                        break
                    other.service(other, begin)
            ns += tp_clock_now(clock) - begin
    if not seen or left:
        raise RuntimeError("frames that were sent did not come")
    return ns / total
