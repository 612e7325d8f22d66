"""The pictures beside the JSON: latency over a log tail, cost over size. By matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appliance.telemetry.plot import COLOURS, FAINT, GRID, INK
from appliance.telemetry.series import decades, log_range, nines_ticks
from appliance.telemetry.units import tick
from bench.rows import QUANTILES

FORMATS = ("png", "svg")
# A histogram's quantiles past 1 - 1/count are all its maximum; six nines is where ours end.
NINES = [-math.log10(1.0 - q) for q in QUANTILES]


def write_plots(result: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """The pictures that a result has rows for; ImportError without matplotlib."""
    rows = [row for row in result["rows"] if "refused" not in row]
    curves = [row for row in rows if row.get("curve")]
    series: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("series"):
            series.setdefault(row["series"], []).append(row)
    paths = []
    if curves:
        paths += _write(folder / f"{stem}-latency", result, lambda axes: _latency(axes, curves))
    if series:
        paths += _write(folder / f"{stem}-size", result, lambda axes: _size(axes, series))
    return paths


def _write(path: Path, result: dict[str, Any], draw: Any) -> list[Path]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw(axes)
    about = result["about"]
    axes.set_title(f"{about['cpu']}, {about['rounds']} rounds", color=FAINT, fontsize=10)
    axes.grid(True, which="major", color=GRID)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    paths = [path.with_name(f"{path.name}.{kind}") for kind in FORMATS]
    for target in paths:
        figure.savefig(target)
    return paths


def _latency(axes: Any, rows: Sequence[dict[str, Any]]) -> None:
    for number, row in enumerate(rows):
        name = row["name"].removesuffix(" p50")
        axes.plot(NINES, row["curve"], label=name, color=COLOURS[number % len(COLOURS)])
    low, high = log_range([max(1.0, value) for row in rows for value in row["curve"]])
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks(decades(low, high), [tick(value) for value in decades(low, high)])
    ticks = list(nines_ticks(NINES[-1]))
    axes.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
    axes.set_xlabel("percentile (each step to the right is ten times rarer)", color=FAINT)
    axes.set_ylabel("latency, median of the rounds", color=FAINT)


def _size(axes: Any, series: dict[str, list[dict[str, Any]]]) -> None:
    for number, (name, rows) in enumerate(series.items()):
        rows = sorted(rows, key=lambda row: float(row["size"]))
        colour = COLOURS[number % len(COLOURS)]
        sizes = [row["size"] for row in rows]
        axes.plot(sizes, [row["median"] for row in rows], "o-", label=name, color=colour)
        axes.fill_between(sizes, [row["min"] for row in rows], [row["max"] for row in rows],
                          color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("size", color=FAINT)
    axes.set_ylabel(next(iter(series.values()))[0]["unit"], color=FAINT)
