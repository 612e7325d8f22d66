"""The live view over a segment that nobody runs: rates, symbols, kill, and plain lines."""

from __future__ import annotations

import io
import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from appliance.state import Kill, Layout, State
from appliance.telemetry import live
from appliance.telemetry.live import LiveView
from appliance.telemetry.registry import COUNTER_INDEX
from appliance.telemetry.units import duration, price
from dpdk_bindings.env import Histogram

_numbers = itertools.count()


@pytest.fixture
def state() -> Iterator[State]:
    state = State.create(f"test-live-{os.getpid()}-{next(_numbers)}", Layout(64, 16, 4096))
    state.header["name"] = b"box"
    state.header["queue_feed_a"] = b"memory shared"
    state.header["heartbeat_ns"] = time.time_ns()
    yield state
    state.close()


class Watch:
    """time.monotonic that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return time.time_ns()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(live, "time", watch)
    return watch


def add(state: State, **counts: int) -> None:
    for name, count in counts.items():
        state.counters[COUNTER_INDEX[name]] += count


def plain() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=80), out


def screen(view: LiveView, console: Console) -> str:
    with console.capture() as captured:
        console.print(view.render())
    return captured.get()


def test_one_line_a_second(state: State, watch: Watch) -> None:
    console, out = plain()
    with LiveView(state, console) as view:
        for _ in range(8):
            watch.now += 0.25
            add(state, feed_messages=1_000, sent_new=2, answer_accepted=1, mold_drop_block=1)
            state.histogram("tick_to_trade").record(500)
            view.tick()
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "4,000 messages/s, orders 8, answers 4, fills 0, refused 0, drops 4" in lines[0]
    assert "orders 16" in lines[1] and "tick to trade p50 500 ns p99 500 ns; armed" in lines[1]


def test_a_screen_shows_rates_latencies_symbols_and_queues(state: State, watch: Watch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=130, height=40)
    state.tops[7]["stock"], state.tops[7]["changes"] = b"QUIET   ", 1
    row: Any = state.tops[9]
    row["stock"], row["changes"] = b"BUSY    ", 50
    row["bid_price"], row["bid_shares"] = 1_234_500, 300
    with LiveView(state, console) as view:
        watch.now += 1.0
        add(state, feed_messages=12_345, feed_state=1)
        state.histogram("feed_to_ack").record(4_200)
        view.tick()
        shown = screen(view, Console(file=io.StringIO(), width=130, height=40))
    assert "12,345" in shown and "feed live" in shown and "feed a memory shared" in shown
    assert "4.20 us" in shown
    assert shown.index("BUSY") < shown.index("QUIET") and "123.45" in shown
    console_out = console.file
    assert isinstance(console_out, io.StringIO) and "12,345" in console_out.getvalue()


@pytest.mark.parametrize("width", [80, 110])
def test_the_screen_fits_a_terminal(state: State, watch: Watch, width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=24)
    for i in range(20):
        state.tops[i]["stock"], state.tops[i]["changes"] = b"SYM", 1 + i
    with LiveView(state, console) as view:
        watch.now += 1.0
        add(state, feed_messages=10**9, sent_new=10**8)
        for ns in (999_000_000, 123_000):
            state.histogram("tick_to_trade").record(ns)
        view.tick()
        other = Console(file=io.StringIO(), force_terminal=True, width=width, height=24)
        lines = Text.from_ansi(screen(view, other)).plain.splitlines()
    assert len(lines) < 24 and max(map(len, lines)) <= width
    assert any("tick to trade" in line and "999 ms" in line for line in lines), "no row is cut"


def test_trouble_is_said(state: State, watch: Watch) -> None:
    console, _ = plain()
    with LiveView(state, console) as view:
        state.kill(Kill.JOURNAL_FULL, "")
        state.header["heartbeat_ns"] = time.time_ns() - 9_000_000_000
        watch.now += 1.0
        view.tick()
        assert "halted: journal full; no heartbeat for 9.0 s" in view.line()
        assert "halted: journal full" in screen(view, console)
        state.header["kill"] = 77  # a reason this build does not know
        assert "halted: 77" in view.line()


def test_a_symbol_that_is_always_being_written_is_left_out(state: State, watch: Watch) -> None:
    console, _ = plain()
    state.tops[3]["stock"], state.tops[3]["changes"], state.tops[3]["sequence"] = b"ODD", 4, 1
    with LiveView(state, console) as view:
        assert "ODD" not in screen(view, Console(file=io.StringIO(), width=120, height=50))


def test_a_histogram_since_an_earlier_copy() -> None:
    histogram = Histogram()
    for value in (10, 5_000_000):
        histogram.record(value)
    earlier = histogram.copy()
    assert histogram.since(earlier).summary()["count"] == 0
    for value in (700, 800, 90_000):
        histogram.record(value)
    later = histogram.since(earlier)
    assert (later.total_count, later.percentile(50.0)) == (3, 800)
    assert 90_000 <= later.max < 90_100 and later.mean == pytest.approx(91_500 / 3)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1000, "1.00 us"),
        (9_999, "10.0 us"),
        (12_345, "12.3 us"),
        (999_600, "1.00 ms"),
        (123_456_789, "123 ms"),
        (61e9, "61.0 s"),
    ],
)
def test_durations(ns: float, text: str) -> None:
    assert duration(ns) == text


def test_prices() -> None:
    assert (price(1_234_500), price(99), price(123_456_789)) == ("123.45", "0.0099", "12,345.6789")
