"""An engine on a bench: feed it messages, play the venue, look inside.

The rig numbers and frames what it is given exactly as the wire would, so that every test goes the
whole way from a frame on. A test that wants a broken frame builds it itself and calls ``step``.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Iterable
from typing import Any

from scripted import Script

from appliance.config import Config, from_json
from appliance.core import inspect
from appliance.core.engine import Engine
from appliance.core.strategies import make_strategy
from appliance.state import Layout, State
from itch_ouch import mold, net, ouch, spec

FEED_A, FEED_B, ORDERS = 0, 1, 2
BID, ASK = 0, 1
LOCATES = 65_536
NOW = 1_700_000_000_000_000_000
MS = 1_000_000
FEED_SESSION = b"NASDAQ2026"
VENUE_SESSION = b"VENUE00001"
BY_NAME = {message.name: message for message in spec.MESSAGES}
_names = itertools.count()


def config(**sections: dict[str, Any]) -> Config:
    """The default configuration with small tables, and with these sections' keys on top."""
    import json

    merged: dict[str, dict[str, Any]] = {
        "tables": {"orders": 4096, "levels": 4096, "reorder_messages": 256, "own_orders": 64},
        "risk": {"collar_ppm": 1_000_000},
        "orders": {"session": "APPLIANCE1"},
    }
    for name, keys in sections.items():
        merged[name] = {**merged.get(name, {}), **keys}
    return from_json(json.dumps(merged).encode())


def wire(name: str, **values: Any) -> bytes:
    """One message from its spec's name; fields not given are zero (numbers) or blank."""
    message = BY_NAME[name]
    out = bytearray()
    for field in message.fixed:
        value = values.pop(field.name, None)
        if field.name == "message_type":
            out += message.letter.encode()
        elif field.type == "alpha":
            raw = value if isinstance(value, bytes) else str(value or "").encode()
            out += raw.ljust(field.length)
        else:
            out += int(value or 0).to_bytes(field.length, "big")
    assert not values, f"{name} has no field {list(values)}"
    return bytes(out)


# ---- ITCH, by hand where the tests send many -----------------------------------------------------

_ADD = struct.Struct(">cHH6sQcI8sI")
_REDUCE = struct.Struct(">cHH6sQI")
_EXECUTE = struct.Struct(">cHH6sQIQ")
_DELETE = struct.Struct(">cHH6sQ")
_REPLACE = struct.Struct(">cHH6sQQII")
_TIME = bytes(6)


def add(reference: int, side: int, shares: int, price: int, locate: int = 1,
        stock: bytes = b"TEST    ") -> bytes:  # fmt: skip
    return _ADD.pack(b"A", locate, 0, _TIME, reference, b"BS?"[side : side + 1], shares, stock,
                     price)  # fmt: skip


def execute(reference: int, shares: int, locate: int = 1) -> bytes:
    return _EXECUTE.pack(b"E", locate, 0, _TIME, reference, shares, 7)


def cancel(reference: int, shares: int, locate: int = 1) -> bytes:
    return _REDUCE.pack(b"X", locate, 0, _TIME, reference, shares)


def delete(reference: int, locate: int = 1) -> bytes:
    return _DELETE.pack(b"D", locate, 0, _TIME, reference)


def replace(reference: int, new: int, shares: int, price: int, locate: int = 1) -> bytes:
    return _REPLACE.pack(b"U", locate, 0, _TIME, reference, new, shares, price)


def directory(locate: int, stock: str) -> bytes:
    return wire("itch_stock_directory", stock_locate=locate, stock=stock)


