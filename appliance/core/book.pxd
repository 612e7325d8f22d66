# Full-depth order books of all symbols, order by order. One writer: the engine.
#
# An order is found by its reference number in a *window*: an array indexed by the low bits of the
# reference; the bits above are the order's *generation*. References are day-unique and mostly
# increasing, so neighbours in time are neighbours in memory. When a new order meets an older live
# one in its slot, the older moves to the *overflow*, a hash table: there live the few that outlast
# a whole window. Any reference, however hostile, has a place in one of the two, and either being
# full is counted, never fatal.
#
# A side of a symbol is a *ladder*: keys in ascending order with the best at the back, where nearly
# all changes are. A bid's key rises with its price, an ask's falls, so that one code serves both.
# Behind the keys lie the handles of their levels; orders keep that handle, so reducing and deleting
# never search unless a level dies.
#
# Invariant: a level exists if and only if it has at least one order, and its shares are their sum.
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from dpdk_bindings.env.pool cimport tp_pool

cdef enum:
    SIDE_BID = 0
    SIDE_ASK = 1
    LOCATES = 65536             # a stock locate is 16 bits (ITCH 5.0, 4.1)
    LADDER_CLASSES = 14         # ladder capacities 8, 16, ... 65,536 levels a side
    LADDER_CAPACITY_MIN = 8
    # Keys compared at once: most changes are within five levels of the best. A block begins with
    # as many that are greater than none, so that comparing needs no count.
    LADDER_WIDTH = 16
    ARENA_UNIT_BYTES = 64
    LEVEL_NONE = 0xFFFFFFFF     # TP_POOL_NONE

# What applying a message did; BBO bits first, so that `flags & BOOK_BBO` asks the usual question.
cdef enum:
    BOOK_BID = 1
    BOOK_ASK = 2
    BOOK_BBO = 3

cdef struct Order:              # 16 bytes: four a cache line, none across two
    uint32_t generation         # the reference's bits above the window's
    uint32_t shares             # 0: this slot is free
    uint32_t level              # handle
    uint16_t locate
    uint8_t side
    uint8_t reserved

cdef struct FarOrder:           # of the overflow
    uint64_t reference
    Order order

cdef struct Level:              # 16 bytes
    uint64_t shares
    uint32_t orders
    uint32_t price

cdef struct Ladder:
    uint32_t block              # of the arena, in units of ARENA_UNIT_BYTES
    uint32_t count              # levels
    uint32_t capacity           # of the block, in levels; 0: the block that all empty ones share
    uint32_t best               # handle of the best level; LEVEL_NONE: there is none

cdef struct SymbolBook:         # one cache line
    Ladder sides[2]
    uint8_t stock[8]            # as the directory or an add named it; zero: not yet
    uint32_t bbo_changes
    uint8_t incomplete          # an order did not fit: this book is not to be trusted
    uint8_t trading_state       # ITCH 'H'; 0 before the first
    uint8_t reserved[18]

cdef struct Book:
    Order *window
    uint64_t window_mask
    uint32_t window_bits
    uint32_t reserved
    tp_pool levels
    FarOrder *overflow
    uint64_t overflow_mask
    uint64_t overflow_count
    uint64_t overflow_count_max
    # The highest reference with a generation that was moved there, since it was last empty.
    uint64_t overflow_reference_max
    uint8_t *arena              # memory of the ladders; its first block is the empty one
    uint32_t arena_units
    uint32_t arena_units_used
    uint32_t arena_free[LADDER_CLASSES]     # first of the free blocks of a class; 0: none
    SymbolBook *symbols         # by stock locate
    uint64_t *counters          # the segment's
    uint64_t live_orders
    uint16_t touched            # locate of the last message that changed a book
    uint16_t locate_max         # highest locate seen: bounds the scans of digests

cdef int book_open(Book *book, uint64_t orders_max, uint32_t levels_max, uint64_t *counters,
                   bint populate) noexcept
cdef void book_close(Book *book) noexcept
cdef void book_clear(Book *book) noexcept nogil

# The live order of this reference, or NULL.
cdef Order *book_find(Book *book, uint64_t reference) noexcept nogil
# Cold parts of what book_apply.pxd does.
cdef Order *book_overflow_find(Book *book, uint64_t reference) noexcept nogil
cdef void book_overflow_remove(Book *book, Order *order) noexcept nogil
cdef Order *book_make_room(Book *book, uint64_t reference, uint16_t locate) noexcept nogil
cdef uint32_t book_find_far(const int32_t *keys, uint32_t count, int32_t key) noexcept nogil
cdef bint book_ladder_grow(Book *book, Ladder *ladder) noexcept nogil
cdef void book_ladder_empty(Book *book, Ladder *ladder) noexcept nogil
cdef void book_note(Book *book, const uint8_t *message) noexcept nogil

cdef inline Order *window_slot(const Book *book, uint64_t reference) noexcept nogil:
    return &book.window[reference & book.window_mask]

cdef inline int32_t *ladder_keys(const Book *book, const Ladder *ladder) noexcept nogil:
    return <int32_t *>(book.arena + <size_t>ladder.block * ARENA_UNIT_BYTES) + LADDER_WIDTH

cdef inline uint32_t *ladder_handles(const Book *book, const Ladder *ladder) noexcept nogil:
    return <uint32_t *>ladder_keys(book, ladder) + ladder.capacity

cdef inline Level *level_at(const Book *book, uint32_t handle) noexcept nogil:
    return &(<Level *>book.levels.base)[handle]

cdef inline const Level *ladder_best(const Book *book, const Ladder *ladder) noexcept nogil:
    # The best level, or NULL.
    return level_at(book, ladder.best) if ladder.best != LEVEL_NONE else NULL

cdef inline const Level *ladder_level(const Book *book, const Ladder *ladder,
                                      uint32_t rank) noexcept nogil:
    # The level `rank` places from the best (0), or NULL past the last.
    if rank >= ladder.count:
        return NULL
    return level_at(book, ladder_handles(book, ladder)[ladder.count - 1 - rank])

cdef inline int32_t ladder_key(uint32_t side, uint32_t price) noexcept nogil:
    # Greater is better: a bid's price, an ask's complement, without a branch; signed, for that is
    # the comparison that vector units have.
    return <int32_t>((price ^ (0 - side)) ^ <uint32_t>0x80000000)
