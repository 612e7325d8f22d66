"""Orders by example: each answer of the venue, each race, each limit; and what the strategy hears.

The venue's answers are scripted; ``Script`` plays the strategy over its C pointer.
"""

from __future__ import annotations

from typing import Any

import pytest
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
    wire,
)  # fmt: skip
from orders_harness import PRICE, buy, exposure, live, made, order, refused, rig, told
from scripted import CANCEL, IOC, NEW, REPLACE, Script

from appliance.core import inspect
from itch_ouch import mold

__all__ = ["rig"]  # a fixture: used by name


# ---- what is sent --------------------------------------------------------------------------------


def test_new_order_on_the_wire(rig: Rig) -> None:
    (message,) = rig.trade(NEW, side=ASK, shares=300, price=PRICE + 100, post_only=1)
    assert message["name"] == "ouch_enter_order" and message["user_ref_num"] == 1
    assert (message["side"], message["quantity"], message["price"]) == ("S", 300, PRICE + 100)
    assert (message["symbol"], message["time_in_force"]) == ("TEST", "0")
    assert message["appendage_length"] == 3
    (message,) = rig.trade(NEW, side=BID, shares=1, price=PRICE, time_in_force=IOC)
    assert (message["side"], message["time_in_force"], message["user_ref_num"]) == ("B", "3", 2)


def test_nothing_is_sent_before_the_venue_told_the_next_number() -> None:
    with Rig(script=Script()) as rig:
        rig.feed(add(1, BID, 100, PRICE), add(2, ASK, 100, PRICE + 100))
        assert [message[:1] for message in rig.orders()] == [b"Q"]
        assert refused(rig) == "not_ready" and rig.count("ready") == 0
        rig.venue(wire("ouch_account_query_response", next_user_ref_num=77))
        assert rig.count("ready") == 1
        assert buy(rig) == 77
        rig.venue(wire("ouch_account_query_response", next_user_ref_num=5))
        assert buy(rig) == 78, "a second answer changes nothing"


# ---- answers -------------------------------------------------------------------------------------


def test_accepted(rig: Rig) -> None:
    ref = buy(rig)
    assert exposure(rig) == (0, 100, 0) and order(rig, ref).state == "pending_new"
    assert rig.count("orders_pending") == 1
    rig.venue(accepted(ref, 100, PRICE))
    assert order(rig, ref).state == "live"
    assert told(rig) == [("sent", ref, 100), ("accepted", ref, 100)]
    assert rig.count("orders_pending") == 0 and rig.count("orders_open") == 1


def test_accepted_for_less_and_at_another_price(rig: Rig) -> None:
    ref = buy(rig)
    rig.venue(accepted(ref, 60, PRICE - 100))
    assert order(rig, ref)[4:6] == (PRICE - 100, 60) and exposure(rig) == (0, 60, 0)


def test_accepted_dead(rig: Rig) -> None:
    ref = buy(rig)
    rig.venue(accepted(ref, 100, PRICE, "D"))
    assert order(rig, ref).state == "dead" and exposure(rig) == (0, 0, 0)
    assert told(rig)[-1] == ("accepted", ref, 0) and rig.count("orders_open") == 0


def test_rejected(rig: Rig) -> None:
    ref = buy(rig)
    rig.venue(rejected(ref, 0x11))
    assert order(rig, ref).state == "dead" and exposure(rig) == (0, 0, 0)
    assert rig.script and rig.script.events[-1]["reason"] == 0x11
    assert told(rig)[-1] == ("rejected", ref, 0)


def test_executions(rig: Rig) -> None:
    ref = live(rig)
    rig.venue(executed(ref, 30, PRICE))
    assert exposure(rig) == (30, 70, 0) and order(rig, ref).leaves == 70
    rig.venue(executed(ref, 70, PRICE))
    assert exposure(rig) == (100, 0, 0) and order(rig, ref).state == "dead"
    assert told(rig) == [("executed", ref, 70), ("executed", ref, 0)]
    assert (rig.count("filled_shares"), rig.count("orders_filled")) == (100, 1)


