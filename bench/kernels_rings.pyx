"""The inner loops of the ring benchmarks, both sides, without the GIL.

A record is eight words, the first its number; the receiving side checks number and last word of
every one and tells how many were wrong.
"""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from dpdk_bindings.env.mpsc cimport (
    TP_MPSC_RECORD_BYTES, tp_mpsc, tp_mpsc_claim, tp_mpsc_commit, tp_mpsc_consume, tp_mpsc_peek,
    tp_mpsc_read, tp_mpsc_reader, tp_mpsc_record, tp_mpsc_release, tp_mpsc_write, tp_mpsc_writer,
)
from dpdk_bindings.env.ring cimport (
    tp_ring, tp_ring_claim, tp_ring_commit, tp_ring_consume, tp_ring_peek, tp_ring_read,
    tp_ring_reader, tp_ring_release, tp_ring_write, tp_ring_writer,
)

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef extern from *:
    """
    static inline uint64_t word_acquire(const uint64_t *word) {
        return __atomic_load_n(word, __ATOMIC_ACQUIRE);
    }
    static inline void word_release(uint64_t *word, uint64_t value) {
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
    }
    #if defined(__x86_64__)
    #define spin_pause() __builtin_ia32_pause()
    #else
    #define spin_pause() __asm__ volatile("yield" ::: "memory")
    #endif
    """
    void spin_pause() noexcept nogil
    uint64_t word_acquire(const uint64_t *word) noexcept nogil
    void word_release(uint64_t *word, uint64_t value) noexcept nogil

cdef enum:
    RECORD_WORDS = 8
    MPSC_WORDS = TP_MPSC_RECORD_BYTES // 8
    PRODUCER_SHIFT = 32
    MPSC_RELEASE = 64           # power of two: records that the consumer takes before it releases


cdef inline void fill(uint64_t *record, uint64_t number, uint32_t words) noexcept nogil:
    cdef uint32_t i
    for i in range(words):
        record[i] = number


def lines_ping(ours: int, theirs: int, turns: int, hist_address: int, clock_address: int) -> None:
    """Writes a word, waits for the other core's; records half the way there and back, ns."""
    cdef uint64_t *to = <uint64_t *><uintptr_t>ours
    cdef const uint64_t *source = <const uint64_t *><uintptr_t>theirs
    cdef tp_hist *hist = <tp_hist *><uintptr_t>hist_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t number, started, last = turns
    with nogil:
        for number in range(1, last + 1):
            started = tp_clock_now(clock)
            word_release(to, number)
            while word_acquire(source) != number:
                pass
            tp_hist_record(hist, (tp_clock_now(clock) - started) >> 1)


def lines_pong(ours: int, theirs: int, turns: int) -> None:
    cdef uint64_t *to = <uint64_t *><uintptr_t>ours
    cdef const uint64_t *source = <const uint64_t *><uintptr_t>theirs
    cdef uint64_t number, last = turns
    with nogil:
        for number in range(1, last + 1):
            while word_acquire(source) != number:
                pass
            word_release(to, number)


cdef inline void send_one(tp_ring_writer *w, uint64_t number) noexcept nogil:
    fill(<uint64_t *>tp_ring_claim(w, 8 * RECORD_WORDS), number, RECORD_WORDS)
    tp_ring_commit(w)


cdef inline uint64_t receive_one(tp_ring_reader *r) noexcept nogil:
    """Waits for a record; its number, or all ones when it is not whole."""
    cdef uint32_t size = 0
    cdef const uint64_t *record = NULL
    cdef uint64_t number
    while record == NULL:
        record = <const uint64_t *>tp_ring_peek(r, &size)
    number = record[0] if record[RECORD_WORDS - 1] == record[0] else <uint64_t>-1
    tp_ring_consume(r, size)
    tp_ring_release(r)
    return number


def ring_ping(out: int, back: int, turns: int, hist_address: int, clock_address: int) -> int:
    """As lines_ping, by a record through a ring each way; how many were wrong."""
    cdef tp_ring_writer w = tp_ring_write(<tp_ring *><uintptr_t>out)
    cdef tp_ring_reader r = tp_ring_read(<tp_ring *><uintptr_t>back)
    cdef tp_hist *hist = <tp_hist *><uintptr_t>hist_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t number, started, wrong = 0, last = turns
    with nogil:
        for number in range(last):
            started = tp_clock_now(clock)
            send_one(&w, number)
            wrong += (receive_one(&r) ^ number) != 0
            tp_hist_record(hist, (tp_clock_now(clock) - started) >> 1)
    return wrong


