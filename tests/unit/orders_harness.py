"""What the order tests share: an engine that may trade, and words for what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from core_rig import ASK, BID, Rig, accepted, add
from scripted import NEW, Script

from appliance.core import inspect

PRICE = 10_000
REASONS = ("killed", "book_state", "collar", "size", "notional", "rate", "position", "not_ready",
           "table_full", "no_order", "state")  # fmt: skip


@pytest.fixture
def rig() -> Iterator[Rig]:
    with made() as rig:
        yield rig


def made(**sections: dict[str, Any]) -> Rig:
    rig = Rig(script=Script(), **sections)
    rig.ready()
    rig.feed(add(1, BID, 100, PRICE), add(2, ASK, 100, PRICE + 100))
    rig.orders()
    return rig


def buy(rig: Rig, shares: int = 100, **values: int) -> int:
    """A new bid, sent; its UserRefNum."""
    (order,) = rig.trade(NEW, side=BID, shares=shares, price=PRICE, **values)
    assert order["name"] == "ouch_enter_order"
    return int(order["user_ref_num"])


def live(rig: Rig, shares: int = 100) -> int:
    """The same, accepted."""
    ref = buy(rig, shares)
    rig.venue(accepted(ref, shares, PRICE))
    told(rig)
    return ref


def told(rig: Rig) -> list[tuple[str, int, int]]:
    assert rig.script
    return rig.script.told()


def order(rig: Rig, ref: int) -> Any:
    return inspect.own_order(rig.engine, ref)


def exposure(rig: Rig) -> tuple[int, int, int]:
    return tuple(inspect.exposure(rig.engine, 1))  # type: ignore[return-value]


def refused(rig: Rig, action: int = NEW, **values: int) -> str:
    """The reason that an intent is refused for, as the strategy hears it and the counter says."""
    assert rig.script
    rig.script.events.clear()
    before = rig.counters()
    defaults = {"side": BID, "shares": 100, "price": PRICE} if action == NEW else {}
    assert rig.trade(action, **{**defaults, **values}) == []
    (event,) = rig.script.events
    rig.script.events.clear()
    assert event["change"] == "refused"
    reason = REASONS[event["reason"]]
    after = rig.counters()
    assert {n for n in after if n.startswith("risk_") and after[n] != before[n]} == {
        f"risk_{reason}"
    }
    return reason
