# distutils: sources = feed_sim/exchange/csrc/matching.c feed_sim/exchange/csrc/matching_view.c
"""The matching core (csrc/matching.h) for tests and scripts, an operation a call.

The venue's loop uses the C functions themselves; this class only unpacks their reports.
"""
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


class Report(NamedTuple):
    """One report; the fields are those of ``struct match_report``, types and reasons by name."""

    type: str
    locate: int
    side: int
    reference: int
    shares: int
    price: int
    other_reference: int
    match_number: int
    reason: str
    result: str
    tag: int
    other_tag: int


class Resting(NamedTuple):
    """A resting order."""

    reference: int
    locate: int
    side: int
    price: int
    shares: int
    executed: int
    tag: int


class Level(NamedTuple):
    """A price level."""

    price: int
    shares: int
    order_count: int


_TYPES = {
    MATCH_ACCEPTED: "accepted",
    MATCH_REJECTED: "rejected",
    MATCH_REPLACING: "replacing",
    MATCH_CANCELED: "canceled",
    MATCH_ADDED: "added",
    MATCH_EXECUTED: "executed",
    MATCH_REDUCED: "reduced",
    MATCH_DELETED: "deleted",
    MATCH_REPLACED: "replaced",
}
_REASONS = {
    MATCH_BY_NOTHING: "",
    MATCH_BY_USER: "user",
    MATCH_BY_REPLACE: "replace",
    MATCH_BY_IOC: "ioc",
    MATCH_BY_FOK: "fok",
    MATCH_BY_POST_ONLY: "post-only",
    MATCH_BY_MARKET: "market",
    MATCH_BY_REPORTS: "reports",
}
_RESULTS = {
    MATCH_OK: "ok",
    MATCH_UNCHANGED: "unchanged",
    MATCH_BAD_LOCATE: "bad-locate",
    MATCH_BAD_SIDE: "bad-side",
    MATCH_BAD_SHARES: "bad-shares",
    MATCH_BAD_PRICE: "bad-price",
    MATCH_BAD_COMBINATION: "bad-combination",
    MATCH_UNKNOWN_REFERENCE: "unknown-reference",
    MATCH_FULL_ORDERS: "full-orders",
    MATCH_FULL_LEVELS: "full-levels",
    MATCH_FULL_REFERENCES: "full-references",
}
_LIVES = {"day": MATCH_DAY, "ioc": MATCH_IOC, "fok": MATCH_FOK}


cdef class Matching:
    """One core. Raises ValueError for impossible limits, MemoryError when memory is short."""

    def __cinit__(
        self,
        uint32_t symbols_max=1,
        uint32_t orders_max=65536,
        uint32_t levels_max=65536,
        uint32_t reports_max=65536,
        uint64_t references_max=1 << 20,
    ):
        cdef match_limits limits
        limits.symbols_max = symbols_max
        limits.orders_max = orders_max
        limits.levels_max = levels_max
        limits.reports_max = reports_max
        limits.references_max = references_max
        if not 1 <= symbols_max <= MATCH_SYMBOLS_MAX or reports_max < MATCH_REPORTS_MIN:
            raise ValueError(f"limits: 1..{MATCH_SYMBOLS_MAX} symbols, "
                             f"{MATCH_REPORTS_MIN} reports or more")
        self.core = match_create(&limits)
        if self.core == NULL:
            raise MemoryError("no memory for a matching core of these limits; lower them")

    def __dealloc__(self):
        match_destroy(self.core)

    cdef list _reports(self):
        cdef uint32_t count, i
        cdef const match_report *r = match_reports(self.core, &count)
        return [
            Report(_TYPES[r[i].type], r[i].locate, r[i].side, r[i].reference, r[i].shares,
                   r[i].price, r[i].other_reference, r[i].match_number, _REASONS[r[i].reason],
                   _RESULTS[r[i].result], r[i].tag, r[i].other_tag)
            for i in range(count)
        ]

    def submit(self, uint16_t locate, uint8_t side, uint32_t shares, uint32_t price,
               life="day", bint market=False, bint post_only=False, uint32_t tag=0):
        """Enters an order; returns (result, reports)."""
        cdef match_order order
        order.locate = locate
        order.side = side
        order.life = _LIVES[life]
        order.flags = (MATCH_MARKET if market else 0) | (MATCH_POST_ONLY if post_only else 0)
        order.shares = shares
        order.price = price
        order.tag = tag
        result = match_submit(self.core, &order)
        return _RESULTS[result], self._reports()

    def cancel(self, uint64_t reference, uint32_t total=0):
        """Reduces to ``total`` shares, those executed included; returns (result, reports)."""
        result = match_cancel(self.core, reference, total)
        return _RESULTS[result], self._reports()

    def replace(self, uint64_t reference, uint32_t shares, uint32_t price,
                life="day", bint market=False, bint post_only=False, uint32_t tag=0):
        """Replaces an order; returns (result, reports)."""
        cdef match_order order
        order.locate = 0
        order.side = 0
        order.life = _LIVES[life]
        order.flags = (MATCH_MARKET if market else 0) | (MATCH_POST_ONLY if post_only else 0)
        order.shares = shares
        order.price = price
        order.tag = tag
        result = match_replace(self.core, reference, &order)
        return _RESULTS[result], self._reports()

    def find(self, uint64_t reference):
        """The resting order, or None."""
        cdef match_order_view v
        if not match_find(self.core, reference, &v):
            return None
        return Resting(v.reference, v.locate, v.side, v.price, v.shares, v.executed, v.tag)

    def orders(self):
        """Every resting order, in no order."""
        cdef match_order_view v
        cdef uint32_t slot
        found = []
        for slot in range(match_slots(self.core)):
            if match_slot(self.core, slot, &v):
                found.append(Resting(v.reference, v.locate, v.side, v.price, v.shares,
                                     v.executed, v.tag))
        return found

    def levels(self, uint16_t locate, uint8_t side):
        """The levels of one side, best first."""
        cdef match_level_view v
        cdef uint32_t rank
        found = []
        for rank in range(match_level_count(self.core, locate, side)):
            match_level(self.core, locate, side, rank, &v)
            found.append(Level(v.price, v.shares, v.order_count))
        return found

    def queue(self, uint16_t locate, uint8_t side, uint32_t rank):
        """References of one level's orders in priority."""
        cdef uint64_t reference = match_first(self.core, locate, side, rank)
        found = []
        while reference:
            found.append(reference)
            reference = match_behind(self.core, reference)
        return found

    @property
    def live_orders(self):
        return match_live_orders(self.core)

    @property
    def live_levels(self):
        return match_live_levels(self.core)

    @property
    def next_reference(self):
        return match_next_reference(self.core)

    def check(self):
        """0 when every structure agrees with every other, else a line of matching_view.c."""
        return match_check(self.core)