def ring_pong(out: int, back: int, turns: int) -> None:
    cdef tp_ring_reader r = tp_ring_read(<tp_ring *><uintptr_t>out)
    cdef tp_ring_writer w = tp_ring_write(<tp_ring *><uintptr_t>back)
    cdef uint64_t number, last = turns
    with nogil:
        for number in range(last):
            send_one(&w, receive_one(&r))


def ring_send(address: int, records: int, batch: int) -> None:
    """Sends numbered records of 64 bytes, ``batch`` to a commit."""
    cdef tp_ring_writer w = tp_ring_write(<tp_ring *><uintptr_t>address)
    cdef uint64_t number = 0, last = records
    cdef uint32_t i, most = batch
    cdef uint64_t *record
    with nogil:
        while number < last:
            for i in range(most if most < last - number else last - number):
                record = <uint64_t *>tp_ring_claim(&w, 8 * RECORD_WORDS)
                if record == NULL:
                    break
                fill(record, number, RECORD_WORDS)
                number += 1
            tp_ring_commit(&w)


def ring_receive(address: int, stretch: int, ends, clock_address: int, batch: int) -> int:
    """Takes len(ends) stretches of records; when each ended, ns, into ``ends``; wrong records."""
    cdef tp_ring_reader r = tp_ring_read(<tp_ring *><uintptr_t>address)
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t[::1] times = ends
    cdef uint64_t number = 0, wrong = 0, length = stretch, at, count = len(ends)
    cdef uint32_t size = 0, i, most = batch
    cdef const uint64_t *record
    with nogil:
        for at in range(count):
            while number < (at + 1) * length:
                for i in range(most):
                    record = <const uint64_t *>tp_ring_peek(&r, &size)
                    if record == NULL:
                        break
                    wrong += (record[0] ^ number | record[RECORD_WORDS - 1] ^ number) != 0
                    number += 1
                    tp_ring_consume(&r, size)
                tp_ring_release(&r)
            times[at] = tp_clock_now(clock)
    return wrong


def mpsc_send(address: int, producer: int, records: int, batch: int) -> None:
    """Sends numbered records as one of the producers, ``batch`` to a claim."""
    cdef uint64_t mine = producer
    cdef tp_mpsc_writer w = tp_mpsc_write(<tp_mpsc *><uintptr_t>address, <uint32_t>mine)
    cdef uint64_t number = 0, last = records
    cdef uint32_t i, count, most = batch
    with nogil:
        while number < last:
            count = tp_mpsc_claim(&w, most if most < last - number else <uint32_t>(last - number))
            if count == 0:
                sched_yield()   # on one core with the others: one of them has the oldest slot
                continue
            for i in range(count):
                fill(<uint64_t *>tp_mpsc_record(&w, i), mine << PRODUCER_SHIFT | number, MPSC_WORDS)
                number += 1
            tp_mpsc_commit(&w)


def mpsc_receive(address: int, stretch: int, ends, clock_address: int, counts) -> int:
    """As ring_receive; how many came from each producer, in its order, into ``counts``."""
    cdef tp_mpsc_reader r = tp_mpsc_read(<tp_mpsc *><uintptr_t>address)
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef uint64_t[::1] times = ends, next_number = counts
    cdef uint64_t taken = 0, wrong = 0, length = stretch, at, count = len(ends)
    cdef uint64_t producers = len(counts), producer
    cdef const uint64_t *record
    with nogil:
        for at in range(count):
            while taken < (at + 1) * length:
                record = <const uint64_t *>tp_mpsc_peek(&r)
                if record == NULL:
                    tp_mpsc_release(&r)
                    spin_pause()
                    continue
                producer = record[0] >> PRODUCER_SHIFT
                if producer >= producers or record[MPSC_WORDS - 1] != record[0] or \
                        <uint32_t>record[0] != next_number[producer]:
                    wrong += 1
                else:
                    next_number[producer] += 1
                tp_mpsc_consume(&r)
                taken += 1
                if taken & (MPSC_RELEASE - 1) == 0:
                    tp_mpsc_release(&r)
            times[at] = tp_clock_now(clock)
        tp_mpsc_release(&r)
    return wrong