def test_execution_by_more_than_is_open_moves_the_position_in_full(rig: Rig) -> None:
    ref = live(rig)
    rig.venue(executed(ref, 130))
    assert exposure(rig) == (130, 0, 0) and order(rig, ref).leaves == 0


def test_canceled_in_parts(rig: Rig) -> None:
    ref = live(rig)
    rig.venue(canceled(ref, 40))
    assert order(rig, ref).state == "live" and exposure(rig) == (0, 60, 0)
    rig.venue(wire("ouch_aiq_canceled", user_ref_num=ref, decrement_shares=60))
    assert order(rig, ref).state == "dead" and exposure(rig) == (0, 0, 0)
    assert told(rig) == [("canceled", ref, 60), ("canceled", ref, 0)]


def test_replaced(rig: Rig) -> None:
    ref = live(rig)
    rig.venue(executed(ref, 30))
    (message,) = rig.trade(REPLACE, order=ref, shares=50, price=PRICE - 100)
    assert message["orig_user_ref_num"] == ref and message["user_ref_num"] == ref + 1
    assert message["quantity"] == 80, "the whole liability of the chain, executions included"
    assert exposure(rig) == (30, 70, 0)
    rig.venue(replaced(ref, ref + 1, 50, PRICE - 100))
    assert order(rig, ref).state == "dead" and order(rig, ref + 1).state == "live"
    assert exposure(rig) == (30, 50, 0) and order(rig, ref + 1).chain_filled == 30
    assert told(rig)[1:] == [("sent", ref + 1, 50), ("replaced", ref + 1, 50)]


def test_replace_that_adds_counts_what_it_adds(rig: Rig) -> None:
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=150, price=PRICE)
    assert exposure(rig) == (0, 150, 0)
    rig.venue(rejected(ref + 1))
    assert exposure(rig) == (0, 100, 0)


def test_fill_before_replaced(rig: Rig) -> None:
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE - 100)
    rig.venue(executed(ref, 40), replaced(ref, ref + 1, 60, PRICE - 100))
    assert exposure(rig) == (40, 60, 0) and order(rig, ref + 1).chain_filled == 40
    (message,) = rig.trade(REPLACE, order=ref + 1, shares=60, price=PRICE)
    assert message["quantity"] == 100


def test_shares_cancelled_under_a_replacement_come_back_with_it(rig: Rig) -> None:
    """The replacement names its own size, so the open shares must not fall with the original's."""
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    rig.venue(canceled(ref, 40))
    assert exposure(rig) == (0, 100, 0)
    rig.venue(executed(ref, 10))
    assert exposure(rig) == (10, 90, 0)
    rig.venue(replaced(ref, ref + 1, 90, PRICE))
    assert exposure(rig) == (10, 90, 0)


@pytest.mark.parametrize("end", [executed, canceled])
def test_original_dies_before_the_replacement_is_seen(rig: Rig, end: Any) -> None:
    """The venue ignores a replacement of a dead order without a word."""
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    told(rig)
    rig.venue(end(ref, 100))
    assert order(rig, ref + 1).state == "dead" and exposure(rig)[1:] == (0, 0)
    assert [change for change, _, leaves in told(rig)] == [
        "executed" if end is executed else "canceled", "replace_failed",
    ]  # fmt: skip
    assert rig.count("orders_open") == rig.count("orders_pending") == 0


def test_replace_rejected(rig: Rig) -> None:
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    rig.venue(rejected(ref + 1))
    assert order(rig, ref).state == "live" and order(rig, ref + 1).state == "dead"
    assert told(rig)[-1] == ("replace_failed", ref, 100)


