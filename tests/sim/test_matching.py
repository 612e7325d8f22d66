"""The matching core against the naive model, and every rule of matching.h by example."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from naive_matching import NaiveMatching

from feed_sim.exchange.matching import Matching

BUY, SELL = 0, 1
CSRC = Path(__file__).resolve().parents[2] / "feed_sim/exchange/csrc"


def same_book(core: Matching, model: NaiveMatching, symbols: int) -> None:
    assert core.check() == 0
    assert core.live_orders == len(model.orders)
    for locate in range(1, symbols + 1):
        for side in (BUY, SELL):
            levels = model.levels(locate, side)
            assert [tuple(level) for level in core.levels(locate, side)] == levels
            for rank, (price, _, _) in enumerate(levels):
                assert core.queue(locate, side, rank) == model.queue(locate, side, price)


def operate(rng: random.Random, symbols: int, references: int, width: int):
    """One random operation, as (method, arguments, keywords); now and then a wrong one."""
    price = rng.choice([0, 0x7FFFFFFF, 1]) if rng.random() < 0.01 else 10_000 + rng.randrange(width)
    shares = 0 if rng.random() < 0.01 else rng.choice([1, 5, 100, 100, 250, 1000])
    words = {
        "life": rng.choices(["day", "ioc", "fok"], [8, 1, 1])[0],
        "market": rng.random() < 0.04,
        "post_only": rng.random() < 0.08,
        "tag": rng.randrange(1 << 32),
    }
    reference = rng.randrange(max(1, references - 60), references + 2)
    kind = rng.random()
    if kind < 0.55:
        locate = rng.randrange(0, symbols + 2) if rng.random() < 0.02 else rng.randint(1, symbols)
        side = 2 if rng.random() < 0.01 else rng.randrange(2)
        return "submit", (locate, side, shares, price), words
    if kind < 0.8:
        return "cancel", (reference, rng.choice([0, 0, 50, 99, 100])), {}
    return "replace", (reference, shares, price), words


@pytest.mark.parametrize("width", [4, 40, 4000])
def test_random_operations_equal_the_model(width: int) -> None:
    """Same reports, results, levels and queues: narrow (long queues) to wide (many levels)."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    symbols = 3
    core, model = Matching(symbols_max=symbols), NaiveMatching(symbols)
    for step in range(12_000):
        method, arguments, words = operate(rng, symbols, model.next_reference, width)
        got = getattr(core, method)(*arguments, **words)
        assert got == getattr(model, method)(*arguments, **words), (seed, step, method, arguments)
        if step % 500 == 0:
            same_book(core, model, symbols)
        if len(model.orders) > 400:
            for order in model.orders[:200]:
                assert core.cancel(order.reference)[0] == "ok"
            del model.orders[:200]
    same_book(core, model, symbols)


