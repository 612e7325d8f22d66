"""What each station of a tick costs: recorded when asked for, and only then."""

from __future__ import annotations

import gc
import subprocess
from pathlib import Path

import pytest

from appliance.telemetry.registry import LATENCIES, TIMERS
from bench import loop
from bench.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
STATIONS = [timer.name for timer in TIMERS if timer.station]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setattr(loop, "MESSAGES", 20_000)
    return Settings(20_000, 100, tmp_path)


def test_every_station_is_recorded_when_asked_for(small: Settings) -> None:
    with loop._tile(stations=True) as (tile, state, theirs):
        assert loop._day(tile, theirs, small) > 100
        counts = {name: state.histogram(name).total_count for name in STATIONS}
        ticks = state.histogram("tick_to_trade").total_count
        assert state.timers() == TIMERS
    assert all(counts.values()), counts
    # A frame each, whose only message is applied; an order passes each station once.
    for name in ("receive", "record", "net", "mold", "book", "release"):
        assert counts[f"station_{name}"] == 20_000
    assert counts["station_ouch"] == ticks <= counts["station_risk"]
    assert counts["station_frame"] == counts["station_send"] <= ticks


def test_stations_outlive_the_tile(small: Settings) -> None:
    """The engine has a clock of its own to time them by."""
    with loop._tile(stations=True) as (tile, state, _):
        engine = tile.engine
        del tile
        gc.collect()
        engine.step([(0, bytes(60))], 1)
        assert state.histogram("station_net").max < 10**12
        assert state.histogram("station_net").total_count == 1


def test_nothing_is_recorded_unless_asked_for(small: Settings) -> None:
    with loop._tile(stations=False) as (tile, state, theirs):
        loop._day(tile, theirs, small)
        assert state.timers() == LATENCIES
        assert state.histogram("tick_to_trade").total_count


def test_it_can_be_compiled_out(tmp_path: Path) -> None:
    """-DTICKPATH_NO_STATIONS leaves no call, no test and no clock."""
    source = tmp_path / "one.c"
    source.write_text('#include "stations.h"\n'
                      "void one(struct stations *s) { station_begin(s); station_mark(s, 0); }\n")
    listing = {}
    for flag in ("-UTICKPATH_NO_STATIONS", "-DTICKPATH_NO_STATIONS"):
        command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", flag, "-S", "-o", "-",
                   f"-I{ROOT / 'appliance/csrc'}", f"-I{ROOT / 'dpdk_bindings/csrc'}", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        body = done.stdout.partition("one:")[2].partition(".cfi_endproc")[0]
        words = [line.split()[0] for line in body.splitlines() if line.startswith("\t")
                 and line.strip()]
        listing[flag[1]] = [word for word in words if not word.startswith(".")]
    assert len(listing["U"]) > 10
    assert listing["D"] in (["ret"], ["endbr64", "ret"])


def test_the_benchmark_of_the_loop(small: Settings) -> None:
    rows = {row.name: row.value for row in loop.alone(small)}
    name = "tick to trade, the loop alone"
    assert 0 < rows[f"{name} p50"] <= rows[f"{name} max"]
    assert 0 < rows["empty poll, a queue"] < 10_000
    assert {row.name for row in loop.stations(small)} == {
        f"station {name.removeprefix('station_')} {p}" for name in STATIONS for p in ("p50", "p99")}
