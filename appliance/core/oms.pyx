"""The order table and its transitions (see oms.pxd; OUCH 5.0, order life cycle)."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from appliance.core.book cimport LOCATES
from appliance.core.state cimport C_OMS_INVALID

assert sizeof(OmsOrder) == 64

cdef extern from *:
    """
    /* Asks for a line that the next order will write: it was last used a whole table ago. */
    #define line_fetch(address) __builtin_prefetch((address), 1)
    """
    void line_fetch(const void *address) noexcept nogil

cdef enum:
    # Numbers passed over for one order: 256 cache lines, some microseconds at the worst. The next
    # call goes on from there.
    SKIPS_MAX = 256

cdef uint8_t X = OMS_INVALID
# Rows: states. Columns: ACCEPT, ACCEPT_DEAD, REJECT, REPLACED, PART, GONE, SEND_REPLACE,
# SEND_CANCEL, REPLACE_FAILED, VOID, TAKE_OVER, TAKE_OVER_DEAD, CANCEL_FAILED.
cdef uint8_t[OMS_STATE_COUNT][OMS_EVENT_COUNT] _next_state = [
    # FREE
    [X, X, X, X, X, X, X, X, X, X, X, X, X],
    # PENDING_NEW: nothing is asked of an order before its first answer.
    [OMS_LIVE, OMS_DEAD, OMS_DEAD, X, X, X, X, X, X, X, X, X, X],
    # LIVE
    [X, X, X, X, OMS_LIVE, OMS_DEAD, OMS_PENDING_REPLACE, OMS_PENDING_CANCEL, X, X, X, X, X],
    # PENDING_REPLACE
    [X, X, X, OMS_DEAD, OMS_PENDING_REPLACE, OMS_DEAD, X, OMS_PENDING_CANCEL, OMS_LIVE, X, X, X,
     X],
    # PENDING_CANCEL: the replacement sent before the cancel may still win or fail.
    [X, X, X, OMS_DEAD, OMS_PENDING_CANCEL, OMS_DEAD, X, X, OMS_PENDING_CANCEL, X, X, X,
     OMS_LIVE],
    # REPLACEMENT
    [X, X, OMS_DEAD, X, X, X, X, X, X, OMS_DEAD, OMS_LIVE, OMS_DEAD, X],
    # DEAD
    [X, X, X, X, X, X, X, X, X, X, X, X, X],
]


cdef int oms_open(Oms *oms, uint32_t orders_max, uint64_t *counters, bint populate) noexcept:
    cdef uint32_t places = 64
    while places < orders_max:
        places <<= 1
    memset(oms, 0, sizeof(Oms))
    oms.mask = places - 1
    oms.counters = counters
    oms.orders = <OmsOrder *>tp_memory_map(<size_t>places * sizeof(OmsOrder), populate)
    oms.symbols = <OmsSymbol *>tp_memory_map(LOCATES * sizeof(OmsSymbol), populate)
    if oms.orders == NULL or oms.symbols == NULL:
        oms_close(oms)
        return -1
    return 0


cdef void oms_close(Oms *oms) noexcept:
    tp_memory_unmap(oms.orders, (<size_t>oms.mask + 1) * sizeof(OmsOrder))
    tp_memory_unmap(oms.symbols, LOCATES * sizeof(OmsSymbol))
    memset(oms, 0, sizeof(Oms))


cdef inline bint _open(const OmsOrder *order) noexcept nogil:
    return order.state != OMS_FREE and order.state != OMS_DEAD


cdef OmsOrder *oms_place(Oms *oms) noexcept nogil:
    cdef OmsOrder *order
    cdef uint32_t tries = 0
    if oms.open_count > oms.mask:
        return NULL
    order = &oms.orders[oms.next_user_ref & oms.mask]
    while _open(order):
        # An order from a whole table ago still lives here. Numbers must grow, not be dense.
        oms.next_user_ref += 1
        tries += 1
        if tries == SKIPS_MAX:
            return NULL
        order = &oms.orders[oms.next_user_ref & oms.mask]
    memset(order, 0, sizeof(OmsOrder))
    order.user_ref = oms.next_user_ref
    oms.next_user_ref += 1
    oms.open_count += 1
    oms.pending_count += 1
    line_fetch(&oms.orders[oms.next_user_ref & oms.mask])
    return order


cdef OmsOrder *oms_find(Oms *oms, uint32_t user_ref) noexcept nogil:
    cdef OmsOrder *order = &oms.orders[user_ref & oms.mask]
    if order.user_ref != user_ref or order.state == OMS_FREE:
        return NULL
    return order


cdef uint8_t oms_event(Oms *oms, OmsOrder *order, uint8_t event) noexcept nogil:
    cdef uint8_t state = _next_state[order.state][event]
    if state == OMS_INVALID:
        oms.counters[C_OMS_INVALID] += 1
        return state
    if order.state == OMS_PENDING_NEW or order.state == OMS_REPLACEMENT:
        oms.pending_count -= 1
    order.state = state
    if state == OMS_DEAD:
        oms.open_count -= 1
        oms_hold(oms, order, 0)
    return state


cdef void oms_hold(Oms *oms, OmsOrder *order, uint32_t shares) noexcept nogil:
    cdef OmsSymbol *symbol = &oms.symbols[order.locate]
    symbol.open_shares[order.side] += <uint64_t>shares - order.held
    order.held = shares
