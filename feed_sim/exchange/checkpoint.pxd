# Digests of the engine's own book at chosen sequence numbers of the feed.
#
# One is taken when an operation's last message has a number that `every` divides: then engine and
# feed stand at the same place. A follower of the feed takes its own at every such number, and the
# two agree wherever both have one. They are computed from the engine's tables, not from messages.
from libc.stdint cimport uint32_t, uint64_t

from feed_sim.exchange.matching cimport match_core

cdef enum:
    # 32 bytes each; further ones are counted, not kept.
    CHECKPOINTS_MAX = 1 << 20

ctypedef struct checkpoint_t:
    uint64_t sequence
    uint64_t orders_digest
    uint64_t levels_digest
    uint64_t live_orders

ctypedef struct checkpoints_t:
    uint64_t every               # 0: none are taken
    uint64_t due                 # the next number to look at
    uint64_t count
    uint64_t not_kept
    uint32_t symbol_count
    checkpoint_t *rows


cdef void checkpoint_take(
    checkpoints_t *checkpoints, const match_core *core, uint64_t sequence
) noexcept nogil


cdef inline void checkpoint_maybe(
    checkpoints_t *checkpoints, const match_core *core, uint64_t sequence
) noexcept nogil:
    """Call it after every operation with the number of the last message so far."""
    if sequence < checkpoints.due or checkpoints.every == 0:
        return
    if sequence % checkpoints.every == 0:
        checkpoint_take(checkpoints, core, sequence)
    checkpoints.due = (sequence // checkpoints.every + 1) * checkpoints.every


cdef void checkpoints_init(
    checkpoints_t *checkpoints, uint64_t every, uint32_t symbol_count
) except *
cdef void checkpoints_free(checkpoints_t *checkpoints) noexcept
cdef list checkpoints_rows(const checkpoints_t *checkpoints)
