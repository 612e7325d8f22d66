"""Orders by example: each answer of the venue, each race, each limit; and what the strategy hears.

The venue's answers are scripted; ``Script`` plays the strategy over its C pointer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from core_rig import (
    ASK,
    BID,
    FEED_A,
    FEED_SESSION,
    MS,
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
from scripted import CANCEL, IOC, NEW, REPLACE, Script

from appliance.core import inspect
from itch_ouch import mold

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


# ---- limits --------------------------------------------------------------------------------------


def test_each_limit_at_its_boundary() -> None:
    with made(risk={"shares_max": 500, "notional_max": 500 * PRICE, "position_max": 700}) as rig:
        assert refused(rig, shares=0) == "size"
        assert refused(rig, shares=501) == "size"
        assert refused(rig, shares=500, price=PRICE + 1) == "notional"
        buy(rig, 500)
        assert refused(rig, shares=201) == "position"
        buy(rig, 200)
        assert refused(rig, shares=1) == "position"
        assert len(rig.trade(NEW, side=ASK, shares=500, price=PRICE)) == 1
        assert refused(rig, side=ASK, shares=201, price=PRICE) == "position"
        assert len(rig.trade(NEW, side=ASK, shares=200, price=PRICE)) == 1


def test_position_counts_what_is_held_against_it() -> None:
    with made(risk={"position_max": 100}) as rig:
        ref = live(rig)
        rig.venue(executed(ref, 100))
        assert refused(rig, shares=1) == "position"
        assert len(rig.trade(NEW, side=ASK, shares=200, price=PRICE)) == 1, "down to short 100"
        assert refused(rig, side=ASK, shares=1, price=PRICE) == "position"


def test_replace_counts_only_what_it_adds_to_the_position() -> None:
    with made(risk={"position_max": 100}) as rig:
        ref = live(rig)
        assert refused(rig, REPLACE, order=ref, shares=101, price=PRICE) == "position"
        assert len(rig.trade(REPLACE, order=ref, shares=100, price=PRICE - 100)) == 1


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        # 10 % around the best price of the other side: 10,100 for a bid, 10,000 for an offer.
        (BID, 11_110, True), (BID, 11_111, False), (BID, 9_090, True), (BID, 9_089, False),
        (ASK, 11_000, True), (ASK, 11_001, False), (ASK, 9_000, True), (ASK, 8_999, False),
    ],
)  # fmt: skip
def test_collar(side: int, price: int, passes: bool) -> None:
    with made(risk={"collar_ppm": 100_000}) as rig:
        if passes:
            assert len(rig.trade(NEW, side=side, shares=1, price=price)) == 1
        else:
            assert refused(rig, side=side, shares=1, price=price) == "collar"


def test_collar_around_the_own_side_when_the_other_is_empty() -> None:
    with made(risk={"collar_ppm": 100_000}) as rig:
        from core_rig import delete

        rig.feed(delete(2))
        rig.orders()
        assert len(rig.trade(NEW, side=BID, shares=1, price=11_000)) == 1
        assert refused(rig, shares=1, price=11_001) == "collar"


def test_collar_without_any_price_refuses(rig: Rig) -> None:
    assert refused(rig, locate=500) == "collar"


def test_book_state_refuses_while_a_gap_is_open(rig: Rig) -> None:
    assert rig.script
    ref = live(rig)
    rig.packet(FEED_A, mold.build(FEED_SESSION, rig.sequence + 1, [add(77, BID, 1, PRICE)]))
    rig.packet(FEED_A, mold.build(FEED_SESSION, rig.sequence + 5, [b"?"]))
    rig.script.want(NEW, side=BID, shares=1, price=PRICE)
    rig.script.want(CANCEL, order=ref)
    rig.packet(FEED_A, mold.build(FEED_SESSION, rig.sequence, [add(78, BID, 1, PRICE)]))
    assert [e["change"] for e in rig.script.events] == ["refused", "sent"]
    assert rig.count("risk_book_state") == 1, "a new order waits for the book, a cancel does not"


def test_rate_is_a_bucket_of_the_burst() -> None:
    """Against a model in exact arithmetic: 1,000 a second, 5 at once."""
    with made(risk={"rate_per_s": 1000, "rate_burst": 5}, tables={"own_orders": 4096}) as rig:
        import random

        r = random.Random(5)
        interval, full_at, passed = MS, 0, 0
        for _ in range(600):
            rig.now += r.choice((0, 0, 0, 0, 1, MS // 2, MS - 1, MS, MS + 1, 3 * MS))
            start = max(full_at, rig.now)
            expected = start + interval <= rig.now + 5 * interval
            if expected:
                full_at = start + interval
                passed += 1
                buy(rig, 1)
            else:
                assert refused(rig, shares=1) == "rate"
        assert 100 < passed < 500


def test_rate_is_spent_by_what_passes_only() -> None:
    with made(risk={"rate_per_s": 1, "rate_burst": 2, "shares_max": 100}) as rig:
        for _ in range(5):
            assert refused(rig, shares=101) == "size"
        ref = live(rig)
        rig.trade(CANCEL, order=ref)
        assert refused(rig) == "rate"


def test_checks_come_in_their_order() -> None:
    """Everything wrong at once: the first check names itself, and the next when that is mended."""
    limits = {"collar_ppm": 1000, "shares_max": 10, "notional_max": 10, "position_max": 10,
              "rate_per_s": 1, "rate_burst": 1}  # fmt: skip
    with made(risk=limits) as rig:
        rig.now += 10**9
        assert len(rig.trade(NEW, side=BID, shares=1, price=9)) == 0, "the collar"
        assert refused(rig, shares=11, price=9) == "collar"
        assert refused(rig, shares=11, price=PRICE + 100) == "size"
        assert refused(rig, shares=10, price=PRICE + 100) == "notional"
        rig.kill = 1
        assert refused(rig, shares=11, price=9) == "killed"
    with made(risk={**limits, "notional_max": 10**9}) as rig:
        assert len(rig.trade(NEW, side=BID, shares=10, price=PRICE + 100)) == 1
        assert refused(rig, shares=10, price=PRICE + 100) == "position"
        assert refused(rig, side=ASK, shares=1, price=PRICE) == "rate"


def test_table_full() -> None:
    with made(tables={"own_orders": 64}) as rig:
        first = live(rig)
        for _ in range(63):
            buy(rig, 1)
        assert refused(rig, shares=1) == "table_full"
        rig.venue(canceled(first, 100))
        assert buy(rig, 1) == first + 64
        assert order(rig, first) is None, "its place is taken"


def test_a_long_lived_order_is_passed_over() -> None:
    """Its place comes round again, and the next number is taken instead."""
    with made(tables={"own_orders": 64}) as rig:
        first = live(rig)
        for _ in range(63):
            rig.venue(canceled(live(rig), 100))
        assert buy(rig, 1) == first + 65
        assert order(rig, first) is not None


def test_orders_that_are_not_there(rig: Rig) -> None:
    assert refused(rig, CANCEL, order=99) == "no_order"
    assert refused(rig, REPLACE, order=99, shares=1, price=PRICE) == "no_order"
    ref = buy(rig)
    assert refused(rig, CANCEL, order=ref) == "state"
    assert refused(rig, REPLACE, order=ref, shares=1, price=PRICE) == "state"
    rig.venue(accepted(ref, 100, PRICE))
    told(rig)
    assert refused(rig, REPLACE, order=ref, locate=2, shares=1, price=PRICE) == "no_order"
    rig.venue(canceled(ref, 100))
    told(rig)
    assert refused(rig, CANCEL, order=ref) == "no_order"


def test_nonsense_from_a_strategy_is_refused(rig: Rig) -> None:
    assert rig.script
    assert refused(rig, 9) == "no_order"
    assert refused(rig, NEW, side=2, shares=1, price=PRICE) == "no_order"
    rig.script.count_claimed = 4_000_000_000
    rig.touch()
    assert rig.count("strategy_intents") == 2 + 8, "never more than the list holds"


# ---- the kill word -------------------------------------------------------------------------------


def test_kill_cancels_everything_and_what_comes_alive_later(rig: Rig) -> None:
    first, second = live(rig), live(rig)
    rig.trade(REPLACE, order=second, shares=100, price=PRICE)
    pending = buy(rig)
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