def test_replaced_dead(rig: Rig) -> None:
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    rig.venue(replaced(ref, ref + 1, 100, PRICE, "D"))
    assert exposure(rig) == (0, 0, 0) and told(rig)[-1] == ("replaced", ref + 1, 0)
    assert rig.count("orders_open") == 0


def test_cancel_against_replace(rig: Rig) -> None:
    """A cancel sent behind a replace names the original; when the replace wins it finds nothing."""
    ref = live(rig)
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    (message,) = rig.trade(CANCEL, order=ref)
    assert (message["name"], message["quantity"]) == ("ouch_cancel_order", 0)
    rig.venue(replaced(ref, ref + 1, 100, PRICE))
    assert order(rig, ref).state == "dead" and order(rig, ref + 1).state == "live"
    rig.trade(CANCEL, order=ref + 1)
    rig.venue(canceled(ref + 1, 100))
    assert exposure(rig) == (0, 0, 0) and rig.count("oms_invalid") == 0


def test_cancel_rejected_puts_the_order_back(rig: Rig) -> None:
    ref = live(rig)
    rig.trade(CANCEL, order=ref)
    told(rig)
    rig.venue(cancel_rejected(ref))
    assert order(rig, ref).state == "live" and told(rig) == [("cancel_failed", ref, 100)]
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    rig.trade(CANCEL, order=ref)
    rig.venue(cancel_rejected(ref))
    assert order(rig, ref).state == "pending_replace"
    rig.venue(replaced(ref, ref + 1, 100, PRICE))
    assert order(rig, ref + 1).state == "live" and rig.count("oms_invalid") == 0


def test_answers_that_cannot_be_are_counted_and_change_nothing(rig: Rig) -> None:
    ref = live(rig)
    other = live(rig)
    bad = [
        accepted(ref, 5, 5), rejected(ref), replaced(ref, other, 5, 5), cancel_rejected(ref),
        replaced(ref, ref, 5, 5),
    ]  # fmt: skip
    before = rig.fingerprint()
    for number, answer in enumerate(bad, 1):
        rig.venue(answer)
        assert rig.count("oms_invalid") == number
    assert rig.fingerprint() == before
    pending = buy(rig)
    rig.venue(replaced(ref, pending, 5, 5))
    assert order(rig, pending).state == "pending_new", "that was no replacement"
    rig.trade(REPLACE, order=ref, shares=100, price=PRICE)
    rig.venue(accepted(pending + 1, 5, 5))
    assert order(rig, pending + 1).state == "replacement", "it waits for Replaced, not Accepted"
    rig.venue(replaced(other, pending + 1, 5, 5))
    assert order(rig, pending + 1).state == "replacement", "another order's place"
    for unknown in (accepted(900, 1, 1), executed(900, 1), canceled(900, 1), rejected(900),
                    replaced(900, 901, 1, 1), cancel_rejected(900), executed(0, 1)):  # fmt: skip
        rig.venue(unknown)
    assert rig.count("oms_unknown") == 8 and exposure(rig)[0] == 0


def test_execution_of_a_dead_order_still_moves_the_position(rig: Rig) -> None:
    ref = live(rig)
    rig.venue(canceled(ref, 100), executed(ref, 10))
    assert exposure(rig) == (10, 0, 0) and rig.count("oms_invalid") == 1


def test_other_answers_are_counted(rig: Rig) -> None:
    ref = live(rig)
    before = rig.fingerprint()
    names = ("ouch_system_event", "ouch_broken_trade", "ouch_cancel_pending",
             "ouch_order_priority_update", "ouch_order_modified", "ouch_order_restated",
             "ouch_mass_cancel_response", "ouch_disable_response", "ouch_enable_response")
    seen = rig.count("answer_other")
    for name in names:
        values = {} if name == "ouch_system_event" else {"user_ref_num": ref}
        rig.venue(wire(name, **values))
    assert rig.count("answer_other") - seen == len(names) and rig.fingerprint() == before