class Rig:
    """One engine with a shared segment of its own. Use it as a context manager."""

    def __init__(self, *, script: Script | None = None, **sections: dict[str, Any]) -> None:
        self.config = config(**sections)
        name = f"rig-{os.getpid()}-{next(_names)}"
        self.state = State.create(name, Layout(LOCATES, 4096, 4096))
        strategy = script.strategy() if script else make_strategy(self.config.strategy)
        self.engine = Engine(self.config, self.state, strategy, populate=False)
        self.script = script
        self.now = NOW
        self.sequence = 1
        self.venue_sequence = 1
        self.kill = 0
        self.orders_seen = 1
        self.reference = 1 << 32
        self.addresses = self.config.listen_addresses()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        del self.engine
        self.state.close()

    # ---- in --------------------------------------------------------------------------------------

    def frame(self, role: int, payload: bytes) -> bytes:
        address, port = self.addresses[role]
        return net.build_udp(
            payload,
            source_mac=b"\x02\0\0\0\0\1",
            destination_mac=b"\x02\0\0\0\0\2",
            source_address=0x0A4D0001,
            destination_address=address,
            source_port=26400,
            destination_port=port,
        )

    def step(self, *frames: tuple[Any, ...], after_ns: int = 0) -> bool:
        self.now += after_ns
        return bool(self.engine.step(list(frames), self.now, self.kill))

    def packet(self, role: int, payload: bytes, after_ns: int = 0) -> None:
        self.step((role, self.frame(role, payload)), after_ns=after_ns)

    def feed(self, *messages: bytes, line: int = FEED_A, after_ns: int = 0) -> None:
        """The next messages of the feed, in as many datagrams as they need."""
        for chunk in _chunks(messages):
            self.packet(line, mold.build(FEED_SESSION, self.sequence, chunk), after_ns)
            self.sequence += len(chunk)

    def venue(self, *messages: bytes, after_ns: int = 1000) -> None:
        """The venue's next messages, checked to be good OUCH."""
        for message in messages:
            assert ouch.check_out(message) == "ok", (ouch.check_out(message), message)
        payload = mold.build(VENUE_SESSION, self.venue_sequence, messages)
        self.venue_sequence += len(messages)
        self.packet(ORDERS, payload, after_ns)

    def ready(self, next_user_ref: int = 1) -> None:
        """Answers the account query, which must be the first message."""
        assert self.orders() == [b"Q"]
        self.venue(wire("ouch_account_query_response", next_user_ref_num=next_user_ref))

    def trade(self, action: int, **values: int) -> list[dict[str, Any]]:
        """Lets the script ask for one thing at a book event; the OUCH messages that came of it."""
        assert self.script
        self.script.want(action, **values)
        self.touch()
        return [fields(message) for message in self.orders()]

    def touch(self, locate: int = 1) -> None:
        """A best price that changes: the next book event of a symbol."""
        self.reference += 1
        self.feed(add(self.reference, BID, 100, 10_000, locate))

    # ---- out -------------------------------------------------------------------------------------

    def orders(self) -> list[bytes]:
        """The OUCH messages made since the last call; each must be good."""
        messages: list[bytes] = self.engine.orders_from(self.orders_seen)
        self.orders_seen += len(messages)
        for message in messages:
            assert ouch.check_in(message) == "ok", (ouch.check_in(message), message)
        return messages

    def counters(self) -> dict[str, int]:
        self.engine.publish()
        return self.state.counter_map()

    def count(self, name: str) -> int:
        return self.counters()[name]

    def book(self, locate: int = 1) -> tuple[list[tuple[int, int, int]], ...]:
        return self.engine.ladder(locate, BID), self.engine.ladder(locate, ASK)

    @property
    def position(self) -> Any:
        return inspect.feed_position(self.engine)

    def fingerprint(self) -> tuple[Any, ...]:
        """Everything that a refused datagram must leave as it was, but for the counters."""
        exposures = [inspect.exposure(self.engine, locate) for locate in range(4)]
        own = [inspect.own_order(self.engine, ref) for ref in range(1, 40)]
        return (self.engine.digests(), self.position, exposures, own, self.engine.orders_next,
                self.engine.feed_live, inspect.channel_lost(self.engine))  # fmt: skip


def _chunks(messages: Iterable[bytes]) -> Iterable[list[bytes]]:
    chunk: list[bytes] = []
    room = 1472 - 20
    for message in messages:
        if room < 2 + len(message):
            yield chunk
            chunk, room = [], 1472 - 20
        chunk.append(message)
        room -= 2 + len(message)
    if chunk:
        yield chunk


# ---- the venue's answers -------------------------------------------------------------------------


def fields(message: bytes, inbound: bool = True) -> dict[str, Any]:
    """The named fields of an OUCH message to (or from) the venue."""
    table = spec.OUCH_IN if inbound else spec.OUCH_OUT
    layout = next(m for m in table if m.letter.encode() == message[:1])
    out: dict[str, Any] = {"name": layout.name}
    for field in layout.fixed:
        raw = message[field.offset : field.offset + field.length]
        if len(raw) == field.length:
            out[field.name] = (
                raw.decode().rstrip() if field.type == "alpha" else int.from_bytes(raw, "big")
            )
    return out


def accepted(user_ref: int, quantity: int, price: int, state: str = "L") -> bytes:
    return wire("ouch_order_accepted", user_ref_num=user_ref, quantity=quantity, price=price,
                order_state=state, side="B", order_reference_number=user_ref)  # fmt: skip


def replaced(original: int, user_ref: int, quantity: int, price: int, state: str = "L") -> bytes:
    return wire("ouch_order_replaced", orig_user_ref_num=original, user_ref_num=user_ref,
                quantity=quantity, price=price, order_state=state, side="B")  # fmt: skip


def executed(user_ref: int, quantity: int, price: int = 0) -> bytes:
    return wire("ouch_order_executed", user_ref_num=user_ref, quantity=quantity, price=price)


def canceled(user_ref: int, quantity: int, reason: str = "U") -> bytes:
    return wire("ouch_order_canceled", user_ref_num=user_ref, quantity=quantity, reason=reason)


def rejected(user_ref: int, reason: int = 0x0F) -> bytes:
    return wire("ouch_rejected", user_ref_num=user_ref, reason=reason)


def cancel_rejected(user_ref: int) -> bytes:
    return wire("ouch_cancel_reject", user_ref_num=user_ref)
