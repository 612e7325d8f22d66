"""Strategies: the holder of a callback and its state, and the registry of those built in."""

from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset

from appliance.core.book cimport LOCATES, SIDE_ASK, SIDE_BID
from dpdk_bindings.env.memory cimport tp_memory_map, tp_memory_unmap

assert sizeof(Event) == 64 and sizeof(Intent) == 32


cdef class Strategy:
    """Holds a strategy's C function and its state. By itself it watches and never trades."""

    def __cinit__(self, *args, **kwargs):
        self.callback = NULL
        self.state = NULL
        self.name = "none"

    def __dealloc__(self):
        tp_memory_unmap(self.state, self.state_bytes)

    cdef int allocate(self, size_t state_bytes) except -1:
        self.state = tp_memory_map(state_bytes, True)
        if self.state == NULL:
            raise MemoryError(f"no memory for the state of strategy {self.name}")
        self.state_bytes = state_bytes
        return 0

    def reset(self):
        """Forgets everything: as on the first message of the day."""
        cdef const uint8_t[::1] first
        if self.state:
            memset(self.state, 0, self.state_bytes)
        if self.first:
            first = self.first
            memcpy(self.state, &first[0], len(self.first))

    @staticmethod
    def from_pointer(callback: int, state_bytes: int, name: str = "custom", keep=None,
                     first: bytes = b""):
        """A strategy from the address of a C function of type strategy_fn (csrc: strategy.pxd).

        ``state_bytes`` of zeroed memory are its state; ``keep`` is held as long as the strategy,
        for a compiled function that must not be collected. ``first`` is what the state begins with.
        """
        cdef Strategy strategy = Strategy()
        strategy.name = name
        strategy.allocate(max(state_bytes, 8))
        strategy.callback = <strategy_fn><uintptr_t>callback
        strategy.keep = keep
        strategy.first = first[:strategy.state_bytes]
        strategy.reset()
        return strategy


def layout() -> dict[str, dict[str, tuple[int, int]]]:
    """Struct to field to (offset, size) as this was compiled; "" is the whole struct."""
    cdef Event e
    cdef View v
    cdef Intent i
    cdef Intents all_of_them
    cdef Level level
    cdef uintptr_t at_e = <uintptr_t>&e, at_v = <uintptr_t>&v, at_i = <uintptr_t>&i
    return {
        "EVENT": {
            "": (0, sizeof(e)), "now_ns": (<uintptr_t>&e.now_ns - at_e, sizeof(e.now_ns)),
            "kind": (<uintptr_t>&e.kind - at_e, sizeof(e.kind)),
            "locate": (<uintptr_t>&e.locate - at_e, sizeof(e.locate)),
            "flags": (<uintptr_t>&e.flags - at_e, sizeof(e.flags)),
            "side": (<uintptr_t>&e.side - at_e, sizeof(e.side)),
            "change": (<uintptr_t>&e.change - at_e, sizeof(e.change)),
            "order": (<uintptr_t>&e.order - at_e, sizeof(e.order)),
            "tag": (<uintptr_t>&e.tag - at_e, sizeof(e.tag)),
            "shares": (<uintptr_t>&e.shares - at_e, sizeof(e.shares)),
            "price": (<uintptr_t>&e.price - at_e, sizeof(e.price)),
            "leaves": (<uintptr_t>&e.leaves - at_e, sizeof(e.leaves)),
            "reason": (<uintptr_t>&e.reason - at_e, sizeof(e.reason)),
        },
        "VIEW": {
            "": (0, sizeof(v)), "levels": (<uintptr_t>&v.levels - at_v, sizeof(v.levels)),
            "bid_handles": (<uintptr_t>&v.bid_handles - at_v, sizeof(v.bid_handles)),
            "ask_handles": (<uintptr_t>&v.ask_handles - at_v, sizeof(v.ask_handles)),
            "bid_count": (<uintptr_t>&v.bid_count - at_v, sizeof(v.bid_count)),
            "ask_count": (<uintptr_t>&v.ask_count - at_v, sizeof(v.ask_count)),
            "position": (<uintptr_t>&v.position - at_v, sizeof(v.position)),
            "open_buy_shares": (<uintptr_t>&v.open_buy_shares - at_v, sizeof(v.open_buy_shares)),
            "open_sell_shares": (<uintptr_t>&v.open_sell_shares - at_v, sizeof(v.open_sell_shares)),
            "locate": (<uintptr_t>&v.locate - at_v, sizeof(v.locate)),
            "live": (<uintptr_t>&v.live - at_v, sizeof(v.live)),
        },
        "INTENT": {
            "": (0, sizeof(i)), "action": (<uintptr_t>&i.action - at_i, sizeof(i.action)),
            "side": (<uintptr_t>&i.side - at_i, sizeof(i.side)),
            "time_in_force": (<uintptr_t>&i.time_in_force - at_i, sizeof(i.time_in_force)),
            "post_only": (<uintptr_t>&i.post_only - at_i, sizeof(i.post_only)),
            "locate": (<uintptr_t>&i.locate - at_i, sizeof(i.locate)),
            "shares": (<uintptr_t>&i.shares - at_i, sizeof(i.shares)),
            "price": (<uintptr_t>&i.price - at_i, sizeof(i.price)),
            "order": (<uintptr_t>&i.order - at_i, sizeof(i.order)),
            "tag": (<uintptr_t>&i.tag - at_i, sizeof(i.tag)),
        },
        "INTENTS": {
            "": (0, sizeof(all_of_them)), "count": (0, sizeof(all_of_them.count)),
            "locate": (<uintptr_t>&all_of_them.locate - <uintptr_t>&all_of_them,
                       sizeof(all_of_them.locate)),
            "items": (<uintptr_t>&all_of_them.items - <uintptr_t>&all_of_them,
                      sizeof(all_of_them.items)),
        },
        "LEVEL": {
            "": (0, sizeof(level)),
            "shares": (<uintptr_t>&level.shares - <uintptr_t>&level, sizeof(level.shares)),
            "orders": (<uintptr_t>&level.orders - <uintptr_t>&level, sizeof(level.orders)),
            "price": (<uintptr_t>&level.price - <uintptr_t>&level, sizeof(level.price)),
        },
    }


def constants() -> dict[str, int]:
    """The ABI's numbers by name."""
    return {
        "BOOK": EVENT_BOOK, "ORDER": EVENT_ORDER, "SENT": ORDER_SENT, "REFUSED": ORDER_REFUSED,
        "ACCEPTED": ORDER_ACCEPTED, "REJECTED": ORDER_REJECTED, "REPLACED": ORDER_REPLACED,
        "EXECUTED": ORDER_EXECUTED, "CANCELED": ORDER_CANCELED,
        "REPLACE_FAILED": ORDER_REPLACE_FAILED, "CANCEL_FAILED": ORDER_CANCEL_FAILED,
        "NEW": INTENT_NEW, "REPLACE": INTENT_REPLACE, "CANCEL": INTENT_CANCEL, "DAY": TIF_DAY,
        "IOC": TIF_IOC, "INTENTS_MAX": INTENTS_MAX, "BID": SIDE_BID, "ASK": SIDE_ASK,
        "LOCATES": LOCATES,
    }
