"""What a strategy file imports: ``from appliance.strategy import strategy, best_bid, buy, ...``.

A strategy is a Python function under ``@strategy``. Numba compiles it before the loop starts, into
the same C function that a Cython strategy is (core/strategy.pxd), and the loop calls it without
the GIL. Everything it gets is an integer of 64 bits; prices are in 1/10000 dollar.
docs/strategies.md shows one, how to try it on a file, and how to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

__all__ = [
    "ACCEPTED", "ASK", "BID", "BOOK", "CANCELED", "CANCEL_FAILED", "DAY", "EXECUTED", "IOC",
    "ORDER", "REFUSED", "REJECTED", "REPLACED", "REPLACE_FAILED", "SENT", "Event", "Level", "View",
    "ask", "best_ask", "best_bid", "bid", "buy", "cancel", "replace", "sell", "strategy",
]  # fmt: skip

BOOK, ORDER = 1, 2  # event.kind: the best price or its size changed; one of our orders did
SENT, REFUSED, ACCEPTED, REJECTED, REPLACED, EXECUTED, CANCELED = 1, 2, 3, 4, 5, 6, 7
REPLACE_FAILED, CANCEL_FAILED = 8, 9  # event.change, of an order
BID, ASK = 0, 1  # event.side
NO_SIDE = 255
DAY, IOC = 0, 3  # time in force
INTENTS_MAX = 8
NEW, REPLACE, CANCEL = 1, 2, 3  # an intent's action
LOCATES = 65_536

# The structs of core/strategy.pxd and book.pxd; a test holds them against the compiler's.
EVENT = np.dtype([
    ("now_ns", "u8"), ("kind", "u4"), ("locate", "u2"), ("flags", "u1"), ("side", "u1"),
    ("change", "u4"), ("order", "u4"), ("tag", "u4"), ("shares", "u4"), ("price", "u4"),
    ("leaves", "u4"), ("reason", "u4"), ("reserved", "u4", 5),
])  # fmt: skip
VIEW = np.dtype([
    ("levels", "u8"), ("bid_handles", "u8"), ("ask_handles", "u8"), ("bid_count", "u4"),
    ("ask_count", "u4"), ("position", "i8"), ("open_buy_shares", "u8"), ("open_sell_shares", "u8"),
    ("locate", "u2"), ("live", "u1"), ("reserved", "u1", 5),
])  # fmt: skip
INTENT = np.dtype([
    ("action", "u1"), ("side", "u1"), ("time_in_force", "u1"), ("post_only", "u1"),
    ("locate", "u2"), ("reserved", "u2"), ("shares", "u4"), ("price", "u4"), ("order", "u4"),
    ("tag", "u4"), ("reserved_tail", "u8"),
])  # fmt: skip
INTENTS = np.dtype([("count", "u4"), ("locate", "u4"), ("items", INTENT, INTENTS_MAX)])
LEVEL = np.dtype([("shares", "u8"), ("orders", "u4"), ("price", "u4")])
HANDLE = np.dtype([("value", "u4")])


class Event(NamedTuple):
    """What happened: the best price changed (BOOK), or an own order did (ORDER)."""

    now_ns: int
    kind: int
    locate: int
    side: int
    change: int
    order: int
    tag: int
    shares: int  # executed, cancelled, or asked for
    price: int
    leaves: int  # open after this
    reason: int  # why it was refused or rejected


class View(NamedTuple):
    """One symbol's book and what we have in it, for the length of the call."""

    position: int  # shares, signed
    open_buy_shares: int
    open_sell_shares: int
    live: int  # 0: the book is behind or lost; intents will be refused
    bid_count: int  # levels
    ask_count: int
    levels: int
    bid_handles: int
    ask_handles: int


class Level(NamedTuple):
    """A price of the book; price 0: there is none."""

    price: int
    shares: int
    orders: int


