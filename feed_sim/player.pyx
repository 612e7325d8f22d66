"""Plays a day file's messages, or a capture's frames, out of a queue at a chosen pace.

Each message is due at a time: at a rate, message n at n / rate; at a speed, when its timestamp says
so, that many times faster; at the most, at once. The player waits by polling the clock, so it needs
a core of its own to be exact; how late it was is recorded for every message, and nothing is ever
dropped: a full queue is waited for.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from dpdk_bindings.pio cimport PIO_FRAME_CHECKSUM_PARTIAL, pio_frame, pio_queue
from feed_sim.exchange.publisher cimport (
    line_flush, line_init, line_say, line_t, store_commit, store_free, store_new, store_slot,
    store_t,
)
from itch_ouch.mold cimport MOLD_OK, mold_check, mold_packet
from itch_ouch.net cimport NET_OK, net_datagram, net_parse_udp
from itch_ouch.wire cimport MOLD_BLOCK_BYTES, MOLD_COUNT_END, get48

from dpdk_bindings.env import Clock, Histogram

cdef enum:
    STORE_MESSAGES = 4096
    # Wide enough for any message that a day file of today or tomorrow should hold.
    SLOT_BYTES = 256
    # Messages put before a flush when nothing says to wait: a few dozen packets.
    UNSENT_MAX = 1024
    # A queue that takes nothing for so long has nobody at its other end.
    STUCK_NS = 3000000000
    END_REPEATS = 3


cdef class Player:
    """Give it bytes with ``framed`` or frames with ``frames``; then ``finish``."""

    cdef object clock, pacing, queue_owner
    cdef const tp_clock *clock_c
    cdef tp_hist *pacing_hist
    cdef volatile uint32_t *stop_word
    cdef pio_queue *queue
    cdef store_t *store
    cdef line_t line
    cdef double period_ns, speed
    cdef uint64_t start_ns, first_ns, end_ns
    cdef bint started, stuck
    cdef readonly uint64_t messages, packets, too_long

    def __cinit__(self, queue, stop, bytes session, dict address, double rate, double speed):
        """``rate`` messages a second, or ``speed`` times the timestamps' pace, or neither."""
        self.clock, self.pacing, self.queue_owner = Clock(), Histogram(), queue
        self.clock_c = <const tp_clock *><size_t>self.clock.address
        self.pacing_hist = <tp_hist *><size_t>self.pacing.address
        self.stop_word = <volatile uint32_t *><size_t>stop.address
        self.queue = <pio_queue *><size_t>queue.address
        self.store = store_new(STORE_MESSAGES, SLOT_BYTES)
        line_init(&self.line, self.queue, session, address)
        self.period_ns = 1e9 / rate if rate else 0
        self.speed = speed

    def __dealloc__(self):
        store_free(self.store)

    cdef inline uint64_t _due(self, uint64_t timestamp_ns) noexcept nogil:
        """When the next message is due; 0: at once."""
        if self.period_ns:
            return self.start_ns + <uint64_t>(<double>self.messages * self.period_ns)
        if self.speed == 0 or timestamp_ns < self.first_ns:
            return 0
        return self.start_ns + <uint64_t>(<double>(timestamp_ns - self.first_ns) / self.speed)

    cdef void _flush(self) noexcept nogil:
        """Hands everything to the queue, however long that takes while somebody reads it."""
        cdef uint64_t now_ns = tp_clock_now(self.clock_c), moved_ns = now_ns
        cdef uint64_t before
        while self.line.next_sequence < self.store.next_sequence and not self.stop_word[0]:
            before = self.line.next_sequence
            line_flush(&self.line, self.store, now_ns, 0, <uint64_t>-1)
            self.queue.service(self.queue, now_ns)
            now_ns = tp_clock_now(self.clock_c)
            if self.line.next_sequence != before:
                moved_ns = now_ns
            elif now_ns - moved_ns > STUCK_NS:
                self.stuck = True
                return

    cdef uint64_t _wait(self, uint64_t due_ns) noexcept nogil:
        """Polls until a time or a signal; returns the time."""
        cdef uint64_t now_ns = tp_clock_now(self.clock_c)
        while now_ns < due_ns and not self.stop_word[0]:
            self.queue.service(self.queue, now_ns)
            now_ns = tp_clock_now(self.clock_c)
        return now_ns

    cdef inline void _start(self, uint64_t timestamp_ns) noexcept nogil:
        self.started = True
        self.start_ns = tp_clock_now(self.clock_c)
        self.first_ns = timestamp_ns

    cdef void _message(self, const uint8_t *message, uint32_t length) noexcept nogil:
        """Waits for the message's time, and puts it; what is put and not due later goes out."""
        cdef uint64_t timestamp_ns = get48(message + 5) if length >= 11 else 0, due_ns, now_ns
        cdef uint8_t *slot
        if not self.started:
            self._start(timestamp_ns)
        due_ns = self._due(timestamp_ns)
        if due_ns:
            now_ns = tp_clock_now(self.clock_c)
            if now_ns < due_ns:
                self._flush()
                now_ns = self._wait(due_ns)
            tp_hist_record(self.pacing_hist, now_ns - due_ns if now_ns > due_ns else 0)
        if length > SLOT_BYTES - MOLD_BLOCK_BYTES:
            self.too_long += 1
            return
        slot = store_slot(self.store, self.store.next_sequence)
        memcpy(slot + MOLD_BLOCK_BYTES, message, length)
        store_commit(self.store, slot, length)
        self.messages += 1
        if self.store.next_sequence - self.line.next_sequence >= UNSENT_MAX:
            self._flush()

    def framed(self, const uint8_t[::1] content not None):
        """Plays whole messages behind their lengths; returns the bytes taken.

        Keep what is left in front of the next chunk. A length of 0 is the end: it is not taken.
        RuntimeError when the queue takes nothing for some seconds.
        """
        cdef uint64_t size = content.shape[0], used = 0
        cdef uint32_t length
        if size == 0:
            return 0
        cdef const uint8_t *data = &content[0]
        with nogil:
            while size - used >= MOLD_BLOCK_BYTES and not self.stop_word[0] and not self.stuck:
                length = <uint32_t>data[used] << 8 | data[used + 1]
                if length == 0 or size - used - MOLD_BLOCK_BYTES < length:
                    break
                self._message(data + used + MOLD_BLOCK_BYTES, length)
                used += MOLD_BLOCK_BYTES + length
        self._complain()
        return used

    cdef uint32_t _weight(self, const pio_frame *frame) noexcept nogil:
        """How many messages a frame counts for: those in it, or 1 when it is something else."""
        cdef net_datagram datagram
        cdef mold_packet packet
        if net_parse_udp(frame.data, frame.length, PIO_FRAME_CHECKSUM_PARTIAL, &datagram) != NET_OK:
            return 1
        if mold_check(datagram.payload, datagram.payload_length, &packet) != MOLD_OK:
            return 1
        return packet.message_count

    cdef void _frame(self, const pio_frame *frame) noexcept nogil:
        cdef pio_frame out
        cdef uint64_t due_ns, now_ns, since_ns
        if not self.started:
            self._start(frame.timestamp_ns)
        due_ns = self._due(frame.timestamp_ns)
        now_ns = self._wait(due_ns)
        if due_ns:
            tp_hist_record(self.pacing_hist, now_ns - due_ns if now_ns > due_ns else 0)
        since_ns = now_ns
        while not self.stop_word[0]:
            if self.queue.tx_lend(self.queue, &out, 1):
                if frame.length <= out.length:
                    memcpy(out.data, frame.data, frame.length)
                out.length = frame.length
                out.flags = 0
                out.timestamp_ns = now_ns
                if self.queue.tx_burst(self.queue, &out, 1):
                    break
                self.queue.tx_return(self.queue, &out, 1)
            self.queue.service(self.queue, now_ns)
            now_ns = tp_clock_now(self.clock_c)
            if now_ns - since_ns > STUCK_NS:
                self.stuck = True
                return
        self.packets += 1
        self.messages += self._weight(frame)

    def frames(self, size_t source_address, uint64_t count_max):
        """Plays up to ``count_max`` frames of an open queue as they are; returns how many."""
        cdef pio_queue *source = <pio_queue *>source_address
        cdef pio_frame[64] frames
        cdef uint64_t taken = 0
        cdef uint32_t count, i
        with nogil:
            while taken < count_max and not self.stop_word[0] and not self.stuck:
                count = source.rx_burst(source, frames, 64)
                if count == 0:
                    break
                for i in range(count):
                    if not self.stop_word[0] and not self.stuck:
                        self._frame(&frames[i])
                source.rx_release(source, frames, count)
                taken += count
        self._complain()
        return taken

    def _complain(self):
        if self.stuck:
            raise RuntimeError(f"queue {self.queue_owner.name} took nothing for "
                               f"{STUCK_NS // 10**9} seconds; start its reader first")

    def finish(self, bint end_of_session):
        """Sends what waits, and ends the session of a day file."""
        cdef uint32_t i
        with nogil:
            self._flush()
        self.end_ns = tp_clock_now(self.clock_c)
        if end_of_session:
            for i in range(END_REPEATS):
                line_say(&self.line, self.store.next_sequence, MOLD_COUNT_END, self.end_ns)
        self.queue.service(self.queue, self.end_ns)
        self.packets += self.line.packets
        self._complain()

    @property
    def seconds(self):
        return (self.end_ns - self.start_ns) / 1e9 if self.started else 0.0

    def pacing_error_ns(self):
        """How late messages were handed over, as a summary."""
        return self.pacing.summary()
