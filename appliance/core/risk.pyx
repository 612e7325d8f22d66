"""Pre-trade risk checks (see risk.pxd)."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from appliance.core.book cimport SIDE_BID, Level
from appliance.core.strategy cimport INTENT_CANCEL, Intent, View, view_ask, view_bid

cdef enum:
    NS_PER_S = 1000000000
    PPM = 1000000


cdef void risk_open(Risk *risk, uint32_t collar_ppm, uint32_t shares_max, uint64_t notional_max,
                    uint32_t rate_per_s, uint32_t rate_burst, int64_t position_max) noexcept nogil:
    memset(risk, 0, sizeof(Risk))
    risk.collar_ppm = collar_ppm
    risk.shares_max = shares_max
    risk.notional_max = notional_max
    risk.rate_interval_ns = <uint64_t>NS_PER_S // rate_per_s
    risk.rate_allowance_ns = risk.rate_interval_ns * rate_burst
    risk.position_max = position_max


cdef inline bint _collar_passed(const Risk *risk, const View *view,
                                const Intent *intent) noexcept nogil:
    """Within the collar around the opposite best price, or the own side's where that is empty."""
    cdef const Level *near = view_bid(view, 0)
    cdef const Level *far = view_ask(view, 0)
    cdef uint64_t reference, width
    if intent.side != SIDE_BID:
        near, far = far, near
    if far == NULL:
        far = near
    if far == NULL:
        return False
    reference = far.price
    width = reference * risk.collar_ppm // PPM
    return reference <= intent.price + width and intent.price <= reference + width


cdef inline bint _rate_passed(Risk *risk, uint64_t now) noexcept nogil:
    cdef uint64_t full = risk.rate_full_ns if risk.rate_full_ns > now else now
    if full + risk.rate_interval_ns > now + risk.rate_allowance_ns:
        return False
    risk.rate_full_ns = full + risk.rate_interval_ns
    return True


cdef inline bint _position_passed(const Risk *risk, const View *view, const Intent *intent,
                                  int64_t open_change) noexcept nogil:
    """The worst case: every open share of this side executes, and this order too."""
    if intent.side == SIDE_BID:
        return view.position + <int64_t>view.open_buy_shares + open_change <= risk.position_max
    return view.position - <int64_t>view.open_sell_shares - open_change >= -risk.position_max


cdef int risk_check(Risk *risk, uint32_t kill, const View *view, const Intent *intent,
                    int64_t open_change, uint64_t now) noexcept nogil:
    if intent.action == INTENT_CANCEL:
        # Taking risk away is always allowed, also when killed; only the rate holds.
        return RISK_PASSED if kill or _rate_passed(risk, now) else RISK_RATE
    if kill:
        return RISK_KILLED
    if not view.live:
        return RISK_BOOK_STATE
    if not _collar_passed(risk, view, intent):
        return RISK_COLLAR
    if intent.shares == 0 or intent.shares > risk.shares_max:
        return RISK_SIZE
    if <uint64_t>intent.shares * intent.price > risk.notional_max:
        return RISK_NOTIONAL
    if not _position_passed(risk, view, intent, open_change):
        return RISK_POSITION
    # Last, because a pass spends: an intent refused for another reason costs no rate.
    if not _rate_passed(risk, now):
        return RISK_RATE
    return RISK_PASSED
