"""Charts as inline SVG for the report: no library, no request, a few kilobytes each.

Colours are CSS variables of the page (``--series-0`` and on), so that light and dark both read
well; the page's script adds the readout under the pointer and lets the legend hide a series.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from appliance.telemetry.series import (
    Point,
    decades,
    distribution,
    log_range,
    nines_ticks,
    percentile_curve,
)
from appliance.telemetry.units import duration, tick
from dpdk_bindings.env import Histogram

WIDTH, HEIGHT = 920.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 18.0, 14.0, 46.0


@dataclass(frozen=True)
class Axis:
    """A range of values laid over a range of the drawing."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def _path(points: list[Point], x: Axis, y: Axis) -> str:
    places = [f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in points]
    return "M" + "L".join(places)


def _x_tick(x: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>'
    )


def _y_tick(y: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _titles(x_title: str, y_title: str) -> str:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return (
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" '
        f'text-anchor="middle">{x_title}</text>'
        f'<text class="axis" transform="translate(14 {middle}) rotate(-90)" '
        f'text-anchor="middle">{y_title}</text>'
    )


def _legend(names: list[str]) -> str:
    items = "".join(
        f'<button type="button" data-series="{i}"><i style="background:var(--series-{i})"></i>'
        f"{escape(name)}</button>"
        for i, name in enumerate(names)
    )
    return f'<div class="legend">{items}</div>'


def _figure(title: str, body: str, names: list[str], data: dict[str, object]) -> str:
    """A chart with its legend, and the numbers that the page's script reads out."""
    numbers = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure class="chart">{_legend(names)}'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(title)}">'
        f'{body}<line class="pointer" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg>'
        f'<div class="readout"></div><script type="application/json">{numbers}</script></figure>'
    )


def _readout(rows: list[list[Point]], x: Axis, label: Callable[[float], str],
             value: Callable[[float], str]) -> dict[str, object]:
    """For each series: [place in the drawing, what x is, what y is], already as text."""
    return {
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "series": [[[round(x.at(a), 1), label(a), value(b)] for a, b in row] for row in rows],
    }


def _percent(nines: float) -> str:
    """A place on the percentile axis, with as many digits as tell it from its neighbours."""
    return f"p{100.0 * (1.0 - 10.0**-nines):.{max(0, math.ceil(nines) - 1)}f}"


def percentile_chart(histograms: dict[str, Histogram]) -> str:
    """Latency over percentile, the tail stretched: each step to the right is ten times rarer."""
    rows = {name: percentile_curve(h) for name, h in histograms.items()}
    rows = {name: row for name, row in rows.items() if row}
    if not rows:
        return ""
    end = max(1.0, *(row[-1][0] for row in rows.values()))
    x = Axis(0.0, end, LEFT, WIDTH - RIGHT)
    low, high = log_range([v for row in rows.values() for _, v in row])
    y = Axis(low, high, HEIGHT - BOTTOM, TOP, log=True)
    parts = [_y_tick(y.at(v), tick(v)) for v in decades(low, high)]
    parts += [_x_tick(x.at(nines), label) for nines, label in nines_ticks(end)]
    parts.append(_titles("percentile", "latency"))
    for i, row in enumerate(rows.values()):
        parts.append(
            f'<path class="line" data-series="{i}" style="stroke:var(--series-{i})" '
            f'd="{_path(row, x, y)}"/>'
        )
    names = [name.replace("_", " ") for name in rows]
    data = _readout(list(rows.values()), x, _percent, duration)
    return _figure("Latency by percentile", "".join(parts), names, data)


def distribution_chart(histograms: dict[str, Histogram]) -> str:
    """How often each latency occurred, on a logarithmic axis: one hill or several?"""
    rows = {name: distribution(h) for name, h in histograms.items()}
    rows = {name: row for name, row in rows.items() if row}
    if not rows:
        return ""
    low, high = log_range([ns for row in rows.values() for ns, share in row if share > 0])
    x = Axis(low, high, LEFT, WIDTH - RIGHT, log=True)
    top = max(share for row in rows.values() for _, share in row)
    y = Axis(0.0, top * 1.05, HEIGHT - BOTTOM, TOP)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if top / s <= 6)
    parts = [_y_tick(y.at(i * step), f"{100 * i * step:.0f} %")
             for i in range(math.floor(top * 1.05 / step) + 1)]
    parts += [_x_tick(x.at(ns), tick(ns)) for ns in decades(low, high)]
    parts.append(_titles("latency", "share of values"))
    for i, row in enumerate(rows.values()):
        inside = [(min(max(ns, low), high), share) for ns, share in row]
        closed = _path([(inside[0][0], 0.0), *inside, (inside[-1][0], 0.0)], x, y)
        parts.append(
            f'<path class="hill" data-series="{i}" d="{closed}Z" '
            f'style="stroke:var(--series-{i});fill:var(--series-{i})"/>'
        )
    names = [name.replace("_", " ") for name in rows]
    data = _readout(list(rows.values()), x, duration, lambda share: f"{100 * share:.2f} %")
    return _figure("Distribution of latencies", "".join(parts), names, data)
