"""Our order table against a venue that does as OUCH says, with answers on their way meanwhile.

The venue keeps its own truth. Whatever crosses on the wire, the engine's worst case covers the
venue's, and once every answer has arrived the two agree.
"""

from __future__ import annotations

from typing import Any

from core_rig import (
    ASK,
    BID,
    Rig,
    accepted,
    add,
    cancel_rejected,
    canceled,
    executed,
    rejected,
    replaced,
)  # fmt: skip
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scripted import CANCEL, NEW, REPLACE, Script

from appliance.core import inspect

PRICE = 10_000
SHARES = st.integers(1, 500)


class Orders(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(script=Script(), risk={"rate_burst": 10_000, "position_max": 10**9})
        self.rig.ready()
        self.rig.feed(add(1, BID, 100, PRICE), add(2, ASK, 100, PRICE + 100))
        self.rig.orders()
        self.to_venue: list[dict[str, Any]] = []
        self.from_venue: list[bytes] = []
        self.venue: dict[int, list[int]] = {}  # user ref: side, remaining, executed in the chain
        self.refs = [0]
        self.position = 0

    def teardown(self) -> None:
        while self.to_venue:
            self.process_plainly()
        self.deliver(len(self.from_venue))
        self.agreed()
        self.rig.close()

    # ---- the strategy ----------------------------------------------------------------------------

    def ask(self, action: int, **values: int) -> None:
        for message in self.rig.trade(action, **values):
            self.to_venue.append(message)
            if message["name"] != "ouch_cancel_order":
                self.refs.append(message["user_ref_num"])

    @rule(side=st.sampled_from((BID, ASK)), shares=SHARES)
    def enter(self, side: int, shares: int) -> None:
        self.ask(NEW, side=side, shares=shares, price=PRICE)

    @rule(data=st.data(), shares=SHARES)
    def move(self, data: st.DataObject, shares: int) -> None:
        self.ask(REPLACE, order=data.draw(st.sampled_from(self.refs)), shares=shares, price=PRICE)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        self.ask(CANCEL, order=data.draw(st.sampled_from(self.refs)))

    # ---- the venue -------------------------------------------------------------------------------

    def process_plainly(self) -> None:
        self.process("fine")

    @precondition(lambda self: self.to_venue)
    @rule(how=st.sampled_from(("fine", "fine", "fine", "dead", "rejected", "invalid")))
    def process(self, how: str) -> None:
        message = self.to_venue.pop(0)
        {
            "ouch_enter_order": self._enter,
            "ouch_replace_order": self._replace,
            "ouch_cancel_order": self._cancel,
        }[message["name"]](message, how)

    def _enter(self, message: dict[str, Any], how: str) -> None:
        ref, quantity = message["user_ref_num"], message["quantity"]
        if how in ("rejected", "invalid"):
            self.from_venue.append(rejected(ref))
            return
        state = "D" if how == "dead" else "L"
        if state == "L":
            self.venue[ref] = [BID if message["side"] == "B" else ASK, quantity, 0]
        self.from_venue.append(accepted(ref, quantity, PRICE, state))

    def _replace(self, message: dict[str, Any], how: str) -> None:
        ref, new = message["orig_user_ref_num"], message["user_ref_num"]
        if ref not in self.venue:
            return  # ignored without a word
        side, remaining, chain = self.venue[ref]
        if how == "rejected":
            self.from_venue.append(rejected(new))
            return
        del self.venue[ref]
        exposed = message["quantity"] - chain
        if how == "invalid" or exposed <= 0:
            self.from_venue.append(canceled(ref, remaining))
            return
        if how == "fine":
            self.venue[new] = [side, exposed, chain]
        state = "D" if how == "dead" else "L"
        self.from_venue.append(replaced(ref, new, exposed, PRICE, state))

    def _cancel(self, message: dict[str, Any], how: str) -> None:
        ref = message["user_ref_num"]
        if ref not in self.venue:
            return  # superfluous: ignored
        if how == "rejected":
            self.from_venue.append(cancel_rejected(ref))
            return
        self.from_venue.append(canceled(ref, self.venue.pop(ref)[1]))

    @precondition(lambda self: self.venue)
    @rule(data=st.data(), shares=SHARES)
    def execute(self, data: st.DataObject, shares: int) -> None:
        ref = data.draw(st.sampled_from(sorted(self.venue)))
        order = self.venue[ref]
        shares = min(shares, order[1])
        order[1] -= shares
        order[2] += shares
        self.position += shares if order[0] == BID else -shares
        if not order[1]:
            del self.venue[ref]
        self.from_venue.append(executed(ref, shares, PRICE))

    @precondition(lambda self: self.venue)
    @rule(data=st.data(), part=st.integers(1, 100))
    def reduce(self, data: st.DataObject, part: int) -> None:
        """The venue takes an order, or some of it, off by itself."""
        ref = data.draw(st.sampled_from(sorted(self.venue)))
        shares = max(1, self.venue[ref][1] * part // 100)
        self.venue[ref][1] -= shares
        if not self.venue[ref][1]:
            del self.venue[ref]
        self.from_venue.append(canceled(ref, shares))

    @rule(count=st.integers(1, 4))
    def deliver(self, count: int) -> None:
        answers, self.from_venue = self.from_venue[:count], self.from_venue[count:]
        for start in range(0, len(answers), 8):
            self.rig.venue(*answers[start : start + 8])

    # ---- what holds ------------------------------------------------------------------------------

    def open_at_venue(self, side: int) -> int:
        return sum(remaining for at, remaining, _ in self.venue.values() if at == side)

    @invariant()
    def worst_case_covers_the_venue(self) -> None:
        """Risk counts on this: no fill on its way can take the position past what was checked."""
        own = inspect.exposure(self.rig.engine, 1)
        assert own.position + own.open_buy_shares >= self.position + self.open_at_venue(BID)
        assert own.position - own.open_sell_shares <= self.position - self.open_at_venue(ASK)

    @invariant()
    def nothing_was_impossible(self) -> None:
        counters = self.rig.counters()
        assert counters["oms_invalid"] == counters["oms_unknown"] == 0

    @invariant()
    def agreed(self) -> None:
        """With nothing on its way, both sides hold the same orders."""
        if self.to_venue or self.from_venue:
            return
        ours = {}
        for ref in self.refs:
            order = inspect.own_order(self.rig.engine, ref)
            if order is not None and order.state != "dead":
                assert order.state == "live", order
                ours[ref] = [order.side, order.leaves, order.chain_filled]
        assert ours == self.venue
        wanted = (self.position, self.open_at_venue(BID), self.open_at_venue(ASK))
        assert tuple(inspect.exposure(self.rig.engine, 1)) == wanted
        assert self.rig.count("orders_open") == len(self.venue)
        assert self.rig.count("orders_pending") == 0


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
