"""Numbers for people: three figures and a unit."""

from __future__ import annotations

import math

_UNITS = (("s", 1e9), ("ms", 1e6), ("us", 1e3))


def duration(ns: float) -> str:
    """A duration in the unit that suits it, as in "512 ns", "1.23 us", "45.6 ms"."""
    for unit, size in _UNITS:
        value = float(f"{ns / size:.3g}")
        if value >= 1.0:
            digits = max(0, 2 - math.floor(math.log10(value)))
            return f"{value:.{digits}f} {unit}"
    return f"{ns:.0f} ns"


def tick(ns: float) -> str:
    """A round duration on an axis, as in "1 us": without the places that say how exact it is."""
    number, _, unit = duration(ns).partition(" ")
    return f"{float(number):g} {unit}"


def price(value: int) -> str:
    """1/10000 dollar as dollars: two places, four where the price has them."""
    return f"{value / 10_000:,.2f}" if value % 100 == 0 else f"{value / 10_000:,.4f}"
