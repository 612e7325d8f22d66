"""The book against the plain one over random message sequences, hostile ones included."""

from __future__ import annotations

import random
from collections.abc import Callable

import core_rig as rig_module
import pytest
from core_rig import Rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_book import PlainBook

FULL = ("book_orders_full", "book_levels_full")
COUNTED = (
    "bbo_changes",
    "book_missing_reference",
    "book_duplicate_reference",
    "book_over_reduced",
    "book_zero_shares",
    "book_unknown_side",
)
TOP = (1 << 64) - 1
# Where references come from: dense, colliding in a window of 64, at the end of the number space,
# and at 0.
REFERENCES: dict[str, Callable[[random.Random], int]] = {
    "dense": lambda r: r.randrange(1, 60),
    "colliding": lambda r: r.randrange(1, 4) + 64 * r.randrange(20),
    "high": lambda r: TOP - r.randrange(60) * r.choice((1, 64)),
    "mixed": lambda r: r.choice(
        (0, 1, 63, 64, TOP, TOP - 63, r.getrandbits(64), r.getrandbits(32), r.randrange(9))
    ),
}
Operation = tuple[str, int, int, int, int, int, int]  # kind, ref, new ref, side, shares, price, loc


def message(operation: Operation) -> bytes:
    kind, reference, new, side, shares, price, locate = operation
    if kind == "add":
        return rig_module.add(reference, side, shares, price, locate)
    if kind == "execute":
        return rig_module.execute(reference, shares, locate)
    if kind == "cancel":
        return rig_module.cancel(reference, shares, locate)
    if kind == "delete":
        return rig_module.delete(reference, locate)
    return rig_module.replace(reference, new, shares, price, locate)


def apply(book: PlainBook, operation: Operation) -> None:
    kind, reference, new, side, shares, price, locate = operation
    if kind == "add":
        book.add(reference, side, shares, price, locate)
    elif kind in ("execute", "cancel"):
        book.reduce(reference, shares)
    elif kind == "delete":
        book.delete(reference)
    else:
        book.replace(reference, new, shares, price)


def draw(r: random.Random, kind: str, prices: int, locates: int) -> Operation:
    reference = REFERENCES[kind]
    operation = r.choices(
        ("add", "execute", "cancel", "delete", "replace"), (45, 12, 13, 15, 15)
    )[0]  # fmt: skip
    shares = r.choice((0, 1, 100, 100, 100, 300, 0xFFFFFFFF, r.randrange(1, 1000)))
    price = 100 * r.randrange(prices)
    if r.random() < 0.01:
        price = r.choice((0, 0xFFFFFFFF, 0x7FFFFFFF))
    side = r.choice((0, 1)) if r.random() < 0.98 else 2
    locate = r.randrange(locates) if r.random() < 0.99 else 65_535
    return operation, reference(r), reference(r), side, shares, price, locate


def same(rig: Rig, book: PlainBook) -> None:
    counters = rig.counters()
    assert {name: counters[name] for name in COUNTED} == {n: book.counts[n] for n in COUNTED}
    assert counters["live_orders"] == len(book.orders)
    levels = 0
    for locate in book.symbols():
        for side in (0, 1):
            rows = book.levels(locate, side)
            levels += len(rows)
            assert rig.engine.ladder(locate, side) == rows
    assert counters["levels"] == levels
    assert rig.engine.digests() == book.digests()


@pytest.mark.parametrize("references", REFERENCES)
@pytest.mark.parametrize("seed", range(6))
def test_random_messages_keep_the_book_equal(references: str, seed: int) -> None:
    r = random.Random(f"{references} {seed}")
    prices = r.choice((3, 12, 40))
    with Rig(tables={"orders": 4096, "levels": 4096}) as rig:
        book = PlainBook()
        for _ in range(60):
            operations = [draw(r, references, prices, 4) for _ in range(r.randrange(1, 25))]
            rig.feed(*[message(operation) for operation in operations])
            for operation in operations:
                apply(book, operation)
            same(rig, book)


@pytest.mark.parametrize("references", REFERENCES)
@pytest.mark.parametrize("seed", range(4))
def test_tiny_tables_refuse_and_keep_everything_else(references: str, seed: int) -> None:
    """The smallest tables: overflow hash in use and full, levels pool full; all of it counted."""
    r = random.Random(f"tiny {references} {seed}")
    with Rig(tables={"orders": 64, "levels": 64}) as rig:
        book = PlainBook()
        for _ in range(1500):
            operation = draw(r, references, 60, 3)
            before = [rig.count(name) for name in FULL]
            rig.feed(message(operation))
            refused = [rig.count(name) for name in FULL] != before
            if refused and operation[0] == "replace":
                book.delete(operation[1])
            elif not refused:
                apply(book, operation)
            assert rig.engine.digests() == book.digests()
        same(rig, book)


def test_tiny_tables_really_were_full() -> None:
    """The test above is worth something only if its references fill the tables."""
    r = random.Random("full")
    with Rig(tables={"orders": 64, "levels": 64}) as rig:
        rig.feed(*[message(draw(r, "mixed", 60, 3)) for _ in range(3000)])
        rig.feed(*[rig_module.add(1 + 64 * i, 0, 1, 100) for i in range(40)])
        assert rig.count("book_levels_full") and rig.count("book_orders_full")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_overflow_survives_any_order_of_deletion(data: st.DataObject) -> None:
    """Many orders in one window slot: all but the last live in the hash, and leave it anyhow."""
    count = data.draw(st.integers(2, 14))
    references = data.draw(
        st.lists(st.integers(0, 2**58 - 1), min_size=count, max_size=count, unique=True)
    )
    references = [reference << 6 | 5 for reference in references]
    going = data.draw(st.permutations(references))
    with Rig(tables={"orders": 64, "levels": 64}) as rig:
        book = PlainBook()
        for i, reference in enumerate(references):
            rig.feed(rig_module.add(reference, 0, 10 + i, 100))
            book.add(reference, 0, 10 + i, 100, 1)
        for reference in going:
            same(rig, book)
            rig.feed(rig_module.delete(reference))
            book.delete(reference)
        same(rig, book)
