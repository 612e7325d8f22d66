"""Digests of a book: equal books have equal digests, whatever structures hold them.

An order digest is the wrapping sum of digest_order over the live displayed orders, a level digest
the wrapping sum of digest_level over the levels that are not empty. A sum takes its terms in any
order, so the two sides of a comparison need not walk their books alike.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef inline uint64_t mix64(uint64_t value) noexcept nogil:
    """The finaliser of splitmix64: every bit of the input reaches every bit of the result."""
    value = (value ^ (value >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <uint64_t>0x94D049BB133111EB
    return value ^ (value >> 31)


cdef inline uint64_t digest_order(
    uint16_t locate, uint8_t side, uint64_t reference, uint32_t price, uint32_t shares
) noexcept nogil:
    """One order; side 0 is a bid, 1 an offer."""
    cdef uint64_t mixed = mix64(reference + <uint64_t>0x9E3779B97F4A7C15)
    mixed = mix64(mixed ^ (<uint64_t>price << 32 | shares))
    return mix64(mixed ^ (<uint64_t>locate << 8 | side))


cdef inline uint64_t digest_level(
    uint16_t locate, uint8_t side, uint32_t rank, uint32_t price, uint64_t shares_total,
    uint32_t order_count,
) noexcept nogil:
    """One price level; rank 0 is the best of its side."""
    cdef uint64_t mixed = mix64(shares_total + <uint64_t>0x9E3779B97F4A7C15)
    mixed = mix64(mixed ^ (<uint64_t>price << 32 | order_count))
    return mix64(mixed ^ (<uint64_t>rank << 32 | <uint64_t>locate << 8 | side))
