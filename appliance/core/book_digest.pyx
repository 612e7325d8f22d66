"""Digests of all books (see itch_ouch/digest.pxd for what they are made of)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from itch_ouch.digest cimport digest_level, digest_order
from appliance.core.book cimport Book, Ladder, Level, Order, ladder_level


cdef uint64_t _table_digest(const Order *orders, uint64_t count) noexcept nogil:
    cdef uint64_t total = 0, i
    for i in range(count):
        if orders[i].shares:
            total += digest_order(orders[i].locate, orders[i].side, orders[i].reference,
                                  orders[i].price, orders[i].shares)
    return total


cdef uint64_t book_orders_digest(const Book *book) noexcept nogil:
    """Sum over live orders (docs/checkpoints.md): one scan of both tables."""
    return (_table_digest(book.window, book.window_mask + 1)
            + _table_digest(book.overflow, book.overflow_mask + 1))


cdef uint64_t book_levels_digest(const Book *book) noexcept nogil:
    """Sum over levels, each with its rank from the best."""
    cdef uint64_t total = 0
    cdef uint32_t locate, rank
    cdef uint8_t side
    cdef const Ladder *ladder
    cdef const Level *level
    for locate in range(<uint32_t>book.locate_max + 1):
        for side in range(2):
            ladder = &book.symbols[locate].sides[side]
            for rank in range(ladder.count):
                level = ladder_level(book, ladder, rank)
                total += digest_level(<uint16_t>locate, side, rank, level.price, level.shares,
                                      level.orders)
    return total
