"""Limits by example: each reason in isolation, at its boundary, and in its order."""

from __future__ import annotations

import random

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
    canceled,
    delete,
    executed,
)  # fmt: skip
from orders_harness import PRICE, buy, live, made, order, refused, rig, told
from scripted import CANCEL, NEW, REPLACE

from itch_ouch import mold

__all__ = ["rig"]  # a fixture: used by name


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
