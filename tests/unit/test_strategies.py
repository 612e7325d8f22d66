"""quote and cross against books by hand."""

from __future__ import annotations

from typing import Any

import pytest
from core_rig import (
    ASK,
    BID,
    Rig,
    accepted,
    add,
    canceled,
    delete,
    executed,
    fields,
    rejected,
    replaced,
    wire,
)

CENT = 100
REST_NS = 1_000_000


def rig_of(name: str, **values: Any) -> Rig:
    rig = Rig(strategy={"name": name, "shares": 100, "rest_us": REST_NS // 1000, **values})
    rig.ready()
    rig.orders()
    return rig


def sent(rig: Rig) -> list[tuple[Any, ...]]:
    """(what, reference, side, shares, price) of the messages made since the last look."""
    out = []
    for message in rig.orders():
        m = fields(message)
        what = m["name"].removeprefix("ouch_").removesuffix("_order")
        ref = m.get("user_ref_num")
        out.append((what, ref, m.get("side"), m.get("quantity"), m.get("price")))
    return out


# ---- quote ---------------------------------------------------------------------------------------


@pytest.fixture
def quoting() -> Any:
    """Both sides joined at 1.00 and 1.02, accepted, and seen in the book."""
    with rig_of("quote") as rig:
        rig.feed(add(1, BID, 500, 10_000), add(2, ASK, 500, 10_200))
        assert sent(rig) == [("enter", 1, "B", 100, 10_000), ("enter", 2, "S", 100, 10_200)]
        rig.venue(accepted(1, 100, 10_000), accepted(2, 100, 10_200))
        rig.feed(add(101, BID, 100, 10_000), add(102, ASK, 100, 10_200))
        assert sent(rig) == []
        yield rig


def test_quote_joins_only_a_side_that_is_there() -> None:
    with rig_of("quote") as rig:
        rig.feed(add(1, BID, 500, 10_000))
        assert sent(rig) == [("enter", 1, "B", 100, 10_000)]


def test_quote_orders_are_post_only(quoting: Rig) -> None:
    assert quoting.engine.orders_from(2)[0][-3:] == bytes([2, 12]) + b"P"


def test_quote_follows_up_and_waits_for_the_answer(quoting: Rig) -> None:
    quoting.feed(add(3, BID, 200, 10_100))
    assert sent(quoting) == [("replace", 3, None, 100, 10_100)]
    quoting.feed(add(4, BID, 200, 10_100))
    assert sent(quoting) == [], "its move is not answered yet"
    quoting.venue(replaced(1, 3, 100, 10_100))
    quoting.feed(delete(101), add(103, BID, 100, 10_100))
    assert sent(quoting) == []


def test_quote_steps_back_when_it_is_alone(quoting: Rig) -> None:
    quoting.feed(add(3, BID, 200, 9_900))
    quoting.feed(delete(1))
    assert sent(quoting) == [("replace", 3, None, 100, 9_900)]


def test_quote_leaves_when_nobody_else_is_left(quoting: Rig) -> None:
    quoting.feed(delete(1))
    assert sent(quoting) == [("cancel", 1, None, 0, None)]
    quoting.venue(canceled(1, 100))
    quoting.feed(delete(101))
    assert sent(quoting) == []
    quoting.feed(add(5, BID, 100, 9_800))
    assert sent(quoting) == [("enter", 3, "B", 100, 9_800)]


def test_quote_goes_on_when_a_fill_overtakes_its_cancel(quoting: Rig) -> None:
    """The venue never answers the cancel of an order that is gone."""
    quoting.feed(delete(1))
    assert sent(quoting) == [("cancel", 1, None, 0, None)]
    quoting.venue(executed(1, 100))
    quoting.feed(delete(101), add(5, BID, 100, 9_800))
    assert sent(quoting) == [("enter", 3, "B", 100, 9_800)]


def test_quote_goes_on_after_a_rejected_cancel(quoting: Rig) -> None:
    quoting.feed(delete(1))
    sent(quoting)
    quoting.venue(wire("ouch_cancel_reject", user_ref_num=1))
    quoting.now += REST_NS
    quoting.feed(add(5, BID, 100, 10_000), add(6, BID, 100, 10_100))
    assert sent(quoting) == [("replace", 3, None, 100, 10_100)]


def test_quote_after_a_fill_joins_again(quoting: Rig) -> None:
    quoting.venue(executed(1, 100))
    quoting.feed(delete(101))
    assert sent(quoting) == [("enter", 3, "B", 100, 10_000)]


def test_quote_moves_what_is_left(quoting: Rig) -> None:
    quoting.venue(executed(1, 30))
    quoting.feed(add(3, BID, 200, 10_100))
    assert sent(quoting) == [("replace", 3, None, 100, 10_100)], "70 left, and the 30 of the chain"


def test_quote_rests_after_a_refusal_and_a_rejection() -> None:
    with rig_of("quote") as rig:
        rig.feed(add(1, BID, 500, 10_000))
        assert len(sent(rig)) == 1
        rig.venue(rejected(1))
        rig.feed(add(3, BID, 500, 10_000), after_ns=REST_NS - 1)
        assert sent(rig) == []
        rig.feed(add(4, BID, 500, 10_000), after_ns=1)
        assert len(sent(rig)) == 1
    with rig_of("quote") as rig:
        rig.kill = 1
        for reference in range(1, 50):
            rig.feed(add(reference, BID, 500, 10_000))
        assert rig.count("risk_killed") == 1, "one refusal, then rest"


def test_quote_trades_the_symbols_named_and_no_others() -> None:
    with rig_of("quote", symbols=["AAA", "BBB"]) as rig:
        from core_rig import directory

        rig.feed(directory(1, "AAA"), directory(2, "CCC"))
        rig.feed(add(1, BID, 5, 10_000, 1, b"AAA     "), add(2, BID, 5, 10_000, 2, b"CCC     "))
        assert [what[:2] for what in sent(rig)] == [("enter", 1)]


# ---- cross ---------------------------------------------------------------------------------------


def book(rig: Rig, bid: int, ask: int, spread: int = CENT) -> None:
    """Offers first, so that the book leans only when it is whole."""
    rig.feed(add(2, ASK, ask, 10_000 + spread), add(1, BID, bid, 10_000))


@pytest.mark.parametrize(
    ("bid", "ask", "side", "price"),
    [
        (900, 100, "B", 10_100),  # leans by exactly 800 thousandths
        (899, 100, None, 0),
        (100, 900, "S", 10_000),
        (100, 899, None, 0),
        (500, 500, None, 0),
        (0xFFFFFFFF, 1, "B", 10_100),
    ],
)
def test_cross_takes_at_its_threshold(bid: int, ask: int, side: str | None, price: int) -> None:
    with rig_of("cross") as rig:
        book(rig, bid, ask)
        assert sent(rig) == ([("enter", 1, side, 100, price)] if side else [])
        if side:
            assert fields(rig.engine.orders_from(2)[0])["time_in_force"] == "3"


def test_cross_wants_the_narrowest_spread() -> None:
    with rig_of("cross") as rig:
        book(rig, 900, 1, 2 * CENT)
        assert sent(rig) == []
    with rig_of("cross", spread_ticks=2) as rig:
        book(rig, 900, 1, 2 * CENT)
        assert len(sent(rig)) == 1


def test_cross_has_one_order_at_a_time_and_rests() -> None:
    with rig_of("cross") as rig:
        book(rig, 900, 100)
        assert len(sent(rig)) == 1
        rig.feed(add(3, BID, 100, 10_000))
        rig.venue(accepted(1, 100, 10_100), executed(1, 40))
        rig.feed(add(4, BID, 100, 10_000), after_ns=REST_NS)
        assert sent(rig) == [], "its order still lives"
        rig.venue(canceled(1, 60))
        rig.feed(add(5, BID, 100, 10_000), after_ns=REST_NS - 1000)
        assert sent(rig) == [], "it rests"
        rig.feed(add(6, BID, 100, 10_000), after_ns=1000)
        assert len(sent(rig)) == 1


def test_cross_ignores_a_crossed_book() -> None:
    with rig_of("cross") as rig:
        book(rig, 900, 1, 0)
        assert sent(rig) == []
