"""The matching rules, written once more in the plainest way: one list of orders, searched whole.

It shares no idea of structure with ``feed_sim/exchange/csrc``: priority is found by sorting all
orders, levels are sums over them. Reports come out in the same words, so that the two compare.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from feed_sim.exchange.matching import Report

PRICE_MAX = 0x7FFFFFFE
SHARES_MAX = 0x7FFFFFFF
REPORTS_RESERVED = 8


@dataclass
class Order:
    reference: int
    locate: int
    side: int
    price: int
    shares: int
    executed: int
    tag: int
    priority: int


@dataclass
class NaiveMatching:
    symbols_max: int
    orders_max: int = 1 << 30
    reports_max: int = 1 << 30
    references_max: int = 1 << 30
    orders: list[Order] = field(default_factory=list)
    next_reference: int = 1
    next_match: int = 1
    clock: int = 0
    out: list[Report] = field(default_factory=list)

    def say(self, type: str, locate: int, side: int, reference: int, shares: int, price: int,
            tag: int, *, other: int = 0, other_tag: int = 0, match: int = 0, reason: str = "",
            result: str = "ok") -> None:
        self.out.append(Report(type, locate, side, reference, shares, price, other, match,
                               reason, result, tag, other_tag))

    def find(self, reference: int) -> Order | None:
        return next((o for o in self.orders if o.reference == reference), None)

    def priority(self, locate: int, side: int) -> list[Order]:
        mine = [o for o in self.orders if (o.locate, o.side) == (locate, side)]
        return sorted(mine, key=lambda o: (o.price if side else -o.price, o.priority))

    def levels(self, locate: int, side: int) -> list[tuple[int, int, int]]:
        rows: list[tuple[int, int, int]] = []
        for o in self.priority(locate, side):
            if rows and rows[-1][0] == o.price:
                rows[-1] = (o.price, rows[-1][1] + o.shares, rows[-1][2] + 1)
            else:
                rows.append((o.price, o.shares, 1))
        return rows

    def queue(self, locate: int, side: int, price: int) -> list[int]:
        return [o.reference for o in self.priority(locate, side) if o.price == price]

    def judge(self, locate: int, side: int, shares: int, price: int, life: str, market: bool,
              post_only: bool, live: int) -> str:
        if not 1 <= locate <= self.symbols_max:
            return "bad-locate"
        if side not in (0, 1):
            return "bad-side"
        if not 1 <= shares <= SHARES_MAX:
            return "bad-shares"
        if not market and not 1 <= price <= PRICE_MAX:
            return "bad-price"
        if post_only and (life != "day" or market):
            return "bad-combination"
        if self.next_reference > self.references_max:
            return "full-references"
        if live >= self.orders_max:
            return "full-orders"
        return "ok"

    def tradable(self, locate: int, side: int, price: int, market: bool) -> list[Order]:
        return [
            o for o in self.priority(locate, 1 - side)
            if market or (o.price <= price if side == 0 else o.price >= price)
        ]

    def whole_levels(self, makers: list[Order], shares: int) -> tuple[int, int]:
        """Shares and orders of the levels, best first, until they hold ``shares``."""
        found = count = 0
        for price in dict.fromkeys(o.price for o in makers):
            if found >= shares:
                break
            level = [o for o in makers if o.price == price]
            found += sum(o.shares for o in level)
            count += len(level)
        return found, count

    def run(self, o: Order, life: str, market: bool, post_only: bool) -> None:
        shown = 0 if market else o.price

        def stop(reason: str) -> None:
            self.say("canceled", o.locate, o.side, o.reference, o.shares, shown, o.tag,
                     reason=reason)

        makers = self.tradable(o.locate, o.side, o.price, market)
        if makers and post_only:
            return stop("post-only")
        if life == "fok":
            found, count = self.whole_levels(makers, o.shares)
            if found < o.shares or count > self.reports_max - REPORTS_RESERVED:
                return stop("fok")
        for maker in makers:
            if not o.shares:
                break
            if len(self.out) >= self.reports_max - 1:
                return stop("reports")
            traded = min(o.shares, maker.shares)
            self.say("executed", maker.locate, maker.side, maker.reference, traded, maker.price,
                     maker.tag, other=o.reference, other_tag=o.tag, match=self.next_match)
            self.next_match += 1
            for side in (o, maker):
                side.shares -= traded
                side.executed += traded
            if not maker.shares:
                self.orders.remove(maker)
        if not o.shares:
            return None
        if life != "day":
            return stop(life)
        if market:
            return stop("market")
        self.orders.append(o)
        return self.say("added", o.locate, o.side, o.reference, o.shares, o.price, o.tag)

    def submit(self, locate: int, side: int, shares: int, price: int, life: str = "day",
               market: bool = False, post_only: bool = False, tag: int = 0
               ) -> tuple[str, list[Report]]:
        self.out, self.clock = [], self.clock + 1
        shown = 0 if market else price
        result = self.judge(locate, side, shares, price, life, market, post_only,
                            len(self.orders))
        if result != "ok":
            self.say("rejected", locate, side, 0, shares, shown, tag, result=result)
            return result, self.out
        order = Order(self.next_reference, locate, side, price, shares, 0, tag, self.clock)
        self.next_reference += 1
        self.say("accepted", locate, side, order.reference, shares, shown, tag)
        self.run(order, life, market, post_only)
        return "ok", self.out

    def cancel(self, reference: int, total: int = 0) -> tuple[str, list[Report]]:
        self.out = []
        o = self.find(reference)
        if o is None:
            return "unknown-reference", self.out
        open_shares = max(0, total - o.executed)
        if open_shares >= o.shares:
            return "unchanged", self.out
        kind = "reduced" if open_shares else "deleted"
        self.say(kind, o.locate, o.side, reference, o.shares - open_shares, o.price, o.tag,
                 reason="user")
        o.shares = open_shares
        if not open_shares:
            self.orders.remove(o)
        return "ok", self.out

    def replace(self, reference: int, shares: int, price: int, life: str = "day",
                market: bool = False, post_only: bool = False, tag: int = 0
                ) -> tuple[str, list[Report]]:
        self.out, self.clock = [], self.clock + 1
        old = self.find(reference)
        if old is None:
            return "unknown-reference", self.out
        if shares <= old.executed:
            return self.cancel(reference)
        shown = 0 if market else price
        result = self.judge(old.locate, old.side, shares, price, life, market, post_only,
                            len(self.orders) - 1)
        if result != "ok":
            self.say("rejected", old.locate, old.side, 0, shares, shown, tag, result=result)
            return result, self.out
        new = Order(self.next_reference, old.locate, old.side, price, shares - old.executed,
                    old.executed, tag, self.clock)
        self.next_reference += 1
        links: dict[str, Any] = {"other": old.reference, "other_tag": old.tag}
        self.say("replacing", new.locate, new.side, new.reference, new.shares, shown, tag, **links)
        self.orders.remove(old)
        passive = life == "day" and not market
        if passive and not self.tradable(new.locate, new.side, price, market):
            self.orders.append(new)
            self.say("replaced", new.locate, new.side, new.reference, new.shares, price, tag,
                     **links)
        else:
            self.say("deleted", old.locate, old.side, old.reference, old.shares, old.price,
                     old.tag, reason="replace")
            self.run(new, life, market, post_only)
        return "ok", self.out
