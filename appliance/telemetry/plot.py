"""The latency plot as a picture, by matplotlib (the extra ``tickpath[report]``)."""

from __future__ import annotations

from pathlib import Path

from appliance.telemetry.series import decades, log_range, nines_ticks, percentile_curve
from appliance.telemetry.units import duration, tick
from dpdk_bindings.env import Histogram

# Okabe and Ito's colours, which people with any colour vision tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, FAINT, GRID = "#1f2933", "#66788a", "#dde3e9"


def write_plot(histograms: dict[str, Histogram], title: str, subtitle: str, path: Path) -> None:
    """Latency over percentile with the tail stretched; ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [(name, h, percentile_curve(h)) for name, h in histograms.items() if h.total_count]
    figure = Figure(figsize=(11, 6.2), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.085, 0.115, 0.885, 0.565))
    figure.text(0.03, 0.950, title, fontsize=16, fontweight="bold", color=INK, va="center")
    figure.text(0.03, 0.900, subtitle, fontsize=10, color=FAINT, va="center")
    if rows:
        _draw(axes, rows)
        _table(figure, rows)
    else:
        axes.text(0.5, 0.5, "nothing was measured", ha="center", color=FAINT, fontsize=13)
        axes.set_axis_off()
    figure.savefig(path, format="png", metadata={"Software": "tickpath"})


def _draw(axes: object, rows: list[tuple[str, Histogram, list[tuple[float, float]]]]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    end = max(1.0, *(row[-1][0] for _, _, row in rows))
    low, high = log_range([value for _, _, row in rows for _, value in row])
    for i, (_, _, row) in enumerate(rows):
        colour = COLOURS[i % len(COLOURS)]
        nines, values = zip(*row, strict=True)
        axes.plot(nines, values, color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot(nines[-1], values[-1], "o", color=colour, markersize=5.5, clip_on=False)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_xlim(0.0, end)
    ticks = list(nines_ticks(end))
    axes.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
    axes.set_yticks(decades(low, high), [tick(v) for v in decades(low, high)])
    axes.set_xlabel("percentile (each step to the right is ten times rarer)", color=FAINT)
    axes.set_ylabel("latency", color=FAINT)
    axes.grid(True, which="major", color=GRID, linewidth=0.9)
    axes.grid(True, which="minor", axis="y", color=GRID, linewidth=0.4, alpha=0.6)
    axes.tick_params(which="both", length=0, pad=7, colors=INK, labelsize=9.5)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _table(figure: object, rows: list[tuple[str, Histogram, list[tuple[float, float]]]]) -> None:
    """The legend, as a table of the figures that people quote."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    assert isinstance(figure, Figure)
    columns = ("count", "p50", "p90", "p99", "p99.9", "max")
    places = [0.40 + 0.114 * i for i in range(len(columns))]
    top, step = 0.843, 0.031
    for column, x in zip(columns, places, strict=True):
        figure.text(x, top, column, fontsize=9, color=FAINT, ha="right", va="center")
    for i, (name, histogram, _) in enumerate(rows):
        y = top - step * (i + 1)
        summary = histogram.summary()
        figure.add_artist(Line2D([0.032, 0.058], [y, y], color=COLOURS[i % len(COLOURS)],
                                 linewidth=3, solid_capstyle="round"))
        figure.text(0.068, y, name.replace("_", " "), fontsize=10, color=INK, va="center")
        shown = [f"{summary['count']:,}", *(duration(summary[c]) for c in columns[1:])]
        for text, x in zip(shown, places, strict=True):
            figure.text(x, y, text, fontsize=10, color=INK, ha="right", va="center")
