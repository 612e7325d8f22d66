# csrc/matching.h for Cython.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "matching.h" nogil:
    const uint32_t MATCH_PRICE_MAX
    const uint32_t MATCH_SHARES_MAX
    const uint32_t MATCH_SYMBOLS_MAX
    const uint32_t MATCH_REPORTS_MIN

    const int MATCH_BUY, MATCH_SELL
    const int MATCH_DAY, MATCH_IOC, MATCH_FOK
    const int MATCH_MARKET, MATCH_POST_ONLY
    const int MATCH_OK, MATCH_UNCHANGED, MATCH_BAD_LOCATE, MATCH_BAD_SIDE, MATCH_BAD_SHARES
    const int MATCH_BAD_PRICE, MATCH_BAD_COMBINATION, MATCH_UNKNOWN_REFERENCE
    const int MATCH_FULL_ORDERS, MATCH_FULL_LEVELS, MATCH_FULL_REFERENCES, MATCH_RESULTS
    const int MATCH_ACCEPTED, MATCH_REJECTED, MATCH_REPLACING, MATCH_CANCELED
    const int MATCH_ADDED, MATCH_EXECUTED, MATCH_REDUCED, MATCH_DELETED, MATCH_REPLACED
    const int MATCH_BY_NOTHING, MATCH_BY_USER, MATCH_BY_REPLACE, MATCH_BY_IOC, MATCH_BY_FOK
    const int MATCH_BY_POST_ONLY, MATCH_BY_MARKET, MATCH_BY_REPORTS

    cdef struct match_report:
        uint8_t type
        uint8_t side
        uint8_t reason
        uint8_t result
        uint16_t locate
        uint32_t shares
        uint32_t price
        uint64_t reference
        uint64_t other_reference
        uint64_t match_number
        uint32_t tag
        uint32_t other_tag

    cdef struct match_order:
        uint16_t locate
        uint8_t side
        uint8_t life
        uint32_t flags
        uint32_t shares
        uint32_t price
        uint32_t tag

    cdef struct match_limits:
        uint32_t symbols_max
        uint32_t orders_max
        uint32_t levels_max
        uint32_t reports_max
        uint64_t references_max

    cdef struct match_order_view:
        uint64_t reference
        uint32_t shares
        uint32_t executed
        uint32_t price
        uint32_t tag
        uint16_t locate
        uint8_t side

    cdef struct match_level_view:
        uint64_t shares
        uint32_t order_count
        uint32_t price

    cdef struct match_core:
        pass

    match_core *match_create(const match_limits *limits) noexcept
    void match_destroy(match_core *core) noexcept
    int match_submit(match_core *core, const match_order *order) noexcept
    int match_cancel(match_core *core, uint64_t reference, uint32_t total) noexcept
    int match_replace(match_core *core, uint64_t reference, const match_order *order) noexcept
    const match_report *match_reports(const match_core *core, uint32_t *count) noexcept
    uint64_t match_next_reference(const match_core *core) noexcept
    uint32_t match_live_orders(const match_core *core) noexcept
    uint32_t match_live_levels(const match_core *core) noexcept
    int match_find(const match_core *core, uint64_t reference, match_order_view *view) noexcept
    uint32_t match_slots(const match_core *core) noexcept
    int match_slot(const match_core *core, uint32_t slot, match_order_view *view) noexcept
    uint32_t match_level_count(const match_core *core, uint16_t locate, uint8_t side) noexcept
    int match_level(const match_core *core, uint16_t locate, uint8_t side, uint32_t rank,
                    match_level_view *view) noexcept
    uint64_t match_first(const match_core *core, uint16_t locate, uint8_t side,
                         uint32_t rank) noexcept
    uint64_t match_behind(const match_core *core, uint64_t reference) noexcept
    int match_check(const match_core *core) noexcept


cdef class Matching:
    cdef match_core *core
    cdef list _reports(self)
