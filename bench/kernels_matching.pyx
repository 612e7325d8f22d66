# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""Operations for the matching core, made ahead of time from a seed, and applied to a core.

Both scenarios trade one symbol, and steer to a number of resting orders:

- *normal*: 10,000 resting orders at a touch that walks. A new order lies 1 tick and a geometric
  distance from it, one in eight far out; 15 % of the new orders are IOC orders into the other side.
  9 % replaces, by a tick or two; 4 % reductions; the rest adds and cancels. Most cancels take one
  of the 256 orders that came last.
- *worst*: 100,000 resting orders at prices that are equally likely over 4,000 ticks a side, so
  that levels come, are searched and go anywhere; replaces to such prices; every cancel takes any
  order, most of them long out of the cache; 1.5 % of the new orders are IOC orders that sweep 16
  orders or more, over up to 64 ticks.

Which reference an operation names is known beforehand, because the core numbers them in order: the
maker runs them on a core of its own, whose reports become the digest that every run must equal.
"""
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now
from dpdk_bindings.env.histogram cimport tp_hist, tp_hist_record
from feed_sim.exchange.matching cimport (
    MATCH_BUY, MATCH_DAY, MATCH_EXECUTED, MATCH_IOC, MATCH_SELL, Matching, match_cancel, match_core,
    match_find, match_live_orders, match_order, match_order_view, match_replace, match_report,
    match_reports, match_submit,
)
from itch_ouch.digest cimport mix64

cdef extern from *:
    """
    #if defined(__x86_64__)
    #include <x86intrin.h>
    /* Nothing before may be unfinished when the clock is read, nothing after may have begun. */
    static inline uint64_t ticks_before(void) {
        _mm_lfence();
        uint64_t ticks = __rdtsc();
        _mm_lfence();
        return ticks;
    }
    static inline uint64_t ticks_after(void) {
        unsigned int core;
        uint64_t ticks = __rdtscp(&core);
        _mm_lfence();
        return ticks;
    }
    #else
    #include "tp_clock.h"
    static inline uint64_t ticks_before(void) { return tp_ticks(); }
    static inline uint64_t ticks_after(void) { return tp_ticks(); }
    #endif
    """
    uint64_t ticks_before() noexcept nogil
    uint64_t ticks_after() noexcept nogil

cdef enum:
    SUBMIT
    CANCEL
    REPLACE

cdef enum:
    MIDDLE = 100000              # ticks: where the walk begins, and the worst scenario's border
    RECENT = 256
    FAR_TICKS = 800
    WORST_TICKS = 4000
    SWEEP_TICKS = 64
    CLOCK_READS = 100000

ORDERS_MAX = 1 << 18
REPORTS_MAX = 1 << 12
LIVE = {"normal": 10_000, "worst": 100_000}

ctypedef struct operation:
    uint32_t kind
    uint32_t total               # of a cancel
    uint64_t reference           # of a cancel or a replace
    match_order order            # of a submit or a replace

ctypedef struct maker_t:
    match_core *core
    uint64_t state
    uint64_t *live               # references that rest, or did when they were last looked at
    uint32_t live_count
    uint32_t live_target
    int32_t middle
    bint worst


cdef inline uint64_t draw(maker_t *maker) noexcept nogil:
    maker.state += <uint64_t>0x9E3779B97F4A7C15
    return mix64(maker.state)


cdef inline int32_t below(uint64_t bits, uint32_t count) noexcept nogil:
    return <int32_t>((bits >> 32) * count >> 32)


cdef inline int32_t distance(maker_t *maker) noexcept nogil:
    """Ticks behind the touch."""
    cdef uint64_t bits = draw(maker)
    cdef int32_t ticks = 0
    if maker.worst:
        return below(bits, WORST_TICKS)
    if bits & 7 == 0:
        return below(bits, FAR_TICKS)
    bits = bits >> 3 | <uint64_t>1 << 32
    while bits & 1 == 0:         # geometric, of mean 2 after the doubling
        ticks += 2
        bits >>= 1
    return ticks + <int32_t>(bits >> 1 & 1)


cdef uint64_t resting(maker_t *maker, match_order_view *view) noexcept nogil:
    """A resting order and its place in the list, or -1; those that went are forgotten."""
    cdef uint64_t bits
    cdef uint32_t at, window
    while maker.live_count:
        bits = draw(maker)
        window = maker.live_count
        if not maker.worst and bits & 3:
            window = min(window, <uint32_t>RECENT)
        at = maker.live_count - 1 - below(bits, window)
        if match_find(maker.core, maker.live[at], view):
            return at
        maker.live_count -= 1
        maker.live[at] = maker.live[maker.live_count]
    return <uint64_t>-1


cdef void make_submit(maker_t *maker, operation *op) noexcept nogil:
    cdef uint64_t bits = draw(maker)
    cdef int32_t ticks
    op.kind = SUBMIT
    op.order.locate = 1
    op.order.side = MATCH_SELL if bits & 1 else MATCH_BUY
    op.order.shares = 1 + below(bits, 100)
    if (bits >> 1 & 1023) < (15 if maker.worst else 154):
        op.order.life = MATCH_IOC
        ticks = -(below(draw(maker), SWEEP_TICKS) if maker.worst else <int32_t>(bits >> 11 & 3))
        if maker.worst:
            op.order.shares *= 16
    else:
        op.order.life = MATCH_DAY
        ticks = 1 + distance(maker)
    ticks = maker.middle + (ticks if op.order.side == MATCH_SELL else -ticks)
    op.order.price = <uint32_t>(100 * ticks)


cdef void make(maker_t *maker, operation *op) noexcept nogil:
    """The next operation."""
    cdef uint64_t bits = draw(maker), at = <uint64_t>-1
    cdef uint32_t kind = bits & 1023
    cdef match_order_view view
    cdef bint adds = (bits >> 10 & 1023) < \
        (680 if match_live_orders(maker.core) < maker.live_target else 440)
    memset(op, 0, sizeof(operation))
    op.order.tag = <uint32_t>draw(maker)
    if not maker.worst and bits >> 20 & 255 == 0:
        maker.middle += 1 if bits >> 28 & 1 else -1
    if kind < 133 or not adds:
        at = resting(maker, &view)
    if at == <uint64_t>-1:
        make_submit(maker, op)
        return
    op.reference = view.reference
    if kind < 92:
        make_submit(maker, op)
        op.kind = REPLACE
        op.order.life = MATCH_DAY
        op.order.side = view.side
        op.order.shares = view.executed + view.shares + 1
        if not maker.worst:
            op.order.price = <uint32_t>(<int32_t>view.price + 100 * (<int32_t>(bits >> 29 & 3) - 1))
    else:
        op.kind = CANCEL
        op.total = view.executed + view.shares // 2 if kind < 133 else 0
    if op.kind == REPLACE or op.total == 0:
        maker.live_count -= 1
        maker.live[at] = maker.live[maker.live_count]


cdef inline void apply(match_core *core, const operation *op) noexcept nogil:
    if op.kind == SUBMIT:
        match_submit(core, &op.order)
    elif op.kind == CANCEL:
        match_cancel(core, op.reference, op.total)
    else:
        match_replace(core, op.reference, &op.order)


cdef inline uint64_t read(match_core *core, uint64_t digest, uint64_t *counts) noexcept nogil:
    """Every field of every report, in order."""
    cdef uint32_t count = 0, i
    cdef const match_report *r = match_reports(core, &count)
    for i in range(count):
        digest = (digest ^ r[i].reference ^ <uint64_t>r[i].shares << 32 ^ r[i].price) * \
            <uint64_t>0x9E3779B97F4A7C15 + r[i].other_reference
        digest ^= digest >> 29
        digest += r[i].match_number ^ <uint64_t>r[i].tag << 32 ^ r[i].other_tag ^ (
            <uint64_t>r[i].type << 56 | <uint64_t>r[i].reason << 48 | <uint64_t>r[i].result << 40
            | <uint64_t>r[i].side << 39 | <uint64_t>r[i].locate << 16)
        counts[1] += r[i].type == MATCH_EXECUTED
    counts[0] += count
    return digest


cdef class Operations:
    """``count`` operations of a scenario; ``expected`` is what the maker's own core reported."""

    cdef operation *rows
    cdef readonly uint64_t count
    cdef readonly dict expected

    def __cinit__(self, scenario, uint64_t count, uint64_t seed):
        cdef maker_t maker
        cdef uint64_t[2] counts = [0, 0]
        cdef uint64_t digest = 0, i
        cdef uint32_t reports = 0
        cdef const match_report *r
        cdef Matching own = core_for(count)
        memset(&maker, 0, sizeof(maker_t))
        maker.core = own.core
        maker.state = seed
        maker.live_target = LIVE[scenario]
        maker.middle = MIDDLE
        maker.worst = scenario == "worst"
        maker.live = <uint64_t *>calloc(count + 1, sizeof(uint64_t))
        self.rows = <operation *>calloc(count, sizeof(operation))
        self.count = count
        if maker.live == NULL or self.rows == NULL:
            free(maker.live)
            raise MemoryError("no memory for so many operations; ask for fewer")
        with nogil:
            for i in range(count):
                make(&maker, &self.rows[i])
                apply(maker.core, &self.rows[i])
                digest = read(maker.core, digest, counts)
                r = match_reports(maker.core, &reports)
                if self.rows[i].kind != CANCEL and rests(maker.core, r[0].reference):
                    maker.live[maker.live_count] = r[0].reference
                    maker.live_count += 1
        free(maker.live)
        self.expected = summary(own, digest, counts)

    def __dealloc__(self):
        free(self.rows)

    def __getitem__(self, uint64_t i):
        """One operation as (method, arguments, tag) of ``Matching``; for tests."""
        if i >= self.count:
            raise IndexError(i)
        cdef operation *op = &self.rows[i]
        life = "ioc" if op.order.life == MATCH_IOC else "day"
        if op.kind == SUBMIT:
            return ("submit", (op.order.locate, op.order.side, op.order.shares, op.order.price,
                               life), op.order.tag)
        if op.kind == REPLACE:
            return "replace", (op.reference, op.order.shares, op.order.price, life), op.order.tag
        return "cancel", (op.reference, op.total), 0


