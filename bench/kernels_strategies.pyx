"""Calls a strategy's C function with books of one level a side, and counts what it asks for."""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

from appliance.core.book cimport BOOK_BBO, Level
from appliance.core.strategy cimport (
    EVENT_BOOK, EVENT_ORDER, ORDER_CANCELED, Event, Intents, Strategy, View,
)
from dpdk_bindings.env.clock cimport tp_clock, tp_clock_now

cdef enum:
    BOOKS = 1024                # different books, power of two
    PRICE = 1_000_000


def call_many(Strategy strategy, calls: int, clock_address: int) -> tuple[int, int, int]:
    """(ns, intents, digest of the intents). An order is answered at once by its end."""
    cdef const tp_clock *clock = <const tp_clock *><uintptr_t>clock_address
    cdef Level levels[BOOKS][2]
    cdef uint32_t[2] handles
    cdef Event event
    cdef View view
    cdef Intents intents
    cdef uint64_t seed = 1, started, ended, asked = 0, digest = 0, number, count = calls
    cdef uint32_t i, kept
    for i in range(BOOKS):
        seed = seed * <uint64_t>6364136223846793005u + <uint64_t>1442695040888963407u
        levels[i][0] = Level(shares=100 * (1 + (seed >> 33) % 64), orders=1, price=PRICE)
        levels[i][1] = Level(shares=100 * (1 + (seed >> 45) % 64), orders=1,
                             price=PRICE + 100 * (1 + (seed >> 53) % 3))
    handles[0] = 0
    handles[1] = 1
    memset(&event, 0, sizeof(event))
    memset(&view, 0, sizeof(view))
    view.bid_handles, view.ask_handles = &handles[0], &handles[1]
    view.bid_count = view.ask_count = 1
    view.live = 1
    with nogil:
        started = tp_clock_now(clock)
        for number in range(count):
            event.kind, event.change, event.flags = EVENT_BOOK, 0, BOOK_BBO
            event.now_ns += 1000
            event.locate = view.locate = <unsigned short>(number & 4095)
            view.levels = &levels[number & (BOOKS - 1)][0]
            intents.count = 0
            strategy.callback(strategy.state, &event, &view, &intents)
            if intents.count:
                kept = intents.count
                asked += kept
                digest = digest * 31 + (intents.items[0].price ^ intents.items[0].side << 31 ^
                                        intents.items[0].shares ^ intents.items[0].locate)
                event.kind, event.change, event.leaves = EVENT_ORDER, ORDER_CANCELED, 0
                intents.count = 0
                strategy.callback(strategy.state, &event, &view, &intents)
        ended = tp_clock_now(clock)
    return ended - started, asked, digest
