"""The report: complete, self-contained, right in its figures, and whole without matplotlib."""

from __future__ import annotations

import builtins
import itertools
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from appliance.telemetry.charts import distribution_chart, percentile_chart
from appliance.telemetry.registry import METRICS, TIMERS
from appliance.telemetry.report import write_report
from appliance.telemetry.series import (
    distribution,
    log_range,
    nines_ticks,
    percentile_curve,
)
from dpdk_bindings.env import Histogram

VOID = {"meta", "br", "line", "path"}


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def histograms() -> dict[str, Histogram]:
    return {t.name: filled([100 * (i + 1) + j for j in range(1000)]) for i, t in enumerate(TIMERS)}


def result() -> dict[str, Any]:
    return {
        "seconds": 2.5,
        "messages": 1_234_567,
        "messages_per_s": 493_827,
        "packets": 99,
        "packets_per_s": 40,
        "orders": {"new": 10, "replace": 2, "cancel": 0, "unanswered": 3},
        "drops": {"mold_drop_block": 7, "risk_collar": 1},
        "latency": {name: h.summary() for name, h in histograms().items()},
        "venue": {"messages": 5, "orders": {"accepted": 321}},
        "checks": [
            {"name": "books", "ok": True, "detail": "1000 compared"},
            {"name": "answers", "ok": False, "detail": "3 <missing> & lost"},
        ],
        "backend": {"feed_a": "memory shared", "feed_b": ""},
        "host": {"cpu": "A <fast> one"},
        "config": {"engine": {"name": "box"}},
        "counters": {metric.name: 1 for metric in METRICS},
        "strategy": "quote",
        "something_new": {"that": "nobody foresaw"},
    }


class Page(HTMLParser):
    """Checks that tags close, and collects what a browser would fetch and show."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += data + "\n"


def test_the_page_needs_nothing_else_and_says_everything(tmp_path: Path) -> None:
    written = write_report(result(), histograms(), tmp_path / "new" / "folder")
    assert [path.name for path in written] == ["report.html", "latency.png"]
    source = written[0].read_text()
    page = Page()
    page.feed(source)
    assert not page.open and not page.fetched
    assert "http" not in source.lower() and "@import" not in source and "url(" not in source
    for text in ("493,827", "1 of 2 checks failed: answers", "3 <missing> & lost", "A <fast> one",
                 "mold drop block", "venue".capitalize(), "321", "nobody foresaw", "engine.name",
                 "unanswered orders", "Frame received to the order it caused"):
        assert text in page.text, text
    assert len(source) < 300_000
    for script in page.scripts[:2]:
        data = json.loads(script)
        assert len(data["series"]) == len(TIMERS)
        for row in data["series"]:
            assert row == sorted(row, key=lambda point: point[0]) and len(row) > 5


def test_the_plot_is_a_picture_of_a_good_size(tmp_path: Path) -> None:
    plot = write_report(result(), histograms(), tmp_path)[1].read_bytes()
    assert plot[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = int.from_bytes(plot[16:20], "big"), int.from_bytes(plot[20:24], "big")
    assert width >= 1200 and height >= 700


def test_nothing_measured_and_nothing_known_is_a_report_too(tmp_path: Path) -> None:
    for figures in ({}, {"latency": {"tick_to_trade": {"count": 0}}, "checks": []}):
        paths = write_report(figures, {"tick_to_trade": Histogram()}, tmp_path)
        page = Page()
        page.feed(paths[0].read_text())
        assert "nothing was dropped" in page.text
        assert len(paths) == 2


def test_without_matplotlib_the_page_stands_and_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    paths = write_report(result(), histograms(), tmp_path)
    assert [path.name for path in paths] == ["report.html"]
    assert "<svg" in paths[0].read_text()
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1 and "tickpath[report]" in complaint


def test_the_curve_is_the_histograms_percentiles() -> None:
    histogram = filled([*range(1, 10_000), 5_000_000])
    curve = percentile_curve(histogram)
    assert curve[0] == (0.0, 1.0) and curve[-1] == (4.0, float(histogram.max))
    for nines, value in curve[:-1]:
        assert value == histogram.percentile(100.0 * (1.0 - 10.0**-nines))
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(curve))
    assert percentile_curve(Histogram()) == [] and percentile_curve(filled([7])) == [(0.0, 7.0)]


def test_shares_sum_to_one_and_lie_where_the_values_do() -> None:
    rows = distribution(filled([100] * 3 + [10_000]))
    assert math.isclose(sum(share for _, share in rows), 1.0)
    high = {ns: share for ns, share in rows if share}
    assert sorted(high.values()) == [0.25, 0.75]
    for ns, value in zip(sorted(high), (100, 10_000), strict=True):
        assert abs(math.log10(ns / value)) <= 1 / 20
    assert rows[0][1] == rows[-1][1] == 0.0


def test_ticks_and_ranges() -> None:
    assert [label for _, label in nines_ticks(4.0)] == [
        "0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"
    ]
    assert log_range([480.0, 35_000.0]) == (100.0, 100_000.0)
    assert log_range([100.0]) == (100.0, 1000.0) and log_range([]) == (100.0, 1000.0)


@pytest.mark.parametrize("values", [[0], [1], [0, 0, 5], [10**9] * 3, [68_719_476_735, 1]])
def test_charts_of_odd_histograms_have_sound_coordinates(values: list[int]) -> None:
    for chart in (percentile_chart, distribution_chart):
        drawing = chart({"tick_to_trade": filled(values)})
        assert "nan" not in drawing and "inf" not in drawing
        numbers = [float(n) for path in re.findall(r' d="M([^"]*)"', drawing)
                   for n in re.findall(r"-?[\d.]+", path)]
        assert numbers and all(0 <= n <= 920 for n in numbers)
