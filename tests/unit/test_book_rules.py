"""The book's rules by example: what each message does, and where the tables end."""

from __future__ import annotations

import random

import pytest
from core_rig import ASK, BID, FEED_A, Rig, add, cancel, delete, directory, execute, replace, wire

from itch_ouch import mold


@pytest.fixture
def rig():  # type: ignore[no-untyped-def]
    with Rig() as made:
        yield made


def test_bids_fall_and_offers_rise(rig: Rig) -> None:
    rig.feed(*[add(i, BID, 10, price) for i, price in enumerate((300, 100, 200), 1)])
    rig.feed(*[add(i, ASK, 10, price) for i, price in enumerate((600, 400, 500), 11)])
    assert rig.book() == (
        [(300, 10, 1), (200, 10, 1), (100, 10, 1)],
        [(400, 10, 1), (500, 10, 1), (600, 10, 1)],
    )


def test_every_reducing_message(rig: Rig) -> None:
    rig.feed(add(1, BID, 100, 500))
    rig.feed(execute(1, 10))
    rig.feed(wire("itch_order_executed_with_price", stock_locate=1, order_reference_number=1,
                  executed_shares=20, printable="Y", execution_price=400))  # fmt: skip
    rig.feed(cancel(1, 30))
    assert rig.book()[BID] == [(500, 40, 1)]
    rig.feed(execute(1, 40))
    assert rig.book()[BID] == [] and rig.count("live_orders") == 0
    rig.feed(execute(1, 1))
    assert rig.count("book_missing_reference") == 1


def test_replace_inherits_side_and_symbol(rig: Rig) -> None:
    rig.feed(add(1, ASK, 100, 500, locate=7), replace(1, 2, 60, 450, locate=9))
    assert rig.engine.ladder(7, ASK) == [(450, 60, 1)]
    assert rig.engine.ladder(9, ASK) == []


def test_replace_may_keep_its_reference(rig: Rig) -> None:
    rig.feed(add(1, BID, 100, 500), replace(1, 1, 50, 600))
    assert rig.book()[BID] == [(600, 50, 1)]
    assert rig.count("book_duplicate_reference") == 0


@pytest.mark.parametrize(
    ("messages", "changes"),
    [
        ([add(1, BID, 100, 500)], 1),
        ([add(1, BID, 100, 500), add(2, BID, 100, 400)], 1),  # behind the best
        ([add(1, BID, 100, 500), add(2, BID, 100, 500)], 2),  # joins the best
        ([add(1, BID, 100, 500), add(2, ASK, 100, 600)], 2),
        ([add(1, BID, 100, 500), execute(1, 10)], 2),
        ([add(1, BID, 100, 500), execute(1, 0)], 1),  # nothing left the book
        ([add(1, BID, 100, 500), delete(1)], 2),
        ([add(1, BID, 100, 500), replace(1, 2, 100, 500)], 3),  # a delete and an add
        ([add(1, BID, 100, 500), add(2, BID, 1, 400), replace(2, 3, 1, 300)], 1),
        ([add(1, BID, 100, 500), replace(1, 2, 0, 500)], 2),  # only the delete
        ([add(1, BID, 0, 500), delete(9), add(2, 2, 1, 1)], 0),
    ],
)
def test_bbo_changes(rig: Rig, messages: list[bytes], changes: int) -> None:
    rig.feed(*messages)
    assert rig.count("bbo_changes") == changes


def test_top_of_book_is_published(rig: Rig) -> None:
    rig.feed(directory(3, "ZVZZT"), add(1, BID, 100, 500, 3), add(2, ASK, 50, 600, 3))
    rig.feed(add(3, BID, 11, 500, 3))
    top = rig.state.top(3)
    assert (top["bid_price"], top["bid_shares"], top["bid_orders"]) == (500, 111, 2)
    assert (top["ask_price"], top["ask_shares"], top["ask_orders"]) == (600, 50, 1)
    assert top["changes"] == 3 and top["time_ns"] == rig.now
    assert bytes(rig.state.tops[3]["stock"]) == b"ZVZZT   "
    rig.feed(delete(1, 3), delete(3, 3))
    assert rig.state.top(3)["bid_price"] == 0 and rig.state.top(3)["bid_shares"] == 0


def test_unknown_types_and_empty_messages_are_counted_and_pass(rig: Rig) -> None:
    rig.feed(add(1, BID, 1, 1), b"", b"?what", b"z" * 300, add(2, BID, 1, 1))
    assert rig.count("live_orders") == 2
    assert rig.count("itch_unknown") == 2 and rig.count("itch_empty") == 1


