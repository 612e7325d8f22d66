# Pre-trade risk: every intent passes here or is refused under the first check's own name.
#
# Pure arithmetic on integers: prices in 1/10000 dollar, notional in the same unit, time in ns. The
# rate is a token bucket of rate_burst messages refilled at rate_per_s, kept as the time at which
# the bucket will be full, so that `now` is all it needs.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from appliance.core.strategy cimport Intent, View

# The order of RISK_REASONS in telemetry/registry.py, and of the checks, except that the rate comes
# last: passing it spends a message, and what another check refuses shall cost none.
cdef enum:
    RISK_KILLED = 0
    RISK_BOOK_STATE = 1
    RISK_COLLAR = 2
    RISK_SIZE = 3
    RISK_NOTIONAL = 4
    RISK_RATE = 5
    RISK_POSITION = 6
    # Not limits but impossibilities; they share the counters' family.
    RISK_NOT_READY = 7          # the venue has not told our next number yet
    RISK_TABLE_FULL = 8
    RISK_NO_ORDER = 9           # replace or cancel of an order that is not ours or is dead
    RISK_STATE = 10             # the order awaits an answer to an earlier change
    RISK_REASON_COUNT = 11
    RISK_PASSED = 255

cdef struct Risk:
    uint32_t collar_ppm         # of the reference price
    uint32_t shares_max         # an order
    uint64_t notional_max       # an order, 1/10000 dollar
    uint64_t rate_interval_ns   # between messages at the steady rate
    uint64_t rate_allowance_ns  # burst * interval
    uint64_t rate_full_ns       # when the bucket is full again
    int64_t position_max        # shares a symbol, either way, open orders included

cdef void risk_open(Risk *risk, uint32_t collar_ppm, uint32_t shares_max, uint64_t notional_max,
                    uint32_t rate_per_s, uint32_t rate_burst, int64_t position_max) noexcept nogil
# RISK_PASSED or the first check that failed. `open_change` is what the intent adds to the open
# shares of its side (less than its size for a replace). A pass spends one token of the rate.
cdef int risk_check(Risk *risk, uint32_t kill, const View *view, const Intent *intent,
                    int64_t open_change, uint64_t now) noexcept nogil
