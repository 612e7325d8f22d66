# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""Background order flow that keeps a realistic book, from a seed.

The model, in the order in which a step decides:

- *What*: aggress 2 %, replace 6.5 %, reduce 2 %; else add or delete, whose shares are steered so
  that the number of resting orders stays at a target (at balance 46 % adds and 42 % deletes, as on
  a Nasdaq day).
- *Which symbol*: activity over the symbols is a power law (Zipf's, exponent ZIPF_EXPONENT), drawn
  from an alias table in constant time.
- *Where*: prices cluster at the touch. The distance from the symbol's fair value is geometric for
  half of the orders, wider for most others, with a thin tail of far ones. The fair value walks
  slowly and at random between bounds.
- *Which order*: most deletes take an order that came lately, the others any, so lives are short for
  most orders and long for some. A deleted order is found through the core's own tables: the flow
  keeps no order of its own, and never touches one with an owner (TAG_OWNER_MASK).

Everything is integers, and the random numbers are splitmix64's: one seed, one sequence of
operations, on every machine.
"""

import random

from libc.stdlib cimport calloc, free

from feed_sim.exchange.matching cimport (
    MATCH_BUY, MATCH_DAY, MATCH_IOC, MATCH_SELL, Matching, match_cancel, match_find,
    match_level, match_level_view, match_live_orders, match_next_reference, match_order,
    match_order_view, match_replace, match_reports, match_slot, match_slots, match_submit,
)
from itch_ouch.digest cimport mix64

# Activity by rank: 0.75 gives the most active of 3,000 symbols about 4 % of all messages.
ZIPF_EXPONENT = 0.75
# The tick: Regulation NMS allows nothing finer for prices of a dollar and more.
TICK = 100
# An opening price: START_TICKS_MIN to 128 times that, a power of two apart, and some more.
START_TICKS_MIN = 500

cdef enum:
    # Shares of 2^16 of what a step does.
    AGGRESS = 1311
    REPLACE = AGGRESS + 4260
    REDUCE = REPLACE + 1311
    # Adds among adds and deletes at balance: fills take as many orders as adds exceed deletes.
    ADD_AT_BALANCE = 33800
    ADD_MIN = 13107              # 20 %
    ADD_MAX = 52429              # 80 %
    ADD_GAIN = 4
    # Deletes of one in 256 that pick among the RECENT_COUNT orders that came last.
    RECENT_DELETES = 154
    RECENT_COUNT = 4096
    # Orders looked at before an operation gives up finding a live one.
    TRIES_MAX = 16
    MPID_ONE_IN = 64             # orders with attribution
    MPID_COUNT = 7


cdef inline uint64_t next_random(flow_t *flow) noexcept nogil:
    flow.state += <uint64_t>0x9E3779B97F4A7C15
    return mix64(flow.state)


cdef uint64_t flow_random(flow_t *flow) noexcept nogil:
    """64 random bits of the flow's own sequence."""
    return next_random(flow)


cdef extern from *:
    """
    static inline uint32_t trailing_zeros(uint64_t bits) {
        return bits ? (uint32_t)__builtin_ctzll(bits) : 64;
    }
    """
    uint32_t trailing_zeros(uint64_t bits) noexcept nogil


cdef uint64_t flow_exponential(flow_t *flow, uint64_t mean) noexcept nogil:
    """An exponential random number in integers: the base-2 logarithm, linear between powers."""
    cdef uint64_t bits = next_random(flow)
    cdef uint64_t q8 = (<uint64_t>trailing_zeros(bits) << 8) + (bits >> 56)
    # That logarithm's mean is 1.5, hence the division; hours in ns and 65 * 256 stay in 64 bits.
    return (mean >> 4) * q8 * 171 >> 12


cdef inline uint32_t below(uint64_t bits, uint32_t count) noexcept nogil:
    """0 to count - 1 from 32 random bits."""
    return <uint32_t>(<uint32_t>bits * <uint64_t>count >> 32)


cdef inline uint16_t draw_symbol(flow_t *flow) noexcept nogil:
    cdef uint64_t bits = next_random(flow)
    cdef uint32_t rank = below(bits, flow.symbol_count)
    if <uint32_t>(bits >> 32) >= flow.alias_limit[rank]:
        rank = flow.alias_other[rank]
    return flow.locates[rank]


cdef inline uint32_t draw_shares(uint64_t bits) noexcept nogil:
    """Round lots mostly, odd lots often, blocks rarely."""
    cdef uint32_t kind = bits & 31
    if kind < 17:
        return 100
    if kind < 24:
        return 1 + below(bits >> 8, 99)
    if kind < 31:
        return 100 * (2 + below(bits >> 8, 4))
    return 100 * (6 + below(bits >> 8, 45))


cdef inline uint32_t draw_distance(uint64_t bits) noexcept nogil:
    """Ticks from where the best price should be."""
    cdef uint32_t kind = bits & 127
    bits >>= 7
    if kind < 64:
        return trailing_zeros(bits | 1 << 20)
    if kind < 112:
        return 2 * trailing_zeros(bits | 1 << 20) + (bits >> 40 & 3)
    if kind < 126:
        return below(bits, 48)
    return below(bits, 400)


cdef uint32_t draw_price(flow_t *flow, uint16_t locate, uint8_t side) noexcept nogil:
    """A price for a new order on `side`; one in sixteen may cross, the others join the touch."""
    cdef flow_symbol *symbol = &flow.symbols[locate]
    cdef uint64_t bits = next_random(flow)
    cdef int32_t ticks, contra_ticks
    cdef int32_t distance = <int32_t>draw_distance(bits)
    cdef match_level_view contra
    if (bits >> 58) == 0:
        symbol.fair += 256 if bits >> 57 & 1 else -256
        symbol.fair = min(max(symbol.fair, symbol.fair_min), symbol.fair_max)
    if side == MATCH_BUY:
        ticks = ((symbol.fair - symbol.half_spread) >> 8) - distance
    else:
        ticks = ((symbol.fair + symbol.half_spread + 255) >> 8) + distance
    if (bits >> 53 & 15) and match_level(flow.core, locate, 1 - side, 0, &contra):
        contra_ticks = <int32_t>(contra.price / flow.tick)
        if side == MATCH_BUY:
            ticks = min(ticks, contra_ticks - 1)
        else:
            ticks = max(ticks, contra_ticks + 1)
    return <uint32_t>max(ticks, 1) * flow.tick


cdef bint draw_order(flow_t *flow, uint64_t bits, match_order_view *view) noexcept nogil:
    """A live order of the background: a recent one, or any."""
    cdef uint64_t next_reference = match_next_reference(flow.core)
    cdef uint64_t window = min(next_reference - 1, <uint64_t>RECENT_COUNT)
    cdef bint recent = (bits & 255) < RECENT_DELETES
    cdef uint32_t i
    if window == 0:
        return False
    for i in range(TRIES_MAX):
        bits = next_random(flow)
        if recent and i < TRIES_MAX // 2:
            if not match_find(flow.core, next_reference - 1 - below(bits, <uint32_t>window), view):
                continue
        elif not match_slot(flow.core, below(bits, match_slots(flow.core)), view):
            continue
        if view.tag & TAG_OWNER_MASK == 0:
            return True
    return False


cdef void add(flow_t *flow, bint passive) noexcept nogil:
    cdef match_order order
    cdef match_level_view contra
    cdef uint64_t bits = next_random(flow)
    cdef uint32_t mpid
    order.locate = draw_symbol(flow)
    order.side = bits & 1
    order.life = MATCH_DAY
    order.flags = 0
    order.shares = draw_shares(bits >> 8)
    order.price = draw_price(flow, order.locate, order.side)
    mpid = 1 + below(bits >> 20, MPID_COUNT) if (bits >> 1) % MPID_ONE_IN == 0 else 0
    order.tag = mpid << 28
    if passive and match_level(flow.core, order.locate, 1 - order.side, 0, &contra):
        if order.side == MATCH_BUY:
            order.price = min(order.price, contra.price - 1)
        else:
            order.price = max(order.price, contra.price + 1)
    flow.refused += match_submit(flow.core, &order) != 0


cdef void aggress(flow_t *flow) noexcept nogil:
    """Takes from the best level of a symbol, from the side that fair value has left behind."""
    cdef match_order order
    cdef match_level_view bid, ask
    cdef uint64_t bits = next_random(flow)
    cdef int32_t fair
    order.locate = draw_symbol(flow)
    order.side = bits & 1
    if not match_level(flow.core, order.locate, MATCH_BUY, 0, &bid) or not match_level(
            flow.core, order.locate, MATCH_SELL, 0, &ask):
        add(flow, False)
        return
    fair = (flow.symbols[order.locate].fair >> 8) * <int32_t>flow.tick
    if fair > <int32_t>ask.price:
        order.side = MATCH_BUY
    elif fair < <int32_t>bid.price:
        order.side = MATCH_SELL
    order.life = MATCH_IOC
    order.flags = 0
    order.shares = draw_shares(bits >> 8)
    order.price = bid.price if order.side else ask.price
    order.tag = 0
    flow.refused += match_submit(flow.core, &order) != 0


cdef void remove_or_reduce(flow_t *flow, uint64_t bits, bint reduce) noexcept nogil:
    cdef match_order_view view
    if not draw_order(flow, bits, &view):
        add(flow, False)
    elif reduce and view.shares > 1:
        match_cancel(flow.core, view.reference, view.executed + (view.shares >> 1))
    else:
        match_cancel(flow.core, view.reference, 0)


cdef void replace(flow_t *flow, uint64_t bits) noexcept nogil:
    cdef match_order_view view
    cdef match_order order
    if not draw_order(flow, bits, &view):
        add(flow, False)
        return
    order.locate = view.locate
    order.side = view.side
    order.life = MATCH_DAY
    order.flags = 0
    order.shares = view.executed + (draw_shares(bits >> 8) if bits >> 62 == 0 else view.shares)
    order.price = draw_price(flow, view.locate, view.side)
    order.tag = view.tag
    flow.refused += match_replace(flow.core, view.reference, &order) != 0


cdef inline bint wants_add(const flow_t *flow, uint32_t bits) noexcept nogil:
    """Adds or deletes: the further below the target, the more adds."""
    cdef int64_t target = max(flow.live_target, 1)
    cdef int64_t missing = target - <int64_t>match_live_orders(flow.core)
    cdef int64_t share = ADD_AT_BALANCE + ADD_GAIN * 65536 * missing // target
    return bits < min(max(share, <int64_t>ADD_MIN), <int64_t>ADD_MAX)


cdef void flow_step(flow_t *flow) noexcept nogil:
    """One operation; its reports are the core's. It makes one feed message, seldom more or none."""
    cdef uint64_t bits = next_random(flow)
    cdef uint32_t kind = bits & 0xFFFF
    bits >>= 16
    if kind < AGGRESS:
        aggress(flow)
    elif kind < REPLACE:
        replace(flow, bits)
    elif kind < REDUCE:
        remove_or_reduce(flow, bits, True)
    elif wants_add(flow, bits & 0xFFFF):
        add(flow, False)
    else:
        remove_or_reduce(flow, bits >> 16, False)


cdef void flow_step_single(flow_t *flow) noexcept nogil:
    """An operation that never makes more than one feed message: for an exact count of messages."""
    cdef uint64_t bits = next_random(flow)
    if wants_add(flow, bits & 0xFFFF):
        add(flow, True)
    else:
        remove_or_reduce(flow, bits >> 16, False)


def _alias_table(weights):
    """Walker's alias method (Vose 1991): limits of 2^32, and the alternatives."""
    count = len(weights)
    total = sum(weights)
    scaled = [w * count / total for w in weights]
    limits, others = [0xFFFFFFFF] * count, list(range(count))
    small = [i for i, w in enumerate(scaled) if w < 1]
    large = [i for i, w in enumerate(scaled) if w >= 1]
    while small and large:
        low, high = small.pop(), large[len(large) - 1]
        limits[low], others[low] = int(scaled[low] * 0xFFFFFFFF), high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return limits, others


def symbol_names(count, seed):
    """``count`` distinct names that can be said aloud, in alphabetical order."""
    rng = random.Random(seed)
    letters = 4 if count <= 5000 else 5
    names = set()
    while len(names) < count:
        names.add("".join(rng.choice("BCDFGHJKLMNPQRSTVWXZ" if i % 2 == 0 else "AEIOUY")
                          for i in range(letters)))
    return sorted(names)


cdef class Flow:
    """Background flow on a core of ``symbol_count`` symbols, steering to ``live_orders``."""

    def __cinit__(self, Matching core not None, uint32_t symbol_count, uint64_t seed,
                  uint32_t live_orders):
        if not 1 <= symbol_count <= 65535:
            raise ValueError(f"{symbol_count} symbols; a feed has 1 to 65535")
        cdef size_t count = symbol_count
        self.core = core
        self.flow.core = core.core
        self.flow.state = seed
        self.flow.symbol_count = symbol_count
        self.flow.live_target = live_orders
        self.flow.tick = TICK
        self.flow.symbols = <flow_symbol *>calloc(count + 1, sizeof(flow_symbol))
        self.flow.alias_limit = <uint32_t *>calloc(count, 4)
        self.flow.alias_other = <uint16_t *>calloc(count, 2)
        self.flow.locates = <uint16_t *>calloc(count, 2)
        if not (self.flow.symbols and self.flow.alias_limit and self.flow.alias_other
                and self.flow.locates):
            raise MemoryError("no memory for the flow's symbols")
        rng = random.Random(seed)
        locates = list(range(1, symbol_count + 1))
        rng.shuffle(locates)
        limits, others = _alias_table([(i + 1) ** -ZIPF_EXPONENT for i in range(symbol_count)])
        for i in range(symbol_count):
            self.flow.alias_limit[i] = limits[i]
            self.flow.alias_other[i] = others[i]
            self.flow.locates[i] = locates[i]
            self._start(locates[i], i, rng)

    def _start(self, uint16_t locate, uint32_t rank, rng):
        """Active symbols have tight spreads; prices range from a few dollars to a few hundred."""
        cdef flow_symbol *symbol = &self.flow.symbols[locate]
        ticks = START_TICKS_MIN * 2 ** rng.randrange(8) + rng.randrange(START_TICKS_MIN)
        symbol.fair = ticks * 256
        symbol.fair_min = symbol.fair // 2
        symbol.fair_max = symbol.fair * 2
        symbol.half_spread = 128 + 64 * rng.randrange(1 + min(rank // 64, 12))

    def run(self, uint64_t steps):
        """That many operations, whose reports nobody reads; returns how many there were of them.

        The rate of flow and matching alone, and a way to a book of some age.
        """
        cdef uint64_t reports = 0, i
        cdef uint32_t count = 0
        with nogil:
            for i in range(steps):
                flow_step(&self.flow)
                match_reports(self.flow.core, &count)
                reports += count
        return reports

    def __dealloc__(self):
        free(self.flow.symbols)
        free(self.flow.alias_limit)
        free(self.flow.alias_other)
        free(self.flow.locates)