cdef inline bint rests(match_core *core, uint64_t reference) noexcept nogil:
    cdef match_order_view view
    return match_find(core, reference, &view)


cdef dict summary(Matching core, uint64_t digest, uint64_t *counts):
    return {"reports": counts[0], "executions": counts[1], "live_orders": core.live_orders,
            "live_levels": core.live_levels, "digest": digest}


def core_for(uint64_t count) -> Matching:
    """A core with room for ``count`` operations of either scenario."""
    return Matching(1, ORDERS_MAX, 1 << 14, REPORTS_MAX, count + 1)


def run(Operations operations, Matching core, clock_address: int) -> tuple[int, dict[str, int]]:
    """Applies all of them and reads every report: (ns, what was counted)."""
    cdef const tp_clock *clock = <const tp_clock *><size_t>clock_address
    cdef uint64_t[2] counts = [0, 0]
    cdef uint64_t digest = 0, i, started, ended
    with nogil:
        started = tp_clock_now(clock)
        for i in range(operations.count):
            apply(core.core, &operations.rows[i])
            digest = read(core.core, digest, counts)
        ended = tp_clock_now(clock)
    return ended - started, summary(core, digest, counts)


def run_each(Operations operations, Matching core, clock_address: int, hist_address: int
             ) -> tuple[int, dict[str, int]]:
    """The same, each operation timed alone: (the clock's own ns, what was counted).

    The clock is read behind fences, so that no operation hides a miss behind the next one's work.
    What two such reads take by themselves, at the least, is taken off.
    """
    cdef const tp_clock *clock = <const tp_clock *><size_t>clock_address
    cdef tp_hist *hist = <tp_hist *><size_t>hist_address
    cdef uint64_t[2] counts = [0, 0]
    cdef uint64_t digest = 0, i, before, took, least = <uint64_t>-1
    with nogil:
        for i in range(CLOCK_READS):
            before = ticks_before()
            least = min(least, ticks_after() - before)
        for i in range(operations.count):
            before = ticks_before()
            apply(core.core, &operations.rows[i])
            took = ticks_after() - before
            tp_hist_record(hist, (took - min(least, took)) * clock.ns_per_tick_q32 >> 32)
            digest = read(core.core, digest, counts)
    return least * clock.ns_per_tick_q32 >> 32, summary(core, digest, counts)
