"""The report of a run: a latency plot (PNG) and one HTML file that needs nothing else.

``write_report(result, histograms, out)`` takes what ``appliance run --result`` writes. Keys it
knows get a place of their own; any other becomes a table as well, so a caller may add what it
likes. The page's charts are inline SVG; only the PNG wants matplotlib (``tickpath[report]``).
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from appliance.telemetry.charts import distribution_chart, percentile_chart
from appliance.telemetry.registry import METRICS, TIMERS
from appliance.telemetry.report_page import SCRIPT, STYLE
from appliance.telemetry.units import duration
from dpdk_bindings.env import Histogram

PLOT, PAGE = "latency.png", "report.html"
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
_METRICS = {metric.name: metric for metric in METRICS}
_TIMERS = {timer.name: timer for timer in TIMERS}
# Sections that have a place of their own, or are spread over several.
_PLACED = {
    "seconds", "messages", "messages_per_s", "packets", "packets_per_s", "orders", "drops",
    "latency", "checks", "host", "counters", "config",
}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: Any) -> str:
    """A value as text: thousands set apart, yes and no, lists in a row."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value) or "-"
    return str(value)


def _flat(rows: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested tables as one, the names joined."""
    for name, value in rows.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _row(cells: list[tuple[str, str]], tag: str = "td") -> str:
    inside = "".join(
        f'<{tag} class="{kind}">{text}</{tag}>' if kind else f"<{tag}>{text}</{tag}>"
        for kind, text in cells
    )
    return f"<tr>{inside}</tr>"


def _table(head: list[tuple[str, str]], rows: Iterable[list[tuple[str, str]]]) -> str:
    top = _row(head, "th") if any(text for _, text in head) else ""
    return f'<div class="scroll"><table>{top}{"".join(_row(row) for row in rows)}</table></div>'


def _pairs(rows: Mapping[str, Any]) -> str:
    return _table([], [
        [("", escape(_words(name))),
         ("n" if isinstance(value, int | float) else "text", escape(_shown(value)))]
        for name, value in _flat(rows)
    ])


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _folded(title: str, body: str) -> str:
    return f"<section><details><summary>{escape(title)}</summary>{body}</details></section>"


# ---- the parts -----------------------------------------------------------------------------------


def _verdict(result: Mapping[str, Any]) -> str:
    checks = result.get("checks") or []
    if not checks:
        return ""
    failed = [row["name"] for row in checks if not row["ok"]]
    if failed:
        named = escape(", ".join(failed))
        return f'<p class="verdict bad">{len(failed)} of {len(checks)} checks failed: {named}</p>'
    return f'<p class="verdict good">all {len(checks)} checks hold</p>'


def _tiles(result: Mapping[str, Any]) -> str:
    latency, orders = result.get("latency", {}), result.get("orders", {})
    tiles: list[tuple[str, str, str]] = []
    if "messages_per_s" in result:
        tiles.append((_shown(result["messages_per_s"]), "messages a second", ""))
    for name in ("tick_to_trade", "feed_to_ack"):
        if latency.get(name, {}).get("count"):
            tiles.append((duration(latency[name]["p50"]), f"{_words(name)}, p50", ""))
            tiles.append((duration(latency[name]["p99"]), f"{_words(name)}, p99", ""))
    sent = sum(orders.get(key, 0) for key in ("new", "replace", "cancel"))
    tiles.append((_shown(sent), "orders sent", ""))
    if "filled" in orders:
        tiles.append((_shown(orders["filled"]), "orders filled", ""))
    if "unanswered" in orders:
        bad = "bad" if orders["unanswered"] else ""
        tiles.append((_shown(orders["unanswered"]), "unanswered orders", bad))
    drops = sum(result.get("drops", {}).values())
    tiles.append((_shown(drops), "drops and refusals", "warn" if drops else ""))
    if "packets_per_s" in result:
        tiles.append((_shown(result["packets_per_s"]), "packets a second", ""))
    inside = "".join(
        f'<div class="tile"><b class="{kind}">{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, kind in tiles
    )
    return f'<div class="tiles">{inside}</div>'


def _checks(result: Mapping[str, Any]) -> str:
    rows = [
        [("good" if row["ok"] else "bad", "&#10003;" if row["ok"] else "&#10007;"),
         ("", escape(row["name"])), ("word", escape(row.get("detail", "")))]
        for row in result.get("checks") or []
    ]
    return _table([], rows) if rows else ""


def _latency(result: Mapping[str, Any]) -> str:
    rows = []
    for name, row in result.get("latency", {}).items():
        known = _TIMERS.get(name)
        help_text = f"<small>{escape(known.help)}</small>" if known else ""
        values = [duration(row[p]) if row.get("count") else "-" for p in PERCENTILES]
        rows.append([("", escape(_words(name)) + help_text), ("n", f"{row.get('count', 0):,}"),
                     *(("n", value) for value in values)])
    heads = [("", ""), ("n", "count"), *(("n", p) for p in PERCENTILES)]
    return _table(heads, rows) if rows else ""


def _counter_help(name: str) -> str:
    metric = _METRICS.get(name)
    if metric is None:
        return ""
    first = next(m.help for m in METRICS if m.family == metric.family and m.help)
    return f"<small>{escape(first)}</small>"


def _drops(result: Mapping[str, Any]) -> str:
    drops = sorted(result.get("drops", {}).items(), key=lambda row: -row[1])
    if not drops:
        return '<p class="faint">None: nothing was dropped, refused or lost.</p>'
    return _table([], [
        [("", escape(_words(name)) + _counter_help(name)), ("n", _shown(count))]
        for name, count in drops
    ])


def host_facts() -> dict[str, Any]:
    """What a reader of figures wants to know of the machine that made them."""
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _others(result: Mapping[str, Any]) -> str:
    """Every section without a place of its own; single values together."""
    single = {k: v for k, v in result.items()
              if k not in _PLACED and not isinstance(v, Mapping | list)}
    parts = [_section("The run", _pairs({"seconds": result.get("seconds"),
                                         "messages": result.get("messages"),
                                         "packets": result.get("packets"), **single}))]
    for name, value in result.items():
        if name in _PLACED or not value:
            continue
        if isinstance(value, Mapping):
            parts.append(_section(_words(name).capitalize(), _pairs(value)))
        elif isinstance(value, list):
            parts.append(_section(_words(name).capitalize(),
                                  f"<p>{escape(_shown(value))}</p>"))
    return "".join(parts)


def _subtitle(result: Mapping[str, Any]) -> str:
    facts = [time.strftime("%Y-%m-%d %H:%M %Z")]
    if result.get("strategy"):
        facts.append(f"strategy {result['strategy']}")
    if "messages" in result:
        facts.append(f"{result['messages']:,} messages in {_shown(result.get('seconds'))} s")
    modes = dict.fromkeys(mode for mode in result.get("backend", {}).values() if mode)
    if modes:
        facts.append("over " + ", ".join(str(mode) for mode in modes))
    return ", ".join(facts)


def page(result: Mapping[str, Any], histograms: dict[str, Histogram]) -> str:
    """The whole HTML file."""
    host = result.get("host") or host_facts()
    curve, hills = percentile_chart(histograms), distribution_chart(histograms)
    parts = [
        f"<h1>tickpath run report</h1><p class=\"sub\">{escape(_subtitle(result))}</p>",
        _verdict(result),
        _tiles(result),
        _section("Latency by percentile", curve),
        _section("Latency in figures", _latency(result)),
        _section("Distribution of latencies", hills),
        _section("Checks", _checks(result)),
        '<div class="columns">',
        _section("Orders", _pairs(result.get("orders", {}))),
        _section("Drops and refusals, by name", _drops(result)),
        _others(result),
        _section("Environment", _pairs(host)),
        "</div>",
        _folded("Configuration", _pairs(result["config"])) if result.get("config") else "",
        _folded("Every counter", _table([], [
            [("", escape(_words(name)) + _counter_help(name)), ("n", _shown(value))]
            for name, value in result["counters"].items()
        ])) if result.get("counters") else "",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>tickpath run report</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main><script>{SCRIPT}</script></body></html>\n"
    )


def write_report(
    result: Mapping[str, Any], histograms: dict[str, Histogram], out: Path
) -> list[Path]:
    """Writes PAGE, and PLOT where matplotlib is installed, into the folder ``out``; their paths.

    Raises OSError when the folder cannot be made or written.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / PAGE]
    written[0].write_text(page(result, histograms), encoding="utf-8")
    try:
        from appliance.telemetry.plot import write_plot

        write_plot(histograms, "tickpath: latency by percentile", _subtitle(result), out / PLOT)
        written.append(out / PLOT)
    except ImportError:
        print("report: no latency plot, because matplotlib is not installed; "
              "pip install 'tickpath[report]' brings it", file=sys.stderr)
    return written
