"""cross: takes when the spread is at its minimum and the touch leans hard to one side.

The imbalance is (bid size - ask size) / (bid size + ask size) at the best prices, in thousandths.
At or above the threshold it buys the offer, at or below minus the threshold it hits the bid, with
an immediate-or-cancel order; then it rests. One order a symbol at a time.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from appliance.core.book cimport LOCATES, SIDE_ASK, SIDE_BID, Level
from appliance.core.strategy cimport (
    EVENT_BOOK, EVENT_ORDER, INTENT_NEW, ORDER_ACCEPTED, ORDER_SENT, TIF_IOC, Event, Intent,
    Intents, Strategy, View, intent_new, view_ask, view_bid,
)

cdef struct CrossSymbol:        # 16 bytes
    uint64_t rest_until_ns
    uint8_t waiting
    uint8_t reserved[7]

cdef struct CrossState:
    uint32_t shares
    uint32_t spread_min         # 1/10000 dollar: the tick
    int64_t threshold           # thousandths
    uint64_t rest_ns
    CrossSymbol symbols[LOCATES]


cdef void _cross(void *memory, const Event *event, const View *view,
                 Intents *intents) noexcept nogil:
    cdef CrossState *state = <CrossState *>memory
    cdef CrossSymbol *own = &state.symbols[event.locate]
    cdef const Level *bid
    cdef const Level *ask
    cdef int64_t lean, total
    cdef Intent *intent
    if event.kind == EVENT_ORDER:
        if event.change != ORDER_SENT and not (event.change == ORDER_ACCEPTED and event.leaves):
            own.waiting = event.leaves != 0
            own.rest_until_ns = event.now_ns + state.rest_ns
        return
    if event.kind != EVENT_BOOK or not view.live or own.waiting:
        return
    if event.now_ns < own.rest_until_ns:
        return
    bid = view_bid(view, 0)
    ask = view_ask(view, 0)
    if bid == NULL or ask == NULL or ask.price <= bid.price:
        return
    if ask.price - bid.price > state.spread_min:
        return
    lean = (<int64_t>bid.shares - <int64_t>ask.shares) * 1000
    total = <int64_t>(bid.shares + ask.shares)
    if -state.threshold * total < lean < state.threshold * total:
        return
    intent = intent_new(intents)
    if intent == NULL:
        return
    memset(intent, 0, sizeof(Intent))
    intent.action = INTENT_NEW
    intent.side = SIDE_BID if lean > 0 else SIDE_ASK
    intent.price = ask.price if lean > 0 else bid.price
    intent.locate = view.locate
    intent.shares = state.shares
    intent.time_in_force = TIF_IOC
    own.waiting = 1


cdef class Cross(Strategy):
    """``shares`` a take; ``threshold`` in thousandths; ``spread_min`` in 1/10000 dollar."""

    def __init__(self, *, shares: int, threshold: int, spread_min: int, rest_ns: int):
        self.name = "cross"
        self.allocate(sizeof(CrossState))
        self.callback = _cross
        self.configure(shares, threshold, spread_min, rest_ns)

    def configure(self, shares: int, threshold: int, spread_min: int, rest_ns: int) -> None:
        cdef CrossState *state = <CrossState *>self.state
        state.shares = shares
        state.threshold = threshold
        state.spread_min = spread_min
        state.rest_ns = rest_ns
