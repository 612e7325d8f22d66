"""The strategies that come with the appliance, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core.strategies.cross import Cross
from appliance.core.strategies.quote import Quote
from appliance.core.strategy import Strategy

if TYPE_CHECKING:
    from appliance.config import StrategySection

TICK = 100  # one cent in 1/10000 dollar


def make_strategy(section: StrategySection) -> Strategy:
    """The strategy that a configuration names, with its settings."""
    if section.file:
        from appliance.strategy_file import load_strategy

        return load_strategy(section.file, section.settings, section.file_sha256)
    if section.name == "quote":
        return Quote(shares=section.shares, rest_ns=section.rest_us * 1000)
    if section.name == "cross":
        return Cross(
            shares=section.shares,
            threshold=section.imbalance_thousandths,
            spread_min=section.spread_ticks * TICK,
            rest_ns=section.rest_us * 1000,
        )
    return Strategy()
