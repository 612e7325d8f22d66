"""Order books of all symbols, built from ITCH messages (see book.pxd for the structures)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from dpdk_bindings.env.pool cimport TP_POOL_NONE, tp_pool_give, tp_pool_init, tp_pool_take
from itch_ouch.digest cimport mix64
from itch_ouch.wire cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_MPID, ITCH_ORDER_CANCEL, ITCH_ORDER_DELETE,
    ITCH_ORDER_EXECUTED, ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE,
    ITCH_STOCK_DIRECTORY, ITCH_STOCK_TRADING_ACTION, be16, be32, be64, itch_add_order_t,
    itch_order_cancel_t, itch_order_delete_t, itch_order_executed_t, itch_order_replace_t,
    itch_stock_directory_t, itch_stock_trading_action_t,
)
from appliance.core.state cimport (
    C_BBO_CHANGES, C_BOOK_DUPLICATE_REFERENCE, C_BOOK_LEVELS_FULL, C_BOOK_MISSING_REFERENCE,
    C_BOOK_ORDERS_FULL, C_BOOK_OVER_REDUCED, C_BOOK_UNKNOWN_SIDE, C_BOOK_ZERO_SHARES,
)

cdef enum:
    # A quarter of the window may outlast it: on the workloads measured, under 5 % do.
    OVERFLOW_SHARE = 4
    # Linear search from the best this far, then bisection: nearly all changes are within five.
    LINEAR_LEVELS = 32
    # A ladder doubles by moving to a larger block, and its former one is reused, as is that of a
    # ladder that becomes empty: at most twice the bytes at the peak of the ladders in use, plus as
    # much again in free blocks of other classes, plus a first block a side.
    ARENA_BYTES_PER_LEVEL = 32

# ---- tables --------------------------------------------------------------------------------------


cdef uint64_t _power_of_two(uint64_t at_least) noexcept:
    cdef uint64_t value = 64
    while value < at_least:
        value <<= 1
    return value


cdef size_t _arena_bytes(uint32_t levels_max) noexcept:
    return <size_t>levels_max * ARENA_BYTES_PER_LEVEL + 2 * LOCATES * 8 * LADDER_CAPACITY_MIN


cdef int book_open(Book *book, uint64_t orders_max, uint32_t levels_max, uint64_t *counters,
                   bint populate) noexcept:
    """0, or -1 when there is not enough memory (nothing is left allocated)."""
    cdef uint64_t window = _power_of_two(orders_max)
    memset(book, 0, sizeof(Book))
    book.window_mask = window - 1
    book.overflow_mask = window // OVERFLOW_SHARE - 1
    book.overflow_count_max = book.overflow_mask - (book.overflow_mask >> 3)
    book.arena_bytes = _arena_bytes(levels_max)
    book.window = <Order *>tp_memory_map(window * sizeof(Order), populate)
    book.overflow = <Order *>tp_memory_map((book.overflow_mask + 1) * sizeof(Order), populate)
    book.arena = <uint8_t *>tp_memory_map(book.arena_bytes, populate)
    book.symbols = <SymbolBook *>tp_memory_map(LOCATES * sizeof(SymbolBook), populate)
    cdef void *levels = tp_memory_map(<size_t>levels_max * sizeof(Level), populate)
    tp_pool_init(&book.levels, levels, sizeof(Level), levels_max)
    book.counters = counters
    if not (book.window and book.overflow and book.arena and book.symbols and levels):
        book_close(book)
        return -1
    return 0


cdef void book_close(Book *book) noexcept:
    tp_memory_unmap(book.window, (book.window_mask + 1) * sizeof(Order))
    tp_memory_unmap(book.overflow, (book.overflow_mask + 1) * sizeof(Order))
    tp_memory_unmap(book.arena, book.arena_bytes)
    tp_memory_unmap(book.symbols, LOCATES * sizeof(SymbolBook))
    tp_memory_unmap(book.levels.base, <size_t>book.levels.count_max * sizeof(Level))
    memset(book, 0, sizeof(Book))


cdef void book_clear(Book *book) noexcept nogil:
    """Empties every book, as a new feed session demands; the tables stay."""
    memset(book.window, 0, (book.window_mask + 1) * sizeof(Order))
    memset(book.overflow, 0, (book.overflow_mask + 1) * sizeof(Order))
    memset(book.symbols, 0, LOCATES * sizeof(SymbolBook))
    memset(book.arena_free, 0, sizeof(book.arena_free))
    book.arena_used_bytes = 0
    book.overflow_count = 0
    book.overflow_reference_max = 0
    book.live_orders = 0
    tp_pool_init(&book.levels, book.levels.base, sizeof(Level), book.levels.count_max)


# ---- orders by reference -------------------------------------------------------------------------


cdef inline uint64_t _overflow_home(const Book *book, uint64_t reference) noexcept nogil:
    return mix64(reference) & book.overflow_mask


cdef Order *_overflow_find(Book *book, uint64_t reference) noexcept nogil:
    cdef uint64_t at = _overflow_home(book, reference)
    while book.overflow[at].shares:
        if book.overflow[at].reference == reference:
            return &book.overflow[at]
        at = (at + 1) & book.overflow_mask
    return NULL


cdef inline Order *book_find(Book *book, uint64_t reference) noexcept nogil:
    """The live order of this reference, or NULL."""
    cdef Order *order = &book.window[reference & book.window_mask]
    if order.reference == reference and order.shares:
        return order
    # A new reference is nearly always above all that were ever moved: no probe for it.
    if book.overflow_count and reference <= book.overflow_reference_max:
        return _overflow_find(book, reference)
    return NULL


cdef bint _overflow_put(Book *book, const Order *order) noexcept nogil:
    cdef uint64_t at
    if book.overflow_count >= book.overflow_count_max:
        return False
    at = _overflow_home(book, order.reference)
    while book.overflow[at].shares:
        at = (at + 1) & book.overflow_mask
    book.overflow[at] = order[0]
    book.overflow_count += 1
    if order.reference > book.overflow_reference_max:
        book.overflow_reference_max = order.reference
    return True


cdef void _overflow_remove(Book *book, Order *order) noexcept nogil:
    """Backward-shift deletion: no tombstones, so that probing stays short all day."""
    cdef uint64_t hole = order - book.overflow
    cdef uint64_t at = hole, home
    while True:
        at = (at + 1) & book.overflow_mask
        if not book.overflow[at].shares:
            break
        home = _overflow_home(book, book.overflow[at].reference)
        if ((at - home) & book.overflow_mask) >= ((at - hole) & book.overflow_mask):
            book.overflow[hole] = book.overflow[at]
            hole = at
    book.overflow[hole].shares = 0
    book.overflow_count -= 1


cdef inline void _order_remove(Book *book, Order *order) noexcept nogil:
    book.live_orders -= 1
    if order == &book.window[order.reference & book.window_mask]:
        order.shares = 0
    else:
        _overflow_remove(book, order)


# ---- ladders -------------------------------------------------------------------------------------


cdef inline size_t _block_bytes(uint32_t capacity_class) noexcept nogil:
    return (<size_t>LADDER_CAPACITY_MIN << capacity_class) * 2 * sizeof(uint32_t)


cdef uint32_t *_block_take(Book *book, uint32_t capacity_class) noexcept nogil:
    cdef void *block = book.arena_free[capacity_class]
    if block:
        book.arena_free[capacity_class] = (<void **>block)[0]
        return <uint32_t *>block
    if book.arena_used_bytes + _block_bytes(capacity_class) > book.arena_bytes:
        return NULL
    block = book.arena + book.arena_used_bytes
    book.arena_used_bytes += _block_bytes(capacity_class)
    return <uint32_t *>block


cdef void _block_give(Book *book, Ladder *ladder) noexcept nogil:
    (<void **>ladder.keys)[0] = book.arena_free[ladder.capacity_class]
    book.arena_free[ladder.capacity_class] = ladder.keys


cdef bint _ladder_grow(Book *book, Ladder *ladder) noexcept nogil:
    """Makes room for one more key; False when the arena or the largest class is exhausted."""
    cdef uint32_t capacity_class = ladder.capacity_class + 1 if ladder.keys else 0
    cdef uint32_t capacity = <uint32_t>LADDER_CAPACITY_MIN << capacity_class
    cdef uint32_t *block
    if capacity_class >= LADDER_CLASSES:
        return False
    block = _block_take(book, capacity_class)
    if block == NULL:
        return False
    if ladder.keys:
        memcpy(block, ladder.keys, ladder.count * sizeof(uint32_t))
        memcpy(block + capacity, ladder.handles, ladder.count * sizeof(uint32_t))
        _block_give(book, ladder)
    ladder.keys = block
    ladder.handles = block + capacity
    ladder.capacity_class = capacity_class
    return True


cdef inline uint32_t _ladder_find(const Ladder *ladder, uint32_t key) noexcept nogil:
    """How many keys are <= key: the position after it if present, or where it belongs."""
    cdef uint32_t at = ladder.count, low, middle
    cdef uint32_t stop = at - LINEAR_LEVELS if at > LINEAR_LEVELS else 0
    while at > stop:
        if ladder.keys[at - 1] <= key:
            return at
        at -= 1
    low = 0
    while low < at:
        middle = (low + at) // 2
        if ladder.keys[middle] <= key:
            low = middle + 1
        else:
            at = middle
    return at


cdef inline Level *_level(Book *book, uint32_t handle) noexcept nogil:
    return &(<Level *>book.levels.base)[handle]


cdef uint32_t _level_insert(Book *book, Ladder *ladder, uint32_t at, uint32_t key,
                            uint32_t price) noexcept nogil:
    """A new empty level before position `at`; its handle, or TP_POOL_NONE when full."""
    cdef uint32_t handle, capacity = <uint32_t>LADDER_CAPACITY_MIN << ladder.capacity_class
    if ladder.keys == NULL or ladder.count == capacity:
        if not _ladder_grow(book, ladder):
            return TP_POOL_NONE
    handle = tp_pool_take(&book.levels)
    if handle == TP_POOL_NONE:
        return handle
    if at != ladder.count:
        memmove(ladder.keys + at + 1, ladder.keys + at, (ladder.count - at) * sizeof(uint32_t))
        memmove(ladder.handles + at + 1, ladder.handles + at,
                (ladder.count - at) * sizeof(uint32_t))
    ladder.keys[at] = key
    ladder.handles[at] = handle
    ladder.count += 1
    _level(book, handle).shares = 0
    _level(book, handle).orders = 0
    _level(book, handle).price = price
    return handle


cdef void _level_remove(Book *book, Ladder *ladder, uint32_t key, uint32_t handle) noexcept nogil:
    cdef uint32_t at = _ladder_find(ladder, key) - 1
    ladder.count -= 1
    if at != ladder.count:
        memmove(ladder.keys + at, ladder.keys + at + 1, (ladder.count - at) * sizeof(uint32_t))
        memmove(ladder.handles + at, ladder.handles + at + 1,
                (ladder.count - at) * sizeof(uint32_t))
    if ladder.count == 0 and ladder.capacity_class:
        _block_give(book, ladder)
        ladder.keys = NULL
        ladder.handles = NULL
        ladder.capacity_class = 0
    tp_pool_give(&book.levels, handle)


# ---- the five operations -------------------------------------------------------------------------


cdef inline int _bbo_changed(Book *book, SymbolBook *symbol, uint8_t side) noexcept nogil:
    book.counters[C_BBO_CHANGES] += 1
    symbol.bbo_changes += 1
    return BOOK_BID << side


cdef bint _order_put(Book *book, const Order *order) noexcept nogil:
    """Stores a new order; an older one in its slot moves to the overflow."""
    cdef Order *slot = &book.window[order.reference & book.window_mask]
    if slot.shares and not _overflow_put(book, slot):
        return False
    slot[0] = order[0]
    book.live_orders += 1
    return True


cdef int book_add(Book *book, uint16_t locate, uint64_t reference, uint8_t side, uint32_t shares,
                  uint32_t price) noexcept nogil:
    """A new order at the back of its level. Returns BOOK_* flags."""
    cdef SymbolBook *symbol = &book.symbols[locate]
    cdef Ladder *ladder = &symbol.sides[side]
    cdef uint32_t key = ladder_key(side, price)
    cdef uint32_t at, handle
    cdef Level *level
    cdef Order order
    book.touched = locate
    if locate > book.locate_max:
        book.locate_max = locate
    if shares == 0:
        book.counters[C_BOOK_ZERO_SHARES] += 1
        return 0
    if book_find(book, reference) != NULL:
        book.counters[C_BOOK_DUPLICATE_REFERENCE] += 1
        return 0
    at = _ladder_find(ladder, key)
    if at and ladder.keys[at - 1] == key:
        handle = ladder.handles[at - 1]
        at -= 1
    else:
        handle = _level_insert(book, ladder, at, key, price)
        if handle == TP_POOL_NONE:
            book.counters[C_BOOK_LEVELS_FULL] += 1
            symbol.incomplete = 1
            return 0
    level = _level(book, handle)
    order.reference = reference
    order.shares = shares
    order.price = price
    order.level = handle
    order.locate = locate
    order.side = side
    order.reserved = 0
    order.reserved_tail = 0
    if not _order_put(book, &order):
        book.counters[C_BOOK_ORDERS_FULL] += 1
        symbol.incomplete = 1
        if not level.orders:
            _level_remove(book, ladder, key, handle)
        return 0
    level.shares += shares
    level.orders += 1
    if at + 1 == ladder.count:
        return _bbo_changed(book, symbol, side)
    return 0


cdef int _take(Book *book, Order *order, uint32_t shares) noexcept nogil:
    """Takes shares off an order, and the order off the book when none are left."""
    cdef SymbolBook *symbol = &book.symbols[order.locate]
    cdef uint8_t side = order.side
    cdef Ladder *ladder = &symbol.sides[side]
    cdef uint32_t handle = order.level
    cdef Level *level = _level(book, handle)
    cdef bint best = ladder.handles[ladder.count - 1] == handle
    book.touched = order.locate
    level.shares -= shares
    if shares == order.shares:
        level.orders -= 1
        _order_remove(book, order)
        if not level.orders:
            _level_remove(book, ladder, ladder_key(side, level.price), handle)
    else:
        order.shares -= shares
    return _bbo_changed(book, symbol, side) if best and shares else 0


cdef Order *_find_counted(Book *book, uint64_t reference) noexcept nogil:
    cdef Order *order = book_find(book, reference)
    if order == NULL:
        book.counters[C_BOOK_MISSING_REFERENCE] += 1
    return order


cdef int book_reduce(Book *book, uint64_t reference, uint32_t shares) noexcept nogil:
    """Executed or cancelled shares leave an order; more than it has is counted, and all leave."""
    cdef Order *order = _find_counted(book, reference)
    if order == NULL:
        return 0
    if shares > order.shares:
        book.counters[C_BOOK_OVER_REDUCED] += 1
        shares = order.shares
    return _take(book, order, shares)


cdef int book_delete(Book *book, uint64_t reference) noexcept nogil:
    cdef Order *order = _find_counted(book, reference)
    if order == NULL:
        return 0
    return _take(book, order, order.shares)


cdef int book_replace(Book *book, uint64_t reference, uint64_t reference_new, uint32_t shares,
                      uint32_t price) noexcept nogil:
    """A delete and an add that inherits side and symbol (ITCH 5.0, 4.5.5)."""
    cdef Order *order = _find_counted(book, reference)
    cdef uint16_t locate
    cdef uint8_t side
    cdef int flags
    if order == NULL:
        return 0
    locate = order.locate
    side = order.side
    flags = _take(book, order, order.shares)
    return flags | book_add(book, locate, reference_new, side, shares, price)


# ---- messages ------------------------------------------------------------------------------------


cdef int _apply_add(Book *book, const uint8_t *message) noexcept nogil:
    cdef const itch_add_order_t *m = <const itch_add_order_t *>message
    cdef uint16_t locate = be16(m.stock_locate)
    cdef uint8_t side
    if m.buy_sell_indicator == c'B':
        side = SIDE_BID
    elif m.buy_sell_indicator == c'S':
        side = SIDE_ASK
    else:
        book.counters[C_BOOK_UNKNOWN_SIDE] += 1
        return 0
    if not book.symbols[locate].stock[0]:
        memcpy(book.symbols[locate].stock, m.stock, 8)
    return book_add(book, locate, be64(m.order_reference_number), side, be32(m.shares),
                    be32(m.price))


cdef int book_apply(Book *book, const uint8_t *message) noexcept nogil:
    """Applies one ITCH message whose length itch_check has verified. Returns BOOK_* flags."""
    cdef const itch_order_replace_t *replace
    cdef uint16_t locate
    cdef uint8_t kind = message[0]
    if kind == ITCH_ADD_ORDER or kind == ITCH_ADD_ORDER_MPID:
        return _apply_add(book, message)
    if kind == ITCH_ORDER_DELETE:
        return book_delete(
            book, be64((<const itch_order_delete_t *>message).order_reference_number))
    if kind == ITCH_ORDER_REPLACE:
        replace = <const itch_order_replace_t *>message
        return book_replace(book, be64(replace.original_order_reference_number),
                            be64(replace.new_order_reference_number), be32(replace.shares),
                            be32(replace.price))
    if kind == ITCH_ORDER_EXECUTED or kind == ITCH_ORDER_EXECUTED_WITH_PRICE:
        return book_reduce(
            book, be64((<const itch_order_executed_t *>message).order_reference_number),
            be32((<const itch_order_executed_t *>message).executed_shares))
    if kind == ITCH_ORDER_CANCEL:
        return book_reduce(
            book, be64((<const itch_order_cancel_t *>message).order_reference_number),
            be32((<const itch_order_cancel_t *>message).cancelled_shares))
    locate = be16((<const itch_stock_directory_t *>message).stock_locate)
    if kind == ITCH_STOCK_DIRECTORY:
        memcpy(book.symbols[locate].stock, (<const itch_stock_directory_t *>message).stock, 8)
    elif kind == ITCH_STOCK_TRADING_ACTION:
        book.symbols[locate].trading_state = (
            <const itch_stock_trading_action_t *>message).trading_state
    return 0