def record_at(dtype: np.dtype[Any]) -> Callable[[Any, int], Any]:
    """For compiled code: the record that lies so many bytes behind an address or a record."""
    record = from_dtype(dtype)

    @intrinsic  # type: ignore[untyped-decorator]
    def at(context: Any, base: Any, offset: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            base, offset = arguments
            bytes_type = context.get_value_type(types.voidptr)
            if isinstance(signature.args[0], types.Integer):
                base = builder.inttoptr(base, bytes_type)
            place = builder.gep(builder.bitcast(base, bytes_type), [offset])
            return builder.bitcast(place, context.get_value_type(record))

        return record(base, types.intp), generate

    return at  # type: ignore[no-any-return]


def _whole(what: str) -> Callable[[Any], Any]:
    """For compiled code: an argument as 64 bits; what is no whole number does not compile."""

    @intrinsic  # type: ignore[untyped-decorator]
    def whole(context: Any, value: Any) -> Any:
        if not isinstance(value, (types.Integer, types.Boolean)):
            raise TypingError(f"{what} must be a whole number, not {value}; // and int() make one")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return context.cast(builder, arguments[0], signature.args[0], types.int64)

        return types.int64(value), generate

    return whole  # type: ignore[no-any-return]


_whole_rank, _whole_shares, _whole_price = _whole("rank"), _whole("shares"), _whole("price")
_whole_order, _whole_side, _whole_tag = _whole("order"), _whole("side"), _whole("tag")
_whole_time, _whole_post = _whole("time_in_force"), _whole("post_only")
_level_at, _handle_at, _intent_at = record_at(LEVEL), record_at(HANDLE), record_at(INTENT)
_OPTIONS = {"error_model": "numpy", "forceinline": True}
# Compiled code sees these as plain numbers.
ITEMS_OFFSET = INTENTS.itemsize - INTENTS_MAX * INTENT.itemsize
INTENT_BYTES, LEVEL_BYTES, HANDLE_BYTES = INTENT.itemsize, LEVEL.itemsize, HANDLE.itemsize


@njit(**_OPTIONS)
def _level(view, handles, count, rank):  # type: ignore[no-untyped-def]
    rank = _whole_rank(rank)
    if not 0 <= rank < count:
        return Level(0, 0, 0)
    handle = _handle_at(handles, (count - 1 - rank) * HANDLE_BYTES).value
    level = _level_at(view.levels, types.intp(handle) * LEVEL_BYTES)
    return Level(types.int64(level.price), types.int64(level.shares), types.int64(level.orders))


@njit(**_OPTIONS)
def bid(view, rank):  # type: ignore[no-untyped-def]
    """The bid level ``rank`` places from the best (0)."""
    return _level(view, view.bid_handles, view.bid_count, rank)


@njit(**_OPTIONS)
def ask(view, rank):  # type: ignore[no-untyped-def]
    """The ask level ``rank`` places from the best (0)."""
    return _level(view, view.ask_handles, view.ask_count, rank)


@njit(**_OPTIONS)
def best_bid(view):  # type: ignore[no-untyped-def]
    """The best bid; its price is 0 when there is none."""
    return _level(view, view.bid_handles, view.bid_count, 0)


@njit(**_OPTIONS)
def best_ask(view):  # type: ignore[no-untyped-def]
    """The best ask; its price is 0 when there is none."""
    return _level(view, view.ask_handles, view.ask_count, 0)


@njit(**_OPTIONS)
def _intend(intents, action, side, shares, price, order, time_in_force,  # type: ignore
            tag, post_only):
    if intents.count >= INTENTS_MAX:
        return False
    shares, price = _whole_shares(shares), _whole_price(price)
    order, tag = _whole_order(order), _whole_tag(tag)
    side, time_in_force = _whole_side(side), _whole_time(time_in_force)
    # What its field cannot hold is no order: risk refuses one of no shares, of no number.
    if (shares | price | order | tag) >> 32 or time_in_force not in (DAY, IOC):
        shares, order = 0, 0
    intent = _intent_at(intents, ITEMS_OFFSET + types.intp(intents.count) * INTENT_BYTES)
    intent.action = action
    intent.side = side if side in (BID, ASK) else NO_SIDE
    intent.time_in_force = time_in_force
    intent.post_only = _whole_post(post_only) != 0
    intent.locate = intents.locate
    intent.reserved = 0
    intent.shares = shares
    intent.price = price
    intent.order = order
    intent.tag = tag
    intent.reserved_tail = 0
    intents.count += 1
    return True


@njit(**_OPTIONS)
def buy(intents, shares, price, time_in_force=DAY, tag=0, post_only=0):  # type: ignore
    """Asks for an order to buy; False when the list of intents is full."""
    return _intend(intents, NEW, BID, shares, price, 0, time_in_force, tag, post_only)


@njit(**_OPTIONS)
def sell(intents, shares, price, time_in_force=DAY, tag=0, post_only=0):  # type: ignore
    """Asks for an order to sell; False when the list of intents is full."""
    return _intend(intents, NEW, ASK, shares, price, 0, time_in_force, tag, post_only)


@njit(**_OPTIONS)
def replace(intents, order, side, shares, price, time_in_force=DAY, tag=0,  # type: ignore
            post_only=0):
    """Asks to replace an open order; ``order`` is its number, as events tell it."""
    return _intend(intents, REPLACE, side, shares, price, order, time_in_force, tag, post_only)


@njit(**_OPTIONS)
def cancel(intents, order, side=BID, tag=0):  # type: ignore[no-untyped-def]
    """Asks to cancel an open order."""
    return _intend(intents, CANCEL, side, 0, 0, order, DAY, tag, 0)


Number = int | float


@dataclass(frozen=True)
class Definition:
    """A function under ``@strategy``: not compiled yet."""

    function: Callable[..., Any]
    settings: Mapping[str, Number]
    own: Mapping[str, Number]


def strategy(
    *, own: Mapping[str, Number] | None = None, **settings: Number
) -> Callable[[Callable[..., Any]], Definition]:
    """Makes a strategy of ``function(event, view, own, my, intents)``.

    ``settings`` are what ``my`` holds, with their defaults, which the configuration may override;
    ``own`` is what each symbol has of its own, with what it starts from. Both stay from call to
    call and may be assigned to. A whole number is an integer for ever, any other a float.
    """
    return lambda function: Definition(function, settings, own or {})
