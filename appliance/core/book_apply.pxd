# What a message does to the books (see book.pxd), for whoever applies it to inline.
#
# Which branch a message takes is hardly to be foretold, and a branch foretold wrongly costs as much
# as a third of a message. So execute, cancel and delete are one operation, a delete being a
# reduction by more than any order has; side and best price are data, not branches.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy
from dpdk_bindings.env.pool cimport tp_pool_give, tp_pool_take
from itch_ouch.wire cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_MPID, ITCH_ORDER_CANCEL, ITCH_ORDER_DELETE, ITCH_ORDER_EXECUTED,
    ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE, be16, be32, be64, itch_add_order_t,
    itch_order_cancel_t, itch_order_delete_t, itch_order_replace_t,
)
from appliance.core.book cimport (
    BOOK_BID, LADDER_WIDTH, LEVEL_NONE, SIDE_ASK, Book, Ladder, Level, Order, SymbolBook,
    book_find_far, book_ladder_empty, book_ladder_grow, book_make_room, book_note,
    book_overflow_find, book_overflow_remove, ladder_handles, ladder_key, ladder_keys, level_at,
    window_slot,
)
from appliance.core.state cimport (
    C_BBO_CHANGES, C_BOOK_LEVELS_FULL, C_BOOK_MISSING_REFERENCE, C_BOOK_OVER_REDUCED,
    C_BOOK_UNKNOWN_SIDE, C_BOOK_ZERO_SHARES,
)

cdef extern from *:
    """
    /* The empty asm: gcc takes a function that only prefetches for one without any effect, and
     * leaves its calls out. */
    #define book_fetch(address) do { __builtin_prefetch((address), 1); __asm__ volatile(""); } \\
        while (0)
    /* A message that takes more shares than an order can have. */
    static const uint8_t BOOK_TAKE_ALL[32] = {
        [19] = 0xFF, [20] = 0xFF, [21] = 0xFF, [22] = 0xFF};
    """
    void book_fetch(const void *address) noexcept nogil
    const uint8_t *BOOK_TAKE_ALL

# ---- finding -------------------------------------------------------------------------------------

cdef inline uint32_t ladder_find(const int32_t *keys, uint32_t count, int32_t key) noexcept nogil:
    # How many keys are <= key: the position after it if present, or where it belongs.
    cdef const int32_t *back = keys + count - LADDER_WIDTH
    cdef uint32_t above = 0, i
    for i in range(<uint32_t>LADDER_WIDTH):
        above += back[i] > key
    return count - above if above < LADDER_WIDTH else book_find_far(keys, count, key)

cdef inline Order *order_find(Book *book, uint64_t reference) noexcept nogil:
    cdef Order *order = window_slot(book, reference)
    cdef uint64_t generation = reference >> book.window_bits
    if order.generation == generation and order.shares:
        return order
    # A new reference is nearly always above all that were ever moved: no probe for it.
    if reference <= book.overflow_reference_max or generation >> 32:
        return book_overflow_find(book, reference)
    return NULL

# ---- levels --------------------------------------------------------------------------------------

cdef inline uint32_t level_insert(Book *book, Ladder *ladder, uint32_t at,
                                  int32_t key) noexcept nogil:
    # A new level before position `at`; its handle, or LEVEL_NONE when there is no room.
    cdef uint32_t handle, behind
    cdef int32_t *keys
    cdef uint32_t *handles
    if ladder.count == ladder.capacity and not book_ladder_grow(book, ladder):
        return LEVEL_NONE
    handle = tp_pool_take(&book.levels)
    if handle == LEVEL_NONE:
        return handle
    keys = ladder_keys(book, ladder)
    handles = ladder_handles(book, ladder)
    # It is a few entries nearly always, for which memmove is a call too many.
    behind = ladder.count
    while behind > at:
        keys[behind] = keys[behind - 1]
        handles[behind] = handles[behind - 1]
        behind -= 1
    keys[at] = key
    handles[at] = handle
    if at == ladder.count:
        ladder.best = handle
    ladder.count += 1
    return handle

