"""Order books of all symbols, built from ITCH messages (see book.pxd for the structures)."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap
from dpdk_bindings.env.pool cimport tp_pool_init
from itch_ouch.digest cimport mix64
from itch_ouch.wire cimport (
    ITCH_STOCK_DIRECTORY, ITCH_STOCK_TRADING_ACTION, be16, itch_stock_directory_t,
    itch_stock_trading_action_t,
)
from appliance.core.book_apply cimport order_find
from appliance.core.state cimport C_BOOK_DUPLICATE_REFERENCE, C_BOOK_ORDERS_FULL

cdef enum:
    # A quarter of the window may outlast it: on the workloads measured, under 5 % do.
    OVERFLOW_SHARE = 4
    # A ladder doubles by moving to a larger block, and its former one is reused, as is that of a
    # ladder that becomes empty: at most twice the bytes at the peak of the ladders in use, plus as
    # much again in free blocks of other classes, plus a first block a side.
    ARENA_BYTES_PER_LEVEL = 4 * 8
    KEY_LEAST = -0x80000000

assert sizeof(Order) == 16 and sizeof(Level) == 16 and sizeof(SymbolBook) == 64

# ---- tables --------------------------------------------------------------------------------------


cdef uint64_t _power_of_two(uint64_t at_least) noexcept:
    cdef uint64_t value = 64
    while value < at_least:
        value <<= 1
    return value


cdef inline uint32_t _block_units(uint32_t capacity) noexcept nogil:
    """A block: LADDER_WIDTH least keys, then room for so many keys, then as many handles."""
    return (LADDER_WIDTH + 2 * capacity) * <uint32_t>sizeof(int32_t) // ARENA_UNIT_BYTES


cdef uint32_t _arena_units(uint32_t levels_max) noexcept:
    return (<uint32_t>(<size_t>levels_max * ARENA_BYTES_PER_LEVEL // ARENA_UNIT_BYTES)
            + (2 * LOCATES + 1) * _block_units(LADDER_CAPACITY_MIN))


cdef void _block_begin(Book *book, uint32_t block) noexcept nogil:
    cdef int32_t *keys = <int32_t *>(book.arena + <size_t>block * ARENA_UNIT_BYTES)
    cdef uint32_t i
    for i in range(<uint32_t>LADDER_WIDTH):
        keys[i] = KEY_LEAST


cdef void _empty(Book *book) noexcept nogil:
    """No order, no level; every ladder has the block that empty ones share."""
    cdef uint32_t side, locate
    _block_begin(book, 0)
    for locate in range(<uint32_t>LOCATES):
        for side in range(2):
            book.symbols[locate].sides[side].best = LEVEL_NONE
    book.arena_units_used = _block_units(0)


cdef int book_open(Book *book, uint64_t orders_max, uint32_t levels_max, uint64_t *counters,
                   bint populate) noexcept:
    """0, or -1 when there is not enough memory (nothing is left allocated)."""
    cdef uint64_t window = _power_of_two(orders_max)
    memset(book, 0, sizeof(Book))
    book.window_mask = window - 1
    while window >> book.window_bits > 1:
        book.window_bits += 1
    book.overflow_mask = window // OVERFLOW_SHARE - 1
    book.overflow_count_max = book.overflow_mask - (book.overflow_mask >> 3)
    book.arena_units = _arena_units(levels_max)
    book.window = <Order *>tp_memory_map(window * sizeof(Order), populate)
    book.overflow = <FarOrder *>tp_memory_map((book.overflow_mask + 1) * sizeof(FarOrder),
                                               populate)
    book.arena = <uint8_t *>tp_memory_map(<size_t>book.arena_units * ARENA_UNIT_BYTES, populate)
    book.symbols = <SymbolBook *>tp_memory_map(LOCATES * sizeof(SymbolBook), populate)
    cdef void *levels = tp_memory_map(<size_t>levels_max * sizeof(Level), populate)
    tp_pool_init(&book.levels, levels, sizeof(Level), levels_max)
    book.counters = counters
    if not (book.window and book.overflow and book.arena and book.symbols and levels):
        book_close(book)
        return -1
    _empty(book)
    return 0


cdef void book_close(Book *book) noexcept:
    tp_memory_unmap(book.window, (book.window_mask + 1) * sizeof(Order))
    tp_memory_unmap(book.overflow, (book.overflow_mask + 1) * sizeof(FarOrder))
    tp_memory_unmap(book.arena, <size_t>book.arena_units * ARENA_UNIT_BYTES)
    tp_memory_unmap(book.symbols, LOCATES * sizeof(SymbolBook))
    tp_memory_unmap(book.levels.base, <size_t>book.levels.count_max * sizeof(Level))
    memset(book, 0, sizeof(Book))


cdef void book_clear(Book *book) noexcept nogil:
    """Empties every book, as a new feed session demands; the tables stay."""
    memset(book.window, 0, (book.window_mask + 1) * sizeof(Order))
    memset(book.overflow, 0, (book.overflow_mask + 1) * sizeof(FarOrder))
    memset(book.symbols, 0, LOCATES * sizeof(SymbolBook))
    memset(book.arena_free, 0, sizeof(book.arena_free))
    book.overflow_count = 0
    book.overflow_reference_max = 0
    book.live_orders = 0
    tp_pool_init(&book.levels, book.levels.base, sizeof(Level), book.levels.count_max)
    _empty(book)


# ---- orders by reference -------------------------------------------------------------------------


cdef Order *book_find(Book *book, uint64_t reference) noexcept nogil:
    return order_find(book, reference)


cdef inline uint64_t _overflow_home(const Book *book, uint64_t reference) noexcept nogil:
    return mix64(reference) & book.overflow_mask


cdef Order *book_overflow_find(Book *book, uint64_t reference) noexcept nogil:
    """The order of this reference in the overflow, or NULL."""
    cdef uint64_t at = _overflow_home(book, reference)
    while book.overflow[at].order.shares:
        if book.overflow[at].reference == reference:
            return &book.overflow[at].order
        at = (at + 1) & book.overflow_mask
    return NULL


cdef Order *_overflow_put(Book *book, uint64_t reference) noexcept nogil:
    """A place whose shares are yet to be set, or NULL when there are no more."""
    cdef uint64_t at
    if book.overflow_count >= book.overflow_count_max:
        return NULL
    at = _overflow_home(book, reference)
    while book.overflow[at].order.shares:
        at = (at + 1) & book.overflow_mask
    book.overflow[at].reference = reference
    book.overflow_count += 1
    # What has no generation is looked for here anyhow, and shall not make everyone look.
    if reference > book.overflow_reference_max and not reference >> book.window_bits >> 32:
        book.overflow_reference_max = reference
    return &book.overflow[at].order


cdef void book_overflow_remove(Book *book, Order *order) noexcept nogil:
    """Backward-shift deletion: no tombstones, so that probing stays short all day."""
    cdef uint64_t hole = (<uint8_t *>order - <uint8_t *>book.overflow) // sizeof(FarOrder)
    cdef uint64_t at = hole, home
    while True:
        at = (at + 1) & book.overflow_mask
        if not book.overflow[at].order.shares:
            break
        home = _overflow_home(book, book.overflow[at].reference)
        if ((at - home) & book.overflow_mask) >= ((at - hole) & book.overflow_mask):
            book.overflow[hole] = book.overflow[at]
            hole = at
    book.overflow[hole].order.shares = 0
    book.overflow_count -= 1
    if book.overflow_count == 0:
        book.overflow_reference_max = 0


cdef Order *book_make_room(Book *book, uint64_t reference, uint16_t locate) noexcept nogil:
    """A place for a new order, from where an older one moves if it must; NULL: it is counted."""
    cdef Order *slot = window_slot(book, reference)
    cdef Order *place = slot
    cdef uint64_t older
    if order_find(book, reference) != NULL:
        book.counters[C_BOOK_DUPLICATE_REFERENCE] += 1
        return NULL
    if reference >> book.window_bits >> 32:
        # Beyond every generation: no feed counts so far, but anyone can send it.
        place = _overflow_put(book, reference)
    elif slot.shares:
        older = (<uint64_t>slot.generation << book.window_bits) | (reference & book.window_mask)
        place = _overflow_put(book, older)
        if place:
            place[0] = slot[0]
            slot.shares = 0
            return slot
    if place == NULL:
        book.counters[C_BOOK_ORDERS_FULL] += 1
        book.symbols[locate].incomplete = 1
    return place


# ---- ladders -------------------------------------------------------------------------------------


cdef uint32_t book_find_far(const int32_t *keys, uint32_t count, int32_t key) noexcept nogil:
    """ladder_find where it lies further back than LADDER_WIDTH."""
    cdef uint32_t low = 0, high = count - LADDER_WIDTH, middle
    while low < high:
        middle = (low + high) // 2
        if keys[middle] <= key:
            low = middle + 1
        else:
            high = middle
    return high


cdef inline uint32_t _class_of(uint32_t capacity) noexcept nogil:
    cdef uint32_t capacity_class = 0
    while (<uint32_t>LADDER_CAPACITY_MIN << capacity_class) < capacity:
        capacity_class += 1
    return capacity_class


cdef uint32_t _block_take(Book *book, uint32_t capacity_class) noexcept nogil:
    """A block of this class, or 0."""
    cdef uint32_t block = book.arena_free[capacity_class]
    cdef uint32_t units = _block_units(<uint32_t>LADDER_CAPACITY_MIN << capacity_class)
    if block:
        book.arena_free[capacity_class] = (
            <uint32_t *>(book.arena + <size_t>block * ARENA_UNIT_BYTES))[0]
    elif book.arena_units - book.arena_units_used < units:
        return 0
    else:
        block = book.arena_units_used
        book.arena_units_used += units
    _block_begin(book, block)
    return block


cdef void _block_give(Book *book, const Ladder *ladder) noexcept nogil:
    cdef uint32_t capacity_class = _class_of(ladder.capacity)
    (<uint32_t *>(book.arena + <size_t>ladder.block * ARENA_UNIT_BYTES))[0] = (
        book.arena_free[capacity_class])
    book.arena_free[capacity_class] = ladder.block


cdef bint book_ladder_grow(Book *book, Ladder *ladder) noexcept nogil:
    """Makes room for one more level; False when the arena or the largest class is exhausted."""
    cdef uint32_t capacity = ladder.capacity * 2 if ladder.capacity else LADDER_CAPACITY_MIN
    cdef uint32_t capacity_class = _class_of(capacity)
    cdef Ladder grown = ladder[0]
    if capacity_class >= LADDER_CLASSES:
        return False
    grown.block = _block_take(book, capacity_class)
    grown.capacity = capacity
    if not grown.block:
        return False
    memcpy(ladder_keys(book, &grown), ladder_keys(book, ladder), ladder.count * sizeof(int32_t))
    memcpy(ladder_handles(book, &grown), ladder_handles(book, ladder),
           ladder.count * sizeof(uint32_t))
    if ladder.capacity:
        _block_give(book, ladder)
    ladder[0] = grown
    return True


cdef void book_ladder_empty(Book *book, Ladder *ladder) noexcept nogil:
    """A side without a level keeps a block of the first class, and gives back a larger one."""
    ladder.best = LEVEL_NONE
    if ladder.capacity > LADDER_CAPACITY_MIN:
        _block_give(book, ladder)
        ladder.block = 0
        ladder.capacity = 0


# ---- messages that name no order -----------------------------------------------------------------


cdef void book_note(Book *book, const uint8_t *message) noexcept nogil:
    """What a directory entry or a trading action says of its symbol."""
    cdef uint16_t locate = be16((<const itch_stock_directory_t *>message).stock_locate)
    if message[0] == ITCH_STOCK_DIRECTORY:
        memcpy(book.symbols[locate].stock, (<const itch_stock_directory_t *>message).stock, 8)
    elif message[0] == ITCH_STOCK_TRADING_ACTION:
        book.symbols[locate].trading_state = (
            <const itch_stock_trading_action_t *>message).trading_state
