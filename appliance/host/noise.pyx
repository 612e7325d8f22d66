"""The loop of the core-noise meter: it reads the clock back to back, and a late read is noise.

One measurement belongs to one thread. It records every gap between two reads into the caller's
histogram and keeps the longest in a table of fixed size; it allocates nothing and ends at its end
time, or when the stop word is set. Only after a gap of at least the threshold does it ask the
kernel (getrusage) whether the thread was switched out or took a page fault meanwhile; what that
question takes is its own, counted apart as ``blind_ns``, and is no gap unless it was interrupted
itself.
"""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record

cdef enum:
    # More than anyone reads; inserting walks the table, 64 entries of 32 bytes, in the blind time.
    WORST_COUNT_MAX = 64
    # The branches are learnt and the histogram's pages are there before anything counts.
    WARM_UP_NS = 1000000
    # A question takes 500 ns or so, a cold one three times that. What takes longer than this, and
    # the threshold, was interrupted: on entry or on leaving a system call the scheduler may switch.
    QUESTION_NS_MAX = 3000

WORST_MAX = <int>WORST_COUNT_MAX

cdef extern from *:
    """
    #include <sys/resource.h>
    struct noise_usage { uint64_t preempted, slept, faults; };
    /* What the kernel counted for the calling thread; it cannot fail for RUSAGE_THREAD. */
    static void noise_usage_read(struct noise_usage *usage) {
        struct rusage now;
        getrusage(RUSAGE_THREAD, &now);
        usage->preempted = (uint64_t)now.ru_nivcsw;
        usage->slept = (uint64_t)now.ru_nvcsw;
        usage->faults = (uint64_t)now.ru_minflt + (uint64_t)now.ru_majflt;
    }
    static inline uint32_t noise_stop_load(const uint32_t *word) {
        return __atomic_load_n(word, __ATOMIC_RELAXED);
    }
    """
    cdef struct noise_usage:
        uint64_t preempted
        uint64_t slept
        uint64_t faults
    void noise_usage_read(noise_usage *usage) noexcept nogil
    uint32_t noise_stop_load(const uint32_t *word) noexcept nogil

cdef enum cause:
    OTHER = 0       # an interrupt, or below the kernel: hypervisor, firmware, frequency
    PREEMPTED = 1   # another thread had the core
    SLEPT = 2       # the thread itself left the core, as one that is stopped does
    FAULTED = 3     # it took a page fault
    CAUSES = 4

CAUSE_NAMES = ("other", "preempted", "slept", "faulted")

cdef struct noise_gap:
    uint64_t started_ns
    uint64_t gap_ns
    uint32_t cause

cdef struct noise_meter:
    uint64_t threshold_ns
    uint64_t blind_ns
    uint64_t[CAUSES] cause_count
    uint64_t[CAUSES] cause_ns
    noise_usage usage_first
    noise_usage usage           # as of the last gap
    uint32_t worst_max
    uint32_t worst_count
    noise_gap[WORST_COUNT_MAX] worst


cdef void _keep(noise_meter *meter, uint64_t started, uint64_t gap, uint32_t why) noexcept nogil:
    """Into the table, in place of the shortest once it is full."""
    cdef uint32_t i, at = 0
    if meter.worst_count < meter.worst_max:
        at = meter.worst_count
        meter.worst_count += 1
    else:
        for i in range(1, meter.worst_count):
            if meter.worst[i].gap_ns < meter.worst[at].gap_ns:
                at = i
        if gap <= meter.worst[at].gap_ns:
            return
    meter.worst[at].started_ns = started
    meter.worst[at].gap_ns = gap
    meter.worst[at].cause = why


cdef void _notice(noise_meter *meter, uint64_t started, uint64_t gap) noexcept nogil:
    """Counts a gap by its cause."""
    cdef noise_usage usage
    cdef uint32_t why = OTHER
    noise_usage_read(&usage)
    if usage.slept != meter.usage.slept:
        # First: this loop never sleeps, and one that is woken again may be preempted as well.
        why = SLEPT
    elif usage.preempted != meter.usage.preempted:
        why = PREEMPTED
    elif usage.faults != meter.usage.faults:
        why = FAULTED
    meter.usage = usage
    meter.cause_count[why] += 1
    meter.cause_ns[why] += gap
    _keep(meter, started, gap, why)


