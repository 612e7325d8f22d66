# Full-depth order books of all symbols, order by order. One writer: the engine.
#
# An order is found by its reference number in a *window*: an array indexed by the low bits of the
# reference. References are day-unique and mostly increasing, so neighbours in time are neighbours
# in memory. When a new order meets an older live one in its slot, the older moves to the
# *overflow*, a hash table: there live the few that outlast a whole window. Any reference, however
# hostile, has a place in one of the two, and either being full is counted, never fatal.
#
# A side of a symbol is a *ladder*: keys in ascending order with the best at the back, where nearly
# all changes are. A bid's key is its price, an ask's the price's complement, so that one code
# serves both. Beside each key stands a handle of its level; orders keep that handle, so reducing
# and deleting never search unless a level dies.
#
# Invariant: a level exists if and only if it has at least one order, and its shares are their sum.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from dpdk_bindings.env.pool cimport tp_pool
from itch_ouch.wire cimport be16, be64, itch_order_delete_t

cdef enum:
    SIDE_BID = 0
    SIDE_ASK = 1
    LOCATES = 65536             # a stock locate is 16 bits (ITCH 5.0, 4.1)
    LADDER_CLASSES = 14         # ladder capacities 8, 16, ... 65,536 levels a side
    LADDER_CAPACITY_MIN = 8

# What applying a message did; BBO bits first, so that `flags & BOOK_BBO` asks the usual question.
cdef enum:
    BOOK_BID = 1
    BOOK_ASK = 2
    BOOK_BBO = 3

cdef struct Order:              # 32 bytes: two a cache line, none across two
    uint64_t reference
    uint32_t shares             # 0: this slot is free
    uint32_t price
    uint32_t level              # handle
    uint16_t locate
    uint8_t side
    uint8_t reserved
    uint64_t reserved_tail

cdef struct Level:              # 16 bytes
    uint64_t shares
    uint32_t orders
    uint32_t price

cdef struct Ladder:
    uint32_t *keys              # ascending; the best is last
    uint32_t *handles           # beside the keys
    uint32_t count
    uint32_t capacity_class     # capacity is LADDER_CAPACITY_MIN << capacity_class

cdef struct SymbolBook:
    Ladder sides[2]
    uint8_t stock[8]            # as the directory or an add named it; zero: not yet
    uint32_t bbo_changes
    uint8_t incomplete          # an order did not fit: this book is not to be trusted
    uint8_t trading_state       # ITCH 'H'; 0 before the first
    uint16_t reserved

cdef struct Book:
    Order *window
    uint64_t window_mask
    Order *overflow
    uint64_t overflow_mask
    uint64_t overflow_count
    uint64_t overflow_count_max
    uint64_t overflow_reference_max     # the highest reference ever moved there
    tp_pool levels
    uint8_t *arena              # memory of the ladders
    size_t arena_bytes
    size_t arena_used_bytes
    void *arena_free[LADDER_CLASSES]
    SymbolBook *symbols         # by stock locate
    uint64_t *counters          # the segment's
    uint64_t live_orders
    uint16_t touched            # locate of the last message that changed a book
    uint16_t locate_max         # highest locate seen: bounds the scans of digests

cdef int book_open(Book *book, uint64_t orders_max, uint32_t levels_max, uint64_t *counters,
                   bint populate) noexcept
cdef void book_close(Book *book) noexcept
cdef void book_clear(Book *book) noexcept nogil

cdef int book_add(Book *book, uint16_t locate, uint64_t reference, uint8_t side, uint32_t shares,
                  uint32_t price) noexcept nogil
cdef int book_reduce(Book *book, uint64_t reference, uint32_t shares) noexcept nogil
cdef int book_delete(Book *book, uint64_t reference) noexcept nogil
cdef int book_replace(Book *book, uint64_t reference, uint64_t reference_new, uint32_t shares,
                      uint32_t price) noexcept nogil
cdef Order *book_find(Book *book, uint64_t reference) noexcept nogil
cdef int book_apply(Book *book, const uint8_t *message) noexcept nogil

cdef inline const Level *ladder_level(const Book *book, const Ladder *ladder,
                                      uint32_t rank) noexcept nogil:
    # The level `rank` places from the best (0), or NULL past the last.
    if rank >= ladder.count:
        return NULL
    return &(<const Level *>book.levels.base)[ladder.handles[ladder.count - 1 - rank]]

cdef extern from *:
    """
    #define book_line_fetch(address) __builtin_prefetch((address), 1)
    """
    void book_line_fetch(const void *address) noexcept nogil

cdef inline void book_prefetch(const Book *book, const uint8_t *message) noexcept nogil:
    # Asks memory for the lines that a message of a known type will need: its order's and its
    # symbol's. What is not an order's reference at that place fetches a line in vain, and no more.
    cdef const itch_order_delete_t *m = <const itch_order_delete_t *>message
    book_line_fetch(&book.window[be64(m.order_reference_number) & book.window_mask])
    book_line_fetch(&book.symbols[be16(m.stock_locate)])

cdef inline uint32_t ladder_key(uint8_t side, uint32_t price) noexcept nogil:
    return price if side == SIDE_BID else ~price
