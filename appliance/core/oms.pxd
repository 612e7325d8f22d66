# The order table: every order we sent today, by UserRefNum, and what it may become.
#
# The venue's answers are events; `_next_state` in oms.pyx is the whole transition table. A pair of
# state and event that the table does not have is counted (oms_invalid) and changes nothing.
#
# UserRefNums increase strictly, so an order's place is its number modulo the table's size. A number
# whose place an open order still holds is passed over: numbers grow, they need not be dense. With
# every place open the table is full: refused and counted.
#
# Invariant: a symbol's open shares are the sum of the leaves of its open orders, a replacement in
# flight counting only what it adds; its position is the sum of executions.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:                      # OmsOrder.state
    OMS_FREE = 0                # never used
    OMS_PENDING_NEW = 1
    OMS_LIVE = 2
    OMS_PENDING_REPLACE = 3     # live, its replacement is in flight
    OMS_PENDING_CANCEL = 4
    OMS_REPLACEMENT = 5         # in flight, waits for Replaced
    OMS_DEAD = 6
    OMS_STATE_COUNT = 7
    OMS_INVALID = 255

cdef enum:                      # events
    OMS_ACCEPT = 0
    OMS_ACCEPT_DEAD = 1         # accepted and at once dead (order state D)
    OMS_REJECT = 2
    OMS_REPLACED = 3            # this order was replaced by another
    OMS_PART = 4                # executed or reduced, something left
    OMS_GONE = 5                # executed or canceled to the last share
    OMS_SEND_REPLACE = 6
    OMS_SEND_CANCEL = 7
    OMS_REPLACE_FAILED = 8      # the replacement was rejected; this order stands
    OMS_VOID = 9                # a replacement whose original died first
    OMS_TAKE_OVER = 10          # a replacement that is now the order
    OMS_TAKE_OVER_DEAD = 11     # the same, and at once dead
    OMS_CANCEL_FAILED = 12      # the cancel was rejected; this order stands
    OMS_EVENT_COUNT = 13

cdef struct OmsOrder:           # 64 bytes: one cache line
    uint32_t user_ref
    uint32_t other_ref          # the replacement in flight, or the original of a replacement
    uint64_t trigger_ns         # the loop's `now` that caused it; 0: not caused by the feed
    uint64_t sent_ns
    uint64_t reference          # the venue's, as in ITCH
    uint32_t price
    uint32_t leaves
    uint32_t chain_filled       # executed over the whole chain of replaces
    uint32_t tag
    uint16_t locate
    uint8_t side
    uint8_t state
    uint8_t time_in_force
    uint8_t reserved[3]
    uint32_t held               # open shares it accounts for in its symbol
    uint32_t reserved_tail

cdef struct OmsSymbol:
    int64_t position
    uint64_t open_shares[2]

cdef struct Oms:
    OmsOrder *orders
    uint32_t mask
    uint32_t next_user_ref      # 0: the venue has not told yet
    uint32_t open_count
    uint32_t pending_count      # of those, the ones that await their first answer
    OmsSymbol *symbols          # by stock locate
    uint64_t *counters

cdef int oms_open(Oms *oms, uint32_t orders_max, uint64_t *counters, bint populate) noexcept
cdef void oms_close(Oms *oms) noexcept
# A new place for the next UserRefNum, or NULL: table full. The number is spent by oms_commit.
cdef OmsOrder *oms_place(Oms *oms) noexcept nogil
cdef OmsOrder *oms_find(Oms *oms, uint32_t user_ref) noexcept nogil
# Moves an order along the table; the new state, or OMS_INVALID (counted, nothing changed).
cdef uint8_t oms_event(Oms *oms, OmsOrder *order, uint8_t event) noexcept nogil
# Sets what the order accounts for in its symbol's open shares.
cdef void oms_hold(Oms *oms, OmsOrder *order, uint32_t shares) noexcept nogil
