"""Books as a beginner would keep them: a dict of orders, and levels made by sorting. No tricks.

It follows the appliance's stated rules for bad input (docs: "Bad input"): an unknown reference, a
duplicate, no shares or an unknown side are counted and change nothing; a reduction by more than is
left takes what is left; a replace is a delete and an add.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_MASK = (1 << 64) - 1


def mix64(value: int) -> int:
    value &= _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def _digest(first: int, second: int, third: int) -> int:
    return mix64(mix64(mix64(first + 0x9E3779B97F4A7C15) ^ second) ^ third)


Level = tuple[int, int, int]


@dataclass
class PlainBook:
    orders: dict[int, list[int]] = field(default_factory=dict)  # locate, side, shares, price
    counts: Counter[str] = field(default_factory=Counter)

    def levels(self, locate: int, side: int) -> list[Level]:
        rows: dict[int, list[int]] = {}
        for at, where, shares, price in self.orders.values():
            if (at, where) == (locate, side):
                row = rows.setdefault(price, [0, 0])
                row[0] += shares
                row[1] += 1
        return [(price, *rows[price]) for price in sorted(rows, reverse=side == 0)]

    def best(self, locate: int, side: int) -> tuple[int, int] | None:
        """Price and total size; the whole of what "BBO" means here."""
        best: list[int] | None = None
        for at, where, shares, price in self.orders.values():
            if (at, where) != (locate, side):
                continue
            if best is None or (price > best[0] if side == 0 else price < best[0]):
                best = [price, shares]
            elif price == best[0]:
                best[1] += shares
        return (best[0], best[1]) if best else None

    def symbols(self) -> list[int]:
        return sorted({order[0] for order in self.orders.values()})

    # ---- what messages do ------------------------------------------------------------------------

    def _changing(self, locate: int, side: int) -> tuple[int, int, tuple[int, int] | None]:
        return locate, side, self.best(locate, side)

    def _changed(self, before: tuple[int, int, tuple[int, int] | None]) -> None:
        locate, side, was = before
        self.counts["bbo_changes"] += self.best(locate, side) != was

    def add(self, reference: int, side: int, shares: int, price: int, locate: int) -> None:
        if side not in (0, 1):
            self.counts["book_unknown_side"] += 1
        elif shares == 0:
            self.counts["book_zero_shares"] += 1
        elif reference in self.orders:
            self.counts["book_duplicate_reference"] += 1
        else:
            before = self._changing(locate, side)
            self.orders[reference] = [locate, side, shares, price]
            self._changed(before)

    def reduce(self, reference: int, shares: int) -> None:
        order = self._find(reference)
        if order is None:
            return
        if shares > order[2]:
            self.counts["book_over_reduced"] += 1
            shares = order[2]
        before = self._changing(order[0], order[1])
        order[2] -= shares
        if not order[2]:
            del self.orders[reference]
        self._changed(before)

    def delete(self, reference: int) -> None:
        order = self._find(reference)
        if order is not None:
            self.reduce(reference, order[2])

    def replace(self, reference: int, new: int, shares: int, price: int) -> None:
        order = self._find(reference)
        if order is not None:
            locate, side = order[:2]
            self.delete(reference)
            self.add(new, side, shares, price, locate)

    def _find(self, reference: int) -> list[int] | None:
        order = self.orders.get(reference)
        self.counts["book_missing_reference"] += order is None
        return order

    # ---- digests, as docs and itch_ouch/digest.pxd define them -----------------------------------

    def digests(self) -> tuple[int, int]:
        orders = sum(
            _digest(reference, price << 32 | shares, locate << 8 | side)
            for reference, (locate, side, shares, price) in self.orders.items()
        )
        levels = 0
        for locate in self.symbols():
            for side in (0, 1):
                for rank, (price, shares, count) in enumerate(self.levels(locate, side)):
                    levels += _digest(shares, price << 32 | count, rank << 32 | locate << 8 | side)
        return orders & _MASK, levels & _MASK
