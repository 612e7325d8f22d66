"""The measures of growth, of a whole day, of single messages and of bursts, at small sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.config import from_text
from appliance.files import file_engine
from bench import burst, kernels_book, scale
from bench.book import PIO_BURST_MAX, mapped
from bench.settings import Settings
from bench.workload import counts_of, day_file, day_of
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 60_000


def bench(out: Path, *words: str) -> dict[str, dict[str, Any]]:
    """The rows of one round over a small day, by name."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words, "--rounds", "1", "--messages", str(MESSAGES),
         "--symbols", "50", "--out", str(out), "--json"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert not result["failed"]
    return {row["name"]: row for row in result["rows"]}


def test_the_cost_is_told_by_size(tmp_path: Path) -> None:
    rows = bench(tmp_path, "scale")
    for series, sizes in (("symbols", [100, 300, 1000, 3000]),
                          ("live orders", [60, 600, 6000, 60_000])):
        points = [row for row in rows.values() if row.get("series") == series]
        assert [point["size"] for point in points] == sizes
        values = [point["median"] for point in points]
        growth = max(values) / min(values)
        assert rows[f"scale: growth over {series}"]["median"] == pytest.approx(growth)


def test_a_size_that_needs_larger_tables_gets_them() -> None:
    small, large = scale.Size(1, 1000, 1), scale.Size(1, 10_000_000, 1)
    default = from_text("", "defaults").tables
    assert small.config().tables == default
    assert large.config().tables.orders >= 2 * large.live_orders


def test_counts_that_are_not_the_generators_are_no_figure() -> None:
    scale.check({"messages": 5}, {"messages": 5, "live_orders": 1}, {"book_levels_full": 0})
    with pytest.raises(SystemExit, match="messages 5, the generator's 6"):
        scale.check({"messages": 5}, {"messages": 6}, {})
    with pytest.raises(SystemExit, match="book_levels_full 2"):
        scale.check({}, {}, {"book_levels_full": 2})


def test_a_day_is_generated_once_and_its_counts_kept(tmp_path: Path) -> None:
    day = day_of(tmp_path, 20_000, 10, 500)
    written = day.stat().st_mtime_ns
    assert day_of(tmp_path, 20_000, 10, 500).stat().st_mtime_ns == written
    counts = counts_of(day)
    assert counts["messages"] == 20_000 and counts["live_orders_peak"] >= counts["live_orders"]


def test_a_day_in_pieces_is_the_same_day(tmp_path: Path) -> None:
    data, clock = mapped(day_file(Settings(20_000, 10, tmp_path))), Clock()
    digests = []
    for limit in (1 << 62, 7000):
        name = f"memory:pieces-{os.getpid()},slots={PIO_BURST_MAX}"
        with (file_engine(from_text("", "defaults")) as (engine, state),
              open_queue(name) as sender, open_queue(name) as receiver):
            at = 0
            while at < len(data):
                at += kernels_book.through_queue(
                    engine, data[at:], sender.address, receiver.address, clock.address,
                    state.counter("feed_messages") + 1, limit)[2]
            assert state.counter("feed_messages") == 20_000
            digests.append(engine.digests())
    assert digests[0] == digests[1]


def test_a_whole_day_streams(tmp_path: Path) -> None:
    rows = bench(tmp_path, "day")
    assert rows["day: messages"]["median"] == 27 * MESSAGES
    assert 0 < rows["day: live orders at the peak, of the window"]["median"] < 100
    assert not list(tmp_path.glob("*.itch"))


def test_messages_one_at_a_time(tmp_path: Path) -> None:
    """Their counts are held against the oracle's by the bench itself."""
    rows = bench(tmp_path, "book")
    for temperature in ("cold", "warm"):
        shown = [rows[f"apply: one at a time, {temperature} {p}"] for p in ("p50", "p99", "max")]
        values = [row["median"] for row in shown]
        assert 0 < values[0] <= values[1] <= values[2]
        assert shown[0]["curve"]
    assert rows["apply: the clock's own cost, taken off"]["median"] > 0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="sender and loop need a core each")
def test_bursts_lose_nothing(tmp_path: Path) -> None:
    rows = bench(tmp_path, "burst")
    assert rows["burst: lost, of all"]["median"] == 0
    assert rows["burst: behind at its end, p50"]["median"] > 0


def test_the_arithmetic_of_a_burst() -> None:
    """31,000 messages in 1 ms at 50 ns each: 550 us are left; at 20 ns each, the last datagram."""
    one = burst.Burst(messages=31_000, datagrams=620, sending=1_000_000, behind=600_000)
    told = {row.name: row.value for row in burst.rows(50.0, [one], [one], 0)}
    assert told["burst: behind at its end, by the arithmetic"] == 550
    assert told["burst: behind at its end, p50"] == 600
    assert told["burst: rate"] == pytest.approx(31)
    late = burst.Burst(messages=31_000, datagrams=620, sending=2_000_000, behind=5_000_000)
    mixed = {row.name: row.value for row in burst.rows(50.0, [one, late], [one], 0)}
    assert mixed.pop("burst: sent in time") == 50
    assert mixed.items() < told.items()
    assert told["burst: lost, of all"] == 0
    told = {row.name: row.value for row in burst.rows(20.0, [one], [one], 3)}
    assert told["burst: lost, of all"] == 3
    assert told["burst: behind at its end, by the arithmetic"] == 1


def test_all_is_everything_but_the_day() -> None:
    from bench.measures import MEASURES

    assert [name for name, measure in MEASURES.items() if measure.long] == ["day"]
