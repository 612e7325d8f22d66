"""What the counts of a day must be: told by books of dicts and lists, read by struct alone.

It shares no code with what is measured, takes about a minute for ten million messages, and
is asked once a day file. ``bbo_operations`` counts each operation that changes price or size at
the best of its side, a replace being a delete and an add; ``bbo_rows`` counts each message after
which a symbol's best bid or ask, price or size, is not what it was before.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from struct import Struct, unpack_from

from bench.settings import Settings
from bench.workload import day_file

TIMESTAMP = 2  # its place among the fields
Best = tuple[int, int] | None

# The fields behind the type letter, as Nasdaq's document has them: struct's letters, big-endian.
FORMATS = {
    "S": ">HH6sc", "R": ">HH6s8sccIcc2scccccIc", "H": ">HH6s8scc4s", "Y": ">HH6s8sc",
    "L": ">HH6s4s8sccc", "V": ">HH6sQQQ", "W": ">HH6sc", "K": ">HH6s8sIcI", "J": ">HH6s8sIIII",
    "h": ">HH6s8scc", "A": ">HH6sQcI8sI", "F": ">HH6sQcI8sI4s", "E": ">HH6sQIQ",
    "C": ">HH6sQIQcI", "X": ">HH6sQI", "D": ">HH6sQ", "U": ">HH6sQQII", "P": ">HH6sQcI8sIQ",
    "Q": ">HH6sQ8sIQc", "B": ">HH6sQ", "I": ">HH6sQQc8sIIIcc", "N": ">HH6s8sc",
    "O": ">HH6s8scIIIQII",
}


_UNPACK = {ord(letter): Struct(form).unpack_from for letter, form in FORMATS.items()}
_MASK = (1 << 64) - 1


def field_sum(message: bytes) -> int:
    """Every field but the type, added: text as a little-endian number, the timestamp as it is."""
    total = 0
    for number, value in enumerate(_UNPACK[message[0]](message, 1)):
        if isinstance(value, int):
            total += value
        else:
            total += int.from_bytes(value, "big" if number == TIMESTAMP else "little")
    return total


class _Side:
    """Shares by price; the keys in order, the best last: a price, or for asks its negative."""

    def __init__(self) -> None:
        self.shares: dict[int, int] = {}
        self.keys: list[int] = []

    def best(self) -> Best:
        return (self.keys[-1], self.shares[self.keys[-1]]) if self.keys else None

    def change(self, key: int, shares: int) -> bool:
        """Adds shares, or takes them with a negative number; whether the best is another."""
        before = self.best()
        if key not in self.shares:
            insort(self.keys, key)
            self.shares[key] = shares
        else:
            self.shares[key] += shares
            if not self.shares[key]:
                del self.shares[key]
                del self.keys[bisect_left(self.keys, key)]
        return self.best() != before


class Oracle:
    """Books of all symbols. An order is (its side's number, key, shares)."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.sides: dict[int, _Side] = {}
        self.messages = self.operations = self.rows = self.field_sum = 0

    def _change(self, side: int, key: int, shares: int) -> bool:
        changed = self.sides.setdefault(side, _Side()).change(key, shares)
        self.operations += changed
        return changed

    def _reduce(self, reference: int, shares: int) -> bool:
        side, key, left = self.orders[reference]
        if left == shares:
            del self.orders[reference]
        else:
            self.orders[reference] = side, key, left - shares
        return self._change(side, key, -shares)

    def _replace(self, message: bytes) -> bool:
        reference, new, shares, price = unpack_from(">QQII", message, 11)
        side, key, left = self.orders[reference]
        before = self.sides[side].best()
        self._reduce(reference, left)
        key = price if key >= 0 else -price
        self.orders[new] = side, key, shares
        self._change(side, key, shares)
        return self.sides[side].best() != before

    def apply(self, message: bytes) -> None:
        kind = message[:1]
        self.messages += 1
        self.field_sum += self.messages + field_sum(message)
        if kind in b"AF":
            (locate,) = unpack_from(">H", message, 1)
            reference, letter, shares = unpack_from(">QcI", message, 11)
            (price,) = unpack_from(">I", message, 32)
            side, key = (locate * 2, price) if letter == b"B" else (locate * 2 + 1, -price)
            self.orders[reference] = side, key, shares
            self.rows += self._change(side, key, shares)
        elif kind == b"D":
            (reference,) = unpack_from(">Q", message, 11)
            self.rows += self._reduce(reference, self.orders[reference][2])
        elif kind == b"U":
            self.rows += self._replace(message)
        elif kind in b"ECX":
            self.rows += self._reduce(*unpack_from(">QI", message, 11))

    def counts(self) -> dict[str, int]:
        bests = {side: book.keys[-1] for side, book in self.sides.items() if book.keys}
        crossed = sum(1 for side, key in bests.items()
                      if not side & 1 and side + 1 in bests and key > -bests[side + 1])
        return {"messages": self.messages, "live_orders": len(self.orders),
                "crossed_books": crossed, "missing_references": 0,
                "bbo_operations": self.operations, "bbo_rows": self.rows,
                "field_sum": self.field_sum & _MASK}


def messages_of(path: Path) -> Iterator[bytes]:
    """The messages of a day file without their lengths."""
    content = path.read_bytes()
    offset, size = 0, len(content)
    while offset < size:
        length = content[offset] << 8 | content[offset + 1]
        yield content[offset + 2 : offset + 2 + length]
        offset += 2 + length


def oracle(settings: Settings) -> dict[str, int]:
    """The counts of the day, kept beside it; a reference that is not there is a KeyError."""
    day = day_file(settings)
    kept = day.with_suffix(".oracle.json")
    if kept.exists() and kept.stat().st_mtime >= day.stat().st_mtime:
        known: dict[str, int] = json.loads(kept.read_text())
        return known
    books = Oracle()
    for message in messages_of(day):
        books.apply(message)
    kept.write_text(json.dumps(books.counts()) + "\n")
    return books.counts()
