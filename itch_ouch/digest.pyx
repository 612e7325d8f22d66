"""Digests of a book for Python: thin wrappers of digest.pxd, for tests and tools."""


def mix(uint64_t value):
    """The finaliser of splitmix64."""
    return mix64(value)


def order(uint16_t locate, uint8_t side, uint64_t reference, uint32_t price, uint32_t shares):
    """The term of one order."""
    return digest_order(locate, side, reference, price, shares)


def level(
    uint16_t locate, uint8_t side, uint32_t rank, uint32_t price, uint64_t shares_total,
    uint32_t order_count,
):
    """The term of one price level."""
    return digest_level(locate, side, rank, price, shares_total, order_count)
