"""A strategy in Python beside the same in Cython: docs/examples/strategies/cross.py and cross.

Both are called in turns, in short stretches, with the same events; a round's figure is the median
of a stretch. The intents must be the same, or there is no figure.
"""

from __future__ import annotations

import statistics

from appliance.core.strategies.cross import Cross
from appliance.core.strategy import Strategy
from appliance.strategy_file import StrategyError, load_strategy
from bench import kernels_strategies as kernels
from bench.rows import Row
from bench.settings import ROOT, Absent, Settings, last_core
from dpdk_bindings.env import Clock, pin_to_core

CALLS = 200_000  # a stretch: some milliseconds
STRETCHES = 100


def contenders() -> tuple[Strategy, Strategy]:
    """cross in Cython, and its twin."""
    settings = {"shares": 100, "threshold": 500, "spread_min": 200, "rest_ns": 0}
    try:
        python = load_strategy(str(ROOT / "docs/examples/strategies/cross.py"), settings)
    except StrategyError as error:
        raise Absent(str(error)) from None
    return Cross(**settings), python


def strategies(_: Settings) -> list[Row]:
    cython, python = contenders()
    pin_to_core(last_core())
    clock = Clock()
    costs: tuple[list[float], list[float]] = [], []
    for _number in range(STRETCHES):
        seen = [kernels.call_many(one, CALLS, clock.address) for one in (cython, python)]
        if seen[0][1:] != seen[1][1:] or not seen[0][1]:
            raise SystemExit(f"the twins asked for different orders: {seen}")
        for cost, (ns, _asked, _digest) in zip(costs, seen, strict=True):
            cost.append(ns / CALLS)
    in_cython, in_python = map(statistics.median, costs)
    return [
        Row("cross in Cython", "ns/event", in_cython),
        Row("cross in Python", "ns/event", in_python),
        Row("cross, Python / Cython", "", in_python / in_cython, "<= 1.1"),
    ]