def test_message_of_wrong_length_refuses_its_whole_datagram(rig: Rig) -> None:
    before = rig.fingerprint()
    good = add(1, BID, 1, 1)
    for bad in (good[:-1], good + b"\0", delete(1)[:5], b"A"):
        rig.feed(good, bad)
        rig.sequence = 1
    assert rig.count("itch_drop_length") == 4
    assert rig.fingerprint() == before
    rig.feed(good)
    assert rig.count("live_orders") == 1


@pytest.mark.parametrize("order", ["up", "down", "random", "inside out"])
def test_thousands_of_levels_a_side(order: str) -> None:
    count = 5000
    prices = list(range(1, count + 1))
    if order == "down":
        prices.reverse()
    elif order == "random":
        random.Random(7).shuffle(prices)
    elif order == "inside out":
        prices.sort(key=lambda price: abs(price - count // 2))
    with Rig(tables={"orders": 16384, "levels": 16384}) as rig:
        for side in (BID, ASK):
            rig.feed(*[add(side * count + price, side, price, price) for price in prices])
            rows = [(price, price, 1) for price in range(1, count + 1)]
            assert rig.engine.ladder(1, side) == (rows[::-1] if side == BID else rows)
        random.Random(8).shuffle(prices)
        gone = set(prices[: count // 2])
        rig.feed(*[delete(price) for price in gone])
        assert rig.book()[BID] == [(p, p, 1) for p in range(count, 0, -1) if p not in gone]


def test_ladder_ends_at_its_largest_class() -> None:
    """65,536 levels a side are the bound; the next is counted and the book no longer trusted."""
    levels = 65_536
    with Rig(tables={"orders": 1 << 18, "levels": 1 << 18}) as rig:
        rig.feed(*[add(i, BID, 1, i) for i in range(1, levels + 1)])
        assert rig.count("book_levels_full") == 0
        rig.feed(add(levels + 1, BID, 1, levels + 1))
        assert rig.count("book_levels_full") == 1 and rig.count("levels") == levels
        rig.feed(add(levels + 2, BID, 1, levels))
        assert rig.engine.ladder(1, BID)[0] == (levels, 2, 2)


def test_arena_exhausted_is_counted() -> None:
    """Ladders keep the room they once needed, until they are empty; that room has a bound too."""
    depth = 513
    with Rig(tables={"orders": 1 << 21, "levels": 4096}) as rig:
        for locate in range(4096):
            references = range(locate * depth, (locate + 1) * depth)
            rig.feed(*[add(ref, BID, 1, i + 1, locate) for i, ref in enumerate(references)])
            if rig.count("book_levels_full"):
                break
            rig.feed(*[delete(ref) for ref in references[1:]])
        counters = rig.counters()
        assert 2000 < locate < 2500 and counters["levels"] == counters["live_orders"]
        rig.feed(*[delete(kept * depth) for kept in range(locate)])
        rig.feed(*[delete(ref) for ref in references])
        assert rig.count("live_orders") == rig.count("levels") == 0
        rig.feed(*[add(i, BID, 1, i + 1, 9) for i in range(depth)])
        assert rig.count("levels") == depth


def test_incomplete_book_is_never_traded_on() -> None:
    with Rig(tables={"orders": 64, "levels": 64}, strategy={"name": "quote"}) as rig:
        rig.ready()
        rig.feed(*[add(i, BID, 1, i, locate=2) for i in range(1, 64)])
        rig.feed(add(100, BID, 9, 500, locate=1), add(101, ASK, 9, 600, locate=1))
        assert rig.count("book_levels_full") == 1
        sent = rig.count("sent_new")
        rig.feed(delete(1, 2), add(102, ASK, 9, 590, locate=1), add(103, BID, 9, 500, locate=1))
        assert rig.count("sent_new") == sent


def test_reset_by_session_roll_empties_everything(rig: Rig) -> None:
    rig.feed(directory(1, "TEST"), add(1, BID, 10, 100), add(2, ASK, 10, 200))
    rig.packet(FEED_A, mold.header(b"NASDAQ2026", rig.sequence, 0xFFFF))
    rig.packet(FEED_A, mold.build(b"NEXTDAY001", 1, [add(5, BID, 1, 50, locate=2)]))
    assert rig.book() == ([], [])
    assert rig.count("live_orders") == 1 and rig.count("levels") == 1
    assert rig.state.top(1)["bid_price"] == 0 and rig.state.top(1)["ask_price"] == 0
    assert rig.engine.locate_of("TEST    ") in (None, 2)
