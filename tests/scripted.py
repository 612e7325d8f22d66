"""A strategy that does what a test tells it to, over the same C function pointer as any other."""

from __future__ import annotations

import ctypes
from typing import Any, ClassVar

from appliance.core.strategy import Strategy

BOOK, ORDER = 1, 2
NEW, REPLACE, CANCEL = 1, 2, 3
DAY, IOC = 0, 3
INTENTS_MAX = 8
CHANGES = (
    "", "sent", "refused", "accepted", "rejected", "replaced", "executed", "canceled",
    "replace_failed", "cancel_failed",
)  # fmt: skip
Fields = list[tuple[str, Any]]


class Event(ctypes.Structure):
    _fields_: ClassVar[Fields] = [
        ("now_ns", ctypes.c_uint64), ("kind", ctypes.c_uint32), ("locate", ctypes.c_uint16),
        ("flags", ctypes.c_uint8), ("side", ctypes.c_uint8), ("change", ctypes.c_uint32),
        ("order", ctypes.c_uint32), ("tag", ctypes.c_uint32), ("shares", ctypes.c_uint32),
        ("price", ctypes.c_uint32), ("leaves", ctypes.c_uint32), ("reason", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 5),
    ]  # fmt: skip


class Intent(ctypes.Structure):
    _fields_: ClassVar[Fields] = [
        ("action", ctypes.c_uint8), ("side", ctypes.c_uint8), ("time_in_force", ctypes.c_uint8),
        ("post_only", ctypes.c_uint8), ("locate", ctypes.c_uint16), ("reserved", ctypes.c_uint16),
        ("shares", ctypes.c_uint32), ("price", ctypes.c_uint32), ("order", ctypes.c_uint32),
        ("tag", ctypes.c_uint32), ("reserved_tail", ctypes.c_uint64),
    ]  # fmt: skip


class Intents(ctypes.Structure):
    _fields_: ClassVar[Fields] = [
        ("count", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("items", Intent * INTENTS_MAX),
    ]  # fmt: skip


assert ctypes.sizeof(Event) == 64 and ctypes.sizeof(Intent) == 32
FUNCTION = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(Event), ctypes.c_void_p, ctypes.POINTER(Intents)
)


class Script:
    """``want(...)`` queues an intent for the next book event; ``events`` is what was told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.wanted: list[dict[str, int]] = []
        self.book_events = 0
        self.count_claimed: int | None = None  # what the callback says it filled in, if it lies
        self._function = FUNCTION(self._call)

    def strategy(self) -> Strategy:
        address = ctypes.cast(self._function, ctypes.c_void_p).value
        return Strategy.from_pointer(address, 8, "scripted", keep=self)

    def want(self, action: int, **values: int) -> None:
        self.wanted.append({"action": action, "locate": 1, **values})

    def told(self) -> list[tuple[str, int, int]]:
        """(change, order, leaves) since the last call."""
        out = [(e["change"], e["order"], e["leaves"]) for e in self.events]
        self.events.clear()
        return out

    def _call(self, _state: Any, event: Any, _view: Any, intents: Any) -> None:
        if event.contents.kind == ORDER:
            names = ("locate", "side", "order", "tag", "shares", "price", "leaves", "reason")
            told = {name: getattr(event.contents, name) for name in names}
            self.events.append({"change": CHANGES[event.contents.change], **told})
            return
        self.book_events += 1
        for wanted in self.wanted[:INTENTS_MAX]:
            item = intents.contents.items[intents.contents.count]
            ctypes.memset(ctypes.byref(item), 0, ctypes.sizeof(Intent))
            for name, value in wanted.items():
                setattr(item, name, value)
            intents.contents.count += 1
        del self.wanted[:INTENTS_MAX]
        if self.count_claimed is not None:
            intents.contents.count = self.count_claimed
