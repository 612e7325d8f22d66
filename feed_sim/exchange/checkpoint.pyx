# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""Taking, keeping and listing checkpoints."""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

from feed_sim.exchange.matching cimport (
    match_level, match_level_count, match_level_view, match_live_orders,
    match_order_view, match_slot, match_slots,
)
from itch_ouch.digest cimport digest_level, digest_order


cdef void checkpoint_take(
    checkpoints_t *checkpoints, const match_core *core, uint64_t sequence
) noexcept nogil:
    cdef checkpoint_t *row
    cdef match_order_view order
    cdef match_level_view level
    cdef uint32_t slot, locate, rank
    cdef int side
    if checkpoints.count == CHECKPOINTS_MAX:
        checkpoints.not_kept += 1
        return
    row = &checkpoints.rows[checkpoints.count]
    memset(row, 0, sizeof(checkpoint_t))
    checkpoints.count += 1
    row.sequence = sequence
    row.live_orders = match_live_orders(core)
    for slot in range(match_slots(core)):
        if match_slot(core, slot, &order):
            row.orders_digest += digest_order(
                order.locate, order.side, order.reference, order.price, order.shares)
    for locate in range(1, checkpoints.symbol_count + 1):
        for side in range(2):
            for rank in range(match_level_count(core, locate, side)):
                match_level(core, locate, side, rank, &level)
                row.levels_digest += digest_level(
                    locate, side, rank, level.price, level.shares, level.order_count)


cdef void checkpoints_init(
    checkpoints_t *checkpoints, uint64_t every, uint32_t symbol_count
) except *:
    memset(checkpoints, 0, sizeof(checkpoints_t))
    checkpoints.every = every
    checkpoints.symbol_count = symbol_count
    if every == 0:
        return
    checkpoints.rows = <checkpoint_t *>calloc(CHECKPOINTS_MAX, sizeof(checkpoint_t))
    if checkpoints.rows == NULL:
        raise MemoryError("no memory for the checkpoints")


cdef void checkpoints_free(checkpoints_t *checkpoints) noexcept:
    free(checkpoints.rows)


cdef list checkpoints_rows(const checkpoints_t *checkpoints):
    """As they are written to a file: digests in hexadecimal, which JSON readers do not round."""
    cdef uint64_t i
    return [
        {
            "sequence": checkpoints.rows[i].sequence,
            "orders_digest": f"{checkpoints.rows[i].orders_digest:016x}",
            "levels_digest": f"{checkpoints.rows[i].levels_digest:016x}",
            "live_orders": checkpoints.rows[i].live_orders,
        }
        for i in range(checkpoints.count)
    ]
