"""quote: joins the best price on both sides and follows it.

It never leads: when its own order is all there is at the best price, it goes back to the next. A
side has one order at a time, moved by replace, and waits for the venue's answer before it moves
again. After a refusal it rests, so that a limit reached is not a storm of attempts.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from appliance.core.book cimport LOCATES, SIDE_ASK, SIDE_BID, Level
from appliance.core.strategy cimport (
    EVENT_BOOK, EVENT_ORDER, INTENT_CANCEL, INTENT_NEW, INTENT_REPLACE, ORDER_ACCEPTED,
    ORDER_CANCELED, ORDER_EXECUTED, ORDER_REFUSED, ORDER_REPLACED, ORDER_SENT, TIF_DAY, Event,
    Intent, Intents, Strategy, View, intent_new, view_ask, view_bid,
)

cdef struct SideState:          # 32 bytes
    uint32_t order              # 0: none
    uint32_t price
    uint32_t leaves
    uint8_t waiting             # for the venue's answer
    uint8_t reserved[3]
    uint64_t rest_until_ns
    uint64_t reserved_tail

cdef struct QuoteState:
    uint32_t shares
    uint32_t reserved
    uint64_t rest_ns
    SideState sides[LOCATES][2]


cdef inline uint32_t _target(const View *view, uint8_t side, const SideState *own) noexcept nogil:
    """The best price that somebody else makes on this side, 0 when nobody does."""
    cdef const Level *level
    cdef uint32_t rank = 0
    while True:
        level = view_bid(view, rank) if side == SIDE_BID else view_ask(view, rank)
        if level == NULL:
            return 0
        if not (own.order and level.price == own.price and level.orders == 1
                and level.shares == own.leaves):
            return level.price
        rank += 1


cdef void _quote_side(QuoteState *state, const Event *event, const View *view, uint8_t side,
                      Intents *intents) noexcept nogil:
    cdef SideState *own = &state.sides[view.locate][side]
    cdef uint32_t price
    cdef Intent *intent
    if own.waiting or event.now_ns < own.rest_until_ns:
        return
    price = _target(view, side, own)
    if own.order and price == own.price or not own.order and not price:
        return
    intent = intent_new(intents)
    if intent == NULL:
        return
    memset(intent, 0, sizeof(Intent))
    intent.side = side
    intent.locate = view.locate
    intent.tag = side
    intent.order = own.order
    intent.price = price
    intent.shares = state.shares
    intent.time_in_force = TIF_DAY
    intent.post_only = 1
    if not own.order:
        intent.action = INTENT_NEW
    elif price:
        intent.action = INTENT_REPLACE
        intent.shares = own.leaves
    else:
        intent.action = INTENT_CANCEL
    own.waiting = 1


cdef void _on_order(QuoteState *state, const Event *event, SideState *own) noexcept nogil:
    cdef uint32_t change = event.change
    if change == ORDER_SENT:
        return
    if change == ORDER_REFUSED:
        own.waiting = 0
        own.rest_until_ns = event.now_ns + state.rest_ns
    elif change == ORDER_ACCEPTED or change == ORDER_REPLACED:
        own.order = event.order if event.leaves else 0
        own.price = event.price
        own.leaves = event.leaves
        own.waiting = 0
    elif change == ORDER_EXECUTED:
        if event.order == own.order:
            own.leaves = event.leaves
            if not event.leaves:
                # Whatever change was in flight died with it: the venue does not answer that one.
                own.order = 0
                own.waiting = 0
    else:
        # Rejected, canceled, or a change that failed: what is left decides.
        own.waiting = 0
        if event.leaves:
            own.order = event.order
            own.leaves = event.leaves
        else:
            own.order = 0
        if change != ORDER_CANCELED:
            own.rest_until_ns = event.now_ns + state.rest_ns


cdef void _quote(void *memory, const Event *event, const View *view,
                 Intents *intents) noexcept nogil:
    cdef QuoteState *state = <QuoteState *>memory
    if event.kind == EVENT_ORDER:
        _on_order(state, event, &state.sides[event.locate][event.side])
        return
    if event.kind != EVENT_BOOK or not view.live:
        return
    _quote_side(state, event, view, SIDE_BID, intents)
    _quote_side(state, event, view, SIDE_ASK, intents)


cdef class Quote(Strategy):
    """``shares`` a side; ``rest_ns`` of quiet after a refusal."""

    def __init__(self, *, shares: int, rest_ns: int):
        self.name = "quote"
        self.allocate(sizeof(QuoteState))
        self.callback = _quote
        self.configure(shares, rest_ns)

    def configure(self, shares: int, rest_ns: int) -> None:
        cdef QuoteState *state = <QuoteState *>self.state
        state.shares = shares
        state.rest_ns = rest_ns
