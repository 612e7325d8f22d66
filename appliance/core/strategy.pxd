# The strategy ABI: one C function, called with what happened and a view of one symbol's book.
#
# The callback gets its own state, an event, a view and a list to put intents into. It must return
# soon, may not keep any of the pointers, and needs neither the GIL nor memory: a Cython `noexcept
# nogil` function, a Numba cfunc and a C function all fit. What it asks for is an *intent*; risk and
# the order management turn it into an order or refuse it, and tell it by an order event at once.
#
# A strategy names its orders by `tag`, a number of its own; the engine names them by `order` (the
# OUCH UserRefNum), which replace and cancel want.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from appliance.core.book cimport Level

cdef enum:
    STRATEGY_ABI = 1
    INTENTS_MAX = 8             # a callback's answer: both sides, each cancelled and placed, twice

cdef enum:                      # Event.kind
    EVENT_BOOK = 1              # the best price or its size changed
    EVENT_ORDER = 2             # one of our own orders changed

cdef enum:                      # Event.change, for EVENT_ORDER
    ORDER_SENT = 1              # passed risk; `order` is its number
    ORDER_REFUSED = 2           # did not pass; `reason` says why
    ORDER_ACCEPTED = 3
    ORDER_REJECTED = 4
    ORDER_REPLACED = 5          # `order` is the replacement
    ORDER_EXECUTED = 6
    ORDER_CANCELED = 7
    ORDER_REPLACE_FAILED = 8    # the original stands, or is dead if leaves is 0
    ORDER_CANCEL_FAILED = 9     # the order stands

cdef enum:                      # Intent.action
    INTENT_NEW = 1
    INTENT_REPLACE = 2
    INTENT_CANCEL = 3

cdef enum:                      # Intent.time_in_force
    TIF_DAY = 0
    TIF_IOC = 3

cdef struct Event:              # 64 bytes
    uint64_t now_ns
    uint32_t kind
    uint16_t locate
    uint8_t flags               # EVENT_BOOK: BOOK_BID, BOOK_ASK
    uint8_t side
    uint32_t change
    uint32_t order
    uint32_t tag
    uint32_t shares             # executed, cancelled, or asked for
    uint32_t price
    uint32_t leaves             # open after this
    uint32_t reason             # RISK_* or the venue's own
    uint32_t reserved[5]

cdef struct View:               # one symbol, for the length of the call
    const Level *levels
    const uint32_t *bid_handles
    const uint32_t *ask_handles
    uint32_t bid_count
    uint32_t ask_count
    int64_t position            # shares, signed
    uint64_t open_buy_shares
    uint64_t open_sell_shares
    uint16_t locate
    uint8_t live                # 0: the book is behind or lost; intents will be refused
    uint8_t reserved[5]

cdef struct Intent:             # 32 bytes
    uint8_t action
    uint8_t side
    uint8_t time_in_force
    uint8_t post_only
    uint16_t locate
    uint16_t reserved
    uint32_t shares
    uint32_t price
    uint32_t order              # replace, cancel: the order's number
    uint32_t tag
    uint64_t reserved_tail

cdef struct Intents:
    uint32_t count              # in: 0; out: how many items were filled in
    uint32_t locate             # a strategy in Python notes here whom its intents are for
    Intent items[INTENTS_MAX]

ctypedef void (*strategy_fn)(void *state, const Event *event, const View *view,
                             Intents *intents) noexcept nogil

cdef class Strategy:
    cdef strategy_fn callback
    cdef void *state
    cdef size_t state_bytes
    cdef readonly str name
    cdef bytes first            # what the state begins with
    cdef object keep            # whatever must stay alive beside the pointers
    cdef int allocate(self, size_t state_bytes) except -1

cdef inline const Level *view_bid(const View *view, uint32_t rank) noexcept nogil:
    # The bid level `rank` places from the best, or NULL past the last.
    if rank >= view.bid_count:
        return NULL
    return &view.levels[view.bid_handles[view.bid_count - 1 - rank]]

cdef inline const Level *view_ask(const View *view, uint32_t rank) noexcept nogil:
    if rank >= view.ask_count:
        return NULL
    return &view.levels[view.ask_handles[view.ask_count - 1 - rank]]

cdef inline Intent *intent_new(Intents *intents) noexcept nogil:
    # The next free item, or NULL when the list is full.
    if intents.count >= INTENTS_MAX:
        return NULL
    intents.count += 1
    return &intents.items[intents.count - 1]