def test_full_tables_equal_the_model() -> None:
    """A dozen orders, a dozen reports and a few hundred references: every limit is met."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    met = set()
    for _ in range(60):
        limits = {"orders_max": 24, "reports_max": 12, "references_max": 300}
        core = Matching(symbols_max=1, levels_max=64, **limits)
        model = NaiveMatching(1, **limits)
        for _ in range(600):
            method, arguments, words = operate(rng, 1, model.next_reference, 6)
            got = getattr(core, method)(*arguments, **words)
            assert got == getattr(model, method)(*arguments, **words), seed
            met.add(got[0])
            met.update(report.reason for report in got[1])
        same_book(core, model, 1)
    assert {"full-orders", "full-references", "reports"} <= met


class Machine(RuleBasedStateMachine):
    """Hypothesis looks for the shortest sequence of operations on which the two differ."""

    def __init__(self) -> None:
        super().__init__()
        self.core, self.model = Matching(symbols_max=1), NaiveMatching(1)

    prices = st.integers(1, 6)
    sizes = st.integers(1, 9)
    lives = st.sampled_from(["day", "ioc", "fok"])

    def both(self, method: str, *arguments: int, **words: object) -> None:
        got = getattr(self.core, method)(*arguments, **words)
        assert got == getattr(self.model, method)(*arguments, **words)

    @rule(side=st.integers(0, 1), shares=sizes, price=prices, life=lives, market=st.booleans(),
          post_only=st.booleans())
    def submit(self, side: int, shares: int, price: int, **words: object) -> None:
        self.both("submit", 1, side, shares, price, **words)

    @rule(reference=st.integers(0, 30), total=st.integers(0, 9))
    def cancel(self, reference: int, total: int) -> None:
        self.both("cancel", reference, total)

    @rule(reference=st.integers(0, 30), shares=sizes, price=prices, life=lives)
    def replace(self, reference: int, shares: int, price: int, **words: object) -> None:
        self.both("replace", reference, shares, price, **words)

    @invariant()
    def books_agree(self) -> None:
        same_book(self.core, self.model, 1)


Machine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestMachine = Machine.TestCase


def test_price_comes_before_time() -> None:
    core = Matching()
    core.submit(1, SELL, 10, 101)  # 1
    core.submit(1, SELL, 10, 100)  # 2
    core.submit(1, SELL, 10, 100)  # 3
    _, reports = core.submit(1, BUY, 25, 101)
    assert [(r.reference, r.shares, r.price) for r in reports if r.type == "executed"] == [
        (2, 10, 100), (3, 10, 100), (1, 5, 101),
    ]


def test_a_replacement_goes_to_the_back_and_a_cancel_keeps_its_place() -> None:
    core = Matching()
    for _ in range(3):
        core.submit(1, BUY, 100, 50)
    core.cancel(1, 40)
    assert core.queue(1, BUY, 0) == [1, 2, 3]
    core.replace(2, 40, 50)
    assert core.queue(1, BUY, 0) == [1, 3, 4]


def test_totals_include_what_the_chain_executed() -> None:
    core = Matching()
    core.submit(1, BUY, 100, 50)  # 1
    core.submit(1, SELL, 30, 50)  # 2 takes 30 of it
    result, reports = core.replace(1, 90, 49)
    assert result == "ok" and reports[-1].shares == 60
    assert core.find(3).executed == 30
    assert core.cancel(3, 30)[1][0].type == "deleted"


def test_a_full_level_table_is_named_and_changes_nothing() -> None:
    core = Matching(levels_max=2)
    assert core.submit(1, BUY, 1, 1)[0] == "ok"
    assert core.submit(1, BUY, 1, 2)[0] == "ok"
    assert core.submit(1, BUY, 1, 3)[0] == "full-levels"
    assert core.live_orders == 2 and core.check() == 0
    assert core.cancel(1)[0] == "ok"
    assert core.submit(1, BUY, 1, 3)[0] == "ok"


def test_many_levels_and_back() -> None:
    """Ladders double many times, on several symbols, and levels come and go anywhere in them."""
    rng = random.Random(7)
    core = Matching(symbols_max=4, levels_max=40_000)
    prices = list(range(1, 5001))
    rng.shuffle(prices)
    references = []
    for price in prices:
        for locate in range(1, 5):
            references.append(core.next_reference)
            assert core.submit(locate, BUY, 1, price)[0] == "ok"
    assert core.check() == 0 and core.live_levels == 20_000
    rng.shuffle(references)
    for reference in references:
        assert core.cancel(reference)[0] == "ok"
    assert core.check() == 0 and core.live_levels == 0


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="symbols"):
        Matching(symbols_max=0)
    with pytest.raises(ValueError, match="reports"):
        Matching(reports_max=3)


@pytest.mark.parametrize("standard", ["gnu11", "gnu17"])
def test_the_c_is_clean(standard: str, tmp_path: Path) -> None:
    for source in sorted(CSRC.glob("*.c")):
        subprocess.run(
            ["cc", f"-std={standard}", "-O2", "-Wall", "-Wextra", "-Werror", "-c", str(source),
             "-o", str(tmp_path / "out.o")],
            check=True,
        )