def test_malformed_answers_are_counted_and_the_rest_is_read(rig: Rig) -> None:
    ref = buy(rig)
    payload = mold.build(b"VENUE00001", 2, [b"", b"~", b"A" * 9, accepted(ref, 100, PRICE)])
    rig.packet(2, payload)
    assert rig.count("ouch_drop_malformed") == 3 and order(rig, ref).state == "live"


# ---- the kill word -------------------------------------------------------------------------------


def test_kill_cancels_everything_and_what_comes_alive_later(rig: Rig) -> None:
    first, second = live(rig), live(rig)
    rig.trade(REPLACE, order=second, shares=100, price=PRICE)
    pending = buy(rig)
    inspect.datagrams(rig.engine, rig.now)  # all of it has left before the kill
    rig.kill = 1
    assert rig.step()
    sent = [m for m in rig.engine.orders_from(rig.orders_seen)]
    assert [int.from_bytes(m[1:5], "big") for m in sent] == [first, second]
    assert rig.count("kills") == 1
    rig.orders()
    rig.venue(replaced(second, second + 1, 100, PRICE), accepted(pending, 100, PRICE))
    sent = rig.orders()
    assert [m[:1] for m in sent] == [b"X", b"X"]
    assert [int.from_bytes(m[1:5], "big") for m in sent] == [second + 1, pending]
    assert refused(rig) == "killed"
    rig.venue(canceled(first, 100), canceled(second + 1, 100), canceled(pending, 100))
    assert exposure(rig) == (0, 0, 0) and rig.count("oms_invalid") == 0
    told(rig)
    rig.kill = 0
    assert buy(rig)


def test_a_kill_voids_what_has_not_left(rig: Rig) -> None:
    """No order leaves after a kill, not even one made before it: its place asks for nothing."""
    first = live(rig)
    inspect.datagrams(rig.engine, rig.now)
    buy(rig)
    rig.trade(REPLACE, order=first, shares=50, price=PRICE)
    rig.kill = 1
    rig.step()
    payloads = inspect.datagrams(rig.engine, rig.now)
    kinds = [m[:1] for p in payloads for m in mold.parse(p).messages]
    assert kinds == [b"Q", b"Q", b"X"]
    assert rig.count("orders_voided") == 2 and rig.count("orders_pending") == 0
    rig.venue(canceled(first, 100))
    assert exposure(rig) == (0, 0, 0) and rig.count("oms_invalid") == 0


def test_kill_without_cancel_leaves_orders_alone() -> None:
    with made(risk={"cancel_on_kill": False}) as rig:
        ref = live(rig)
        rig.kill = 1
        rig.step()
        assert rig.orders() == [] and order(rig, ref).state == "live"


def test_sweep_waits_for_room_on_the_wire() -> None:
    """More open orders than the wire takes at once: the sweep goes on when there is room."""
    count = 40_000
    tables = {"own_orders": 1 << 16, "orders": 1 << 14}
    risk = {"rate_per_s": 10**7, "rate_burst": 10**6, "position_max": 10**9}
    with made(tables=tables, risk=risk) as rig:
        refs: list[int] = []
        while len(refs) < count:
            for _ in range(8):
                assert rig.script
                rig.script.want(NEW, side=BID, shares=1, price=PRICE)
            rig.touch()
            refs += range(len(refs) + 1, len(refs) + 9)
            rig.script.events.clear()
            inspect.datagrams(rig.engine, rig.now)
        for start in range(0, count, 20):
            rig.venue(*[accepted(ref, 1, PRICE) for ref in refs[start : start + 20]])
        rig.orders()
        rig.kill = 1
        swept: list[bytes] = []
        for _ in range(120):
            rig.step()
            swept += rig.orders()
        assert 30_000 < len(swept) < count and inspect.halt(rig.engine) != 0
        for _ in range(120):
            inspect.datagrams(rig.engine, rig.now)
            rig.step()
            swept += rig.orders()
        assert [int.from_bytes(m[1:5], "big") for m in swept] == refs