cdef uint64_t _noticed(noise_meter *meter, tp_hist *hist, const tp_clock *clock, uint64_t before,
                       uint64_t now, uint64_t end) noexcept nogil:
    """Notices the gap, and those within its own questions; the time from which to go on."""
    while True:
        _notice(meter, before, now - before)
        before = now
        now = tp_clock_now(clock)
        if now - before < meter.threshold_ns + QUESTION_NS_MAX or now >= end:
            meter.blind_ns += now - before
            return now
        tp_hist_record(hist, now - before)


cdef uint64_t _loop(noise_meter *meter, tp_hist *hist, const tp_clock *clock,
                    const uint32_t *stop, uint64_t now, uint64_t end) noexcept nogil:
    """Reads the clock until ``end``; the last time read."""
    cdef uint64_t before
    while now < end and not noise_stop_load(stop):
        before = now
        now = tp_clock_now(clock)
        tp_hist_record(hist, now - before)
        if now - before >= meter.threshold_ns:
            now = _noticed(meter, hist, clock, before, now, end)
    return now


cdef void _start(noise_meter *meter, uint64_t threshold_ns, uint32_t worst_max) noexcept nogil:
    memset(meter, 0, sizeof(noise_meter))
    meter.threshold_ns = threshold_ns
    meter.worst_max = worst_max
    noise_usage_read(&meter.usage)
    meter.usage_first = meter.usage


def measure(hist_address: int, clock_address: int, stop_address: int, seconds: float,
            threshold_ns: int, worst_count: int) -> dict:
    """Measures the core that the calling thread is pinned to; ``noise_report`` reads the result.

    The histogram is emptied first. ``seconds`` begin after a warm-up of a millisecond. Gaps of
    ``threshold_ns`` or more are counted, and the ``worst_count`` longest kept, longest first.
    """
    cdef tp_hist *hist = <tp_hist *><uintptr_t>hist_address
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef const uint32_t *stop = <const uint32_t *><uintptr_t>stop_address
    cdef uint64_t threshold = threshold_ns, length = <uint64_t>(seconds * 1e9), started, ended
    cdef uint32_t worst_max = worst_count, i
    cdef noise_meter meter
    if not 1 <= worst_max <= WORST_COUNT_MAX:
        raise ValueError(f"the table of the worst gaps holds 1 to {WORST_COUNT_MAX}")
    with nogil:
        memset(hist, 0, sizeof(tp_hist))
        _start(&meter, threshold, worst_max)
        started = tp_clock_now(clock)
        _loop(&meter, hist, clock, stop, started, started + WARM_UP_NS)
        memset(hist, 0, sizeof(tp_hist))
        _start(&meter, threshold, worst_max)
        started = tp_clock_now(clock)
        ended = _loop(&meter, hist, clock, stop, started, started + length)
        noise_usage_read(&meter.usage)
    worst = [(meter.worst[i].started_ns - started, meter.worst[i].gap_ns,
              CAUSE_NAMES[meter.worst[i].cause]) for i in range(meter.worst_count)]
    return {
        "started_ns": started,
        "elapsed_ns": ended - started,
        "reads": hist.total_count,
        "blind_ns": meter.blind_ns,
        "preempted": meter.usage.preempted - meter.usage_first.preempted,
        "slept": meter.usage.slept - meter.usage_first.slept,
        "faults": meter.usage.faults - meter.usage_first.faults,
        "counts": {CAUSE_NAMES[i]: meter.cause_count[i] for i in range(CAUSES)},
        "lost_ns": {CAUSE_NAMES[i]: meter.cause_ns[i] for i in range(CAUSES)},
        "worst": sorted(worst, key=lambda gap: -gap[1]),
    }