cdef inline void level_remove(Book *book, Ladder *ladder, int32_t key,
                              uint32_t handle) noexcept nogil:
    cdef int32_t *keys = ladder_keys(book, ladder)
    cdef uint32_t *handles = ladder_handles(book, ladder)
    cdef uint32_t at = ladder_find(keys, ladder.count, key) - 1
    ladder.count -= 1
    while at < ladder.count:
        keys[at] = keys[at + 1]
        handles[at] = handles[at + 1]
        at += 1
    tp_pool_give(&book.levels, handle)
    if ladder.count:
        ladder.best = handles[ladder.count - 1]
    else:
        book_ladder_empty(book, ladder)

# ---- the operations ------------------------------------------------------------------------------

cdef inline int bbo_changed(Book *book, SymbolBook *symbol, uint32_t side) noexcept nogil:
    book.counters[C_BBO_CHANGES] += 1
    symbol.bbo_changes += 1
    return BOOK_BID << side

cdef inline int book_add(Book *book, uint16_t locate, uint64_t reference, uint32_t side,
                         uint32_t shares, uint32_t price) noexcept nogil:
    # A new order at the back of its level. Returns BOOK_* flags.
    cdef SymbolBook *symbol = &book.symbols[locate]
    cdef Ladder *ladder = &symbol.sides[side]
    cdef Order *order = window_slot(book, reference)
    cdef uint64_t generation = reference >> book.window_bits
    cdef int32_t key = ladder_key(side, price)
    cdef const int32_t *keys
    cdef uint32_t at, handle
    cdef Level *level
    book.touched = locate
    if locate > book.locate_max:
        book.locate_max = locate
    if shares == 0:
        book.counters[C_BOOK_ZERO_SHARES] += 1
        return 0
    if order.shares or reference <= book.overflow_reference_max or generation >> 32:
        order = book_make_room(book, reference, locate)
        if order == NULL:
            return 0
    keys = ladder_keys(book, ladder)
    at = ladder_find(keys, ladder.count, key)
    if at and keys[at - 1] == key:
        handle = ladder_handles(book, ladder)[at - 1]
        level = level_at(book, handle)
        level.shares += shares
        level.orders += 1
    else:
        handle = level_insert(book, ladder, at, key)
        if handle == LEVEL_NONE:
            book.counters[C_BOOK_LEVELS_FULL] += 1
            symbol.incomplete = 1
            if order != window_slot(book, reference):
                book_overflow_remove(book, order)
            return 0
        level = level_at(book, handle)
        level.shares = shares
        level.orders = 1
        level.price = price
    order.generation = <uint32_t>generation
    order.shares = shares
    order.level = handle
    order.locate = locate
    order.side = <uint8_t>side
    book.live_orders += 1
    return bbo_changed(book, symbol, side) if handle == ladder.best else 0

cdef inline int book_take(Book *book, uint64_t reference, Order *order,
                          uint32_t shares) noexcept nogil:
    # Takes shares off an order, and the order off the book when none are left.
    cdef uint32_t side = order.side
    cdef SymbolBook *symbol = &book.symbols[order.locate]
    cdef Ladder *ladder = &symbol.sides[side]
    cdef uint32_t handle = order.level
    cdef Level *level = level_at(book, handle)
    cdef bint best = handle == ladder.best
    book.touched = order.locate
    level.shares -= shares
    order.shares -= shares
    if order.shares == 0:
        book.live_orders -= 1
        if order != window_slot(book, reference):
            book_overflow_remove(book, order)
        level.orders -= 1
        if level.orders == 0:
            level_remove(book, ladder, ladder_key(side, level.price), handle)
    return bbo_changed(book, symbol, side) if best and shares else 0

cdef inline int book_reduce(Book *book, uint64_t reference, uint32_t shares,
                            bint counted) noexcept nogil:
    # Executed or cancelled shares leave an order; of more than it has, all leave, and `counted`.
    cdef Order *order = order_find(book, reference)
    if order == NULL:
        book.counters[C_BOOK_MISSING_REFERENCE] += 1
        return 0
    if shares > order.shares:
        book.counters[C_BOOK_OVER_REDUCED] += counted
        shares = order.shares
    return book_take(book, reference, order, shares)

