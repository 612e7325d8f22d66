"""Digests of all books (see itch_ouch/digest.pxd for what they are made of)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from itch_ouch.digest cimport digest_level, digest_order
from appliance.core.book cimport Book, Ladder, Level, Order, ladder_level, level_at


cdef inline uint64_t _order_digest(const Book *book, const Order *order,
                                   uint64_t reference) noexcept nogil:
    return digest_order(order.locate, order.side, reference, level_at(book, order.level).price,
                        order.shares)


cdef uint64_t book_orders_digest(const Book *book) noexcept nogil:
    """Sum over live orders (docs/checkpoints.md): one scan of both tables."""
    cdef uint64_t total = 0, i
    cdef const Order *order
    for i in range(book.window_mask + 1):
        order = &book.window[i]
        if order.shares:
            total += _order_digest(
                book, order, (<uint64_t>order.generation << book.window_bits) | i)
    for i in range(book.overflow_mask + 1):
        order = &book.overflow[i].order
        if order.shares:
            total += _order_digest(book, order, book.overflow[i].reference)
    return total


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
