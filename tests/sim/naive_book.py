"""A book built from ITCH bytes in the plainest way: struct offsets of the protocol, and a dict."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator

SIDES = {b"B": 0, b"S": 1}


def unframe(content: bytes) -> Iterator[bytes]:
    """Messages behind their 2-byte lengths."""
    offset = 0
    while offset < len(content):
        (length,) = struct.unpack_from(">H", content, offset)
        yield content[offset + 2 : offset + 2 + length]
        offset += 2 + length


class NaiveBook:
    """Raises KeyError on a reference that is not live, AssertionError on what cannot be."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}  # reference: locate, side, price, shares
        self.names: dict[int, bytes] = {}
        self.timestamp = 0

    def apply(self, message: bytes) -> None:
        kind = message[:1]
        locate = struct.unpack_from(">H", message, 1)[0]
        timestamp = int.from_bytes(message[5:11], "big")
        assert timestamp >= self.timestamp
        self.timestamp = timestamp
        if kind == b"R":
            self.names[locate] = message[11:19]
        elif kind in b"AF":
            reference, side, shares, name, price = struct.unpack_from(">QcI8sI", message, 11)
            assert reference not in self.orders and shares
            assert name == self.names[locate]
            self.orders[reference] = [locate, SIDES[side], price, shares]
        elif kind in b"EX":
            reference, shares = struct.unpack_from(">QI", message, 11)
            self.reduce(reference, shares)
        elif kind == b"D":
            del self.orders[struct.unpack_from(">Q", message, 11)[0]]
        elif kind == b"U":
            old, new, shares, price = struct.unpack_from(">QQII", message, 11)
            locate, side, _, _ = self.orders.pop(old)
            assert new not in self.orders
            self.orders[new] = [locate, side, price, shares]
        else:
            assert kind in b"SH", kind

    def reduce(self, reference: int, shares: int) -> None:
        order = self.orders[reference]
        assert 0 < shares <= order[3]
        order[3] -= shares
        if not order[3]:
            del self.orders[reference]

    def apply_all(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            self.apply(message)

    def levels(self) -> dict[tuple[int, int], list[tuple[int, int, int]]]:
        """(locate, side): price, shares, orders; best first."""
        sums: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(dict)
        for locate, side, price, shares in self.orders.values():
            level = sums[locate, side].setdefault(price, [0, 0])
            level[0] += shares
            level[1] += 1
        return {
            (locate, side): [
                (price, *levels[price]) for price in sorted(levels, reverse=side == 0)
            ]
            for (locate, side), levels in sums.items()
        }
