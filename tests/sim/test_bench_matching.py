"""The bench's operations mean the same to the plain model, and to every core that runs them."""

from __future__ import annotations

from typing import Any

import pytest
from naive_matching import NaiveMatching

from bench import matching
from bench.kernels_matching import LIVE, Operations, core_for, run, run_each
from bench.settings import Settings
from dpdk_bindings.env import Clock, Histogram
from feed_sim.exchange.matching import Matching

PREFIX = 3000


def words(
    operation: tuple[str, tuple[Any, ...], int],
) -> tuple[str, tuple[Any, ...], dict[str, int]]:
    method, arguments, tag = operation
    return method, arguments, {} if method == "cancel" else {"tag": tag}


@pytest.mark.parametrize("scenario", LIVE)
def test_a_prefix_reports_what_the_model_reports(scenario: str) -> None:
    made = Operations(scenario, PREFIX, 7)
    core, model = Matching(references_max=PREFIX + 1), NaiveMatching(1)
    executions = reports = 0
    for i in range(PREFIX):
        method, arguments, tag = words(made[i])
        got = getattr(core, method)(*arguments, **tag)
        assert got == getattr(model, method)(*arguments, **tag), (i, method, arguments)
        assert got[0] == "ok"
        reports += len(got[1])
        executions += sum(r.type == "executed" for r in got[1])
    assert core.check() == 0
    assert (reports, executions) == (made.expected["reports"], made.expected["executions"])
    assert core.live_orders == len(model.orders) == made.expected["live_orders"]


@pytest.mark.parametrize("scenario", LIVE)
def test_every_run_has_the_makers_digest(scenario: str) -> None:
    clock, histogram = Clock(), Histogram()
    made = Operations(scenario, 50_000, 3)
    core = core_for(made.count)
    assert run(made, core, clock.address)[1] == made.expected
    assert core.check() == 0
    own_ns, found = run_each(made, core_for(made.count), clock.address, histogram.address)
    assert found == made.expected and histogram.summary()["count"] == made.count
    assert own_ns < 1000
    assert Operations(scenario, 50_000, 4).expected != made.expected


@pytest.mark.parametrize("scenario", LIVE)
def test_the_book_keeps_its_size(scenario: str) -> None:
    """What the scenario's text says of it holds in the long run."""
    made = Operations(scenario, 1_000_000, 1)
    assert made.expected["live_orders"] == pytest.approx(LIVE[scenario], rel=0.1)


def test_the_measure_makes_its_rows_and_their_oracle(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr(matching, "OPERATIONS", 20_000)
    settings = Settings(1000, 1, tmp_path)
    matching.operations.cache_clear()
    rows = matching.matching(settings)
    expected = matching.oracle(settings)
    matching.operations.cache_clear()
    assert all(count == expected[key] for row in rows for key, count in row.counts.items())
    assert {row.unit for row in rows} == {"M messages/s", "ns"}