cdef inline int book_replace(Book *book, const itch_order_replace_t *m) noexcept nogil:
    # A delete and an add that inherits side and symbol (ITCH 5.0, 4.5.5).
    cdef uint64_t reference = be64(m.original_order_reference_number)
    cdef Order *order = order_find(book, reference)
    cdef uint16_t locate
    cdef uint32_t side
    cdef int flags
    if order == NULL:
        book.counters[C_BOOK_MISSING_REFERENCE] += 1
        return 0
    locate = order.locate
    side = order.side
    flags = book_take(book, reference, order, order.shares)
    return flags | book_add(book, locate, be64(m.new_order_reference_number), side,
                            be32(m.shares), be32(m.price))

cdef inline int book_add_message(Book *book, const itch_add_order_t *m) noexcept nogil:
    cdef uint16_t locate = be16(m.stock_locate)
    cdef uint32_t side = m.buy_sell_indicator == c'S'
    if m.buy_sell_indicator != c'B' and not side:
        book.counters[C_BOOK_UNKNOWN_SIDE] += 1
        return 0
    if not book.symbols[locate].stock[0]:
        memcpy(book.symbols[locate].stock, m.stock, 8)
    return book_add(book, locate, be64(m.order_reference_number), side, be32(m.shares),
                    be32(m.price))

cdef inline int book_apply(Book *book, const uint8_t *message) noexcept nogil:
    # Applies one ITCH message whose length itch_check has verified. Returns BOOK_* flags.
    cdef const itch_order_cancel_t *m
    cdef uint8_t kind = message[0]
    if kind == ITCH_ADD_ORDER or kind == ITCH_ADD_ORDER_MPID:
        return book_add_message(book, <const itch_add_order_t *>message)
    # Execute, execute with price and cancel have reference and shares at the same places.
    if kind == ITCH_ORDER_DELETE or kind == ITCH_ORDER_EXECUTED or kind == ITCH_ORDER_CANCEL \
            or kind == ITCH_ORDER_EXECUTED_WITH_PRICE:
        m = <const itch_order_cancel_t *>(BOOK_TAKE_ALL if kind == ITCH_ORDER_DELETE else message)
        return book_reduce(
            book, be64((<const itch_order_delete_t *>message).order_reference_number),
            be32(m.cancelled_shares), kind != ITCH_ORDER_DELETE)
    if kind == ITCH_ORDER_REPLACE:
        return book_replace(book, <const itch_order_replace_t *>message)
    book_note(book, message)
    return 0

# ---- looking ahead -------------------------------------------------------------------------------

cdef inline void book_prefetch(const Book *book, const uint8_t *message) noexcept nogil:
    # Asks memory for the line that a message of a known type will need first: its order's. What is
    # not an order's reference at that place fetches a line in vain, and no more.
    cdef const itch_order_delete_t *m = <const itch_order_delete_t *>message
    book_fetch(window_slot(book, be64(m.order_reference_number)))

cdef inline void book_prefetch_level(const Book *book, const uint8_t *message) noexcept nogil:
    # Later, when that is there: the lines that it and the symbol lead to. No branch: a new order's
    # slot names the level of its last one, which is fetched in vain. At least as long as a delete.
    cdef const itch_add_order_t *m = <const itch_add_order_t *>message
    cdef const Order *order = window_slot(book, be64(m.order_reference_number))
    cdef const uint8_t *says = (<const uint8_t *>&m.buy_sell_indicator
                                if m.message_type == ITCH_ADD_ORDER else &order.side)
    cdef uint32_t side = (says[0] == c'S') | (says[0] == SIDE_ASK)
    cdef const Ladder *ladder = &book.symbols[be16(m.stock_locate)].sides[side]
    book_fetch(level_at(book, order.level))
    # The keys that are compared at once lie across two lines, mostly.
    book_fetch(ladder_keys(book, ladder) + ladder.count - LADDER_WIDTH)
    book_fetch(ladder_keys(book, ladder) + ladder.count - 1)
    book_fetch(ladder_handles(book, ladder) + ladder.count - 1)
