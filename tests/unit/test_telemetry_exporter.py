"""The exporter as Prometheus sees it: scraped over loopback while engines come and go."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance.generate import metrics_text
from appliance.state import Kill, Layout, State
from appliance.telemetry.exporter import HEARTBEAT_MAX_S, REQUEST_TIMEOUT_S, EngineCollector
from appliance.telemetry.registry import BUCKETS_NS, COUNTER_INDEX, METRICS, TIMERS

WAIT_S = 20
_numbers = itertools.count()
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def engine(name: str) -> State:
    state = State.create(name, Layout(16, 16, 4096))
    state.header["start_ns"] = state.header["heartbeat_ns"] = time.time_ns()
    state.header["strategy"], state.header["engine_pid"] = b"quote", 42
    state.header["queue_feed_a"], state.header["queue_orders"] = b"afxdp zerocopy", b"memory shared"
    return state


def start(name: str, port: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.telemetry.exporter", name, "--port", str(port)],
        stderr=subprocess.PIPE, text=True,
    )


@pytest.fixture
def name() -> str:
    return f"test-exporter-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def exporter(name: str) -> Iterator[str]:
    """Its URL."""
    process = start(name)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("exporter: http://127.0.0.1:")
    yield line.split()[1]
    process.terminate()
    assert process.wait(WAIT_S) == 0
    process.stderr.close()


def scrape(url: str) -> tuple[Samples, dict[str, str]]:
    """Every sample, and every family's help, as a Prometheus server parses them."""
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        text = answer.read().decode()
    samples: Samples = {}
    helps: dict[str, str] = {}
    for family in text_string_to_metric_families(text):
        helps[family.name] = family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples
            samples[key] = sample.value
    return samples, helps


def test_every_word_is_there_with_its_labels_and_help(name: str, exporter: str) -> None:
    state = engine(name)
    try:
        for index in range(len(METRICS)):
            state.counters[index] = index + 1
        samples, helps = scrape(exporter)
        for index, metric in enumerate(METRICS):
            key = (f"tickpath_{metric.family}", tuple(sorted(metric.labels.items())))
            assert samples[key] == index + 1
            assert helps[f"tickpath_{metric.family.removesuffix('_total')}"]
        assert samples["tickpath_up", ()] == 1
        assert 0 <= samples["tickpath_heartbeat_age_seconds", ()] < 5
        # R5: the backend and mode really obtained.
        labels = (("backend", "afxdp"), ("mode", "zerocopy"), ("role", "feed_a"))
        assert samples["tickpath_queue_info", labels] == 1
        assert samples["tickpath_kill_info", (("reason", ""), ("word", "armed"))] == 1
        state.kill(Kill.OPERATOR, 'he said "stop"\n')
        samples, _ = scrape(exporter)
        labels = (("reason", 'he said "stop"\n'), ("word", "operator"))
        assert samples["tickpath_kill_info", labels] == 1
    finally:
        state.close()


def test_histograms_have_cumulative_buckets(name: str, exporter: str) -> None:
    state = engine(name)
    try:
        values = [90, 100, 101, 450, 600, 600, 1_000_000, 20_000_000_000]
        for value in values:
            state.histogram("tick_to_trade").record(value)
        samples, _ = scrape(exporter)
        for bound in BUCKETS_NS:
            key = ("tickpath_tick_to_trade_ns_bucket", (("le", str(float(bound))),))
            found = samples.get(key, samples.get((key[0], (("le", str(bound)),))))
            # A counter is as wide as a thousandth of its value, so a bound may just miss one.
            assert found is not None
            assert sum(v * 1.001 <= bound for v in values) <= found <= sum(
                v <= bound for v in values
            )
        assert samples["tickpath_tick_to_trade_ns_bucket", (("le", "+Inf"),)] == len(values)
        assert samples["tickpath_tick_to_trade_ns_count", ()] == len(values)
        assert samples["tickpath_tick_to_trade_ns_sum", ()] == pytest.approx(sum(values))
        state.histogram("station_net").record(20)
        more, _ = scrape(exporter)
        for timer in TIMERS:
            count = (f"tickpath_{timer.name}_ns_count", ())
            assert (count in samples) is not timer.station, "a station shows once it is recorded"
            assert (count in more) is (not timer.station or timer.name == "station_net")
    finally:
        state.close()


def test_it_outlives_the_engine_and_meets_the_next(name: str, exporter: str) -> None:
    assert scrape(exporter)[0] == {("tickpath_up", ()): 0}
    for turn in (1, 2):
        state = engine(name)
        state.counters[COUNTER_INDEX["feed_messages"]] = turn
        samples, _ = scrape(exporter)
        assert samples["tickpath_up", ()] == 1
        assert samples["tickpath_feed_messages_total", ()] == turn
        state.header["heartbeat_ns"] = time.time_ns() - 60_000_000_000
        samples, _ = scrape(exporter)
        assert samples["tickpath_up", ()] == 0, "a loop that hangs is not up"
        assert samples["tickpath_heartbeat_age_seconds", ()] >= 60
        state.close()
        assert scrape(exporter)[0] == {("tickpath_up", ()): 0}


def test_a_scrape_leaves_the_segment_as_it_was(name: str) -> None:
    state = engine(name)
    try:
        before = bytes(state.segment.buffer())
        assert len(list(EngineCollector(name).collect())) > 40
        assert bytes(state.segment.buffer()) == before
    finally:
        state.close()
    assert not Path(f"/dev/shm/tickpath.{name}").exists()


def up(collector: EngineCollector) -> float:
    return next(metric.samples[0].value for metric in collector.collect()
                if metric.name == "tickpath_up")


def test_a_step_of_the_clock_takes_no_engine_down_and_brings_no_dead_one_up(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, real_time_ns = time.monotonic(), time.time_ns
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    for step_s in (-3600, 3600):
        collector, state = EngineCollector(name), engine(name)
        try:
            assert up(collector) == 1
            wall_ns = time.time_ns() + step_s * 10**9
            monkeypatch.setattr(time, "time_ns", partial(int, wall_ns))
            for _ in range(3):
                now_s += HEARTBEAT_MAX_S * 2
                state.header["heartbeat_ns"] += 10**10
                assert up(collector) == up(collector) == 1
            now_s += HEARTBEAT_MAX_S
            assert up(collector) == 0, "it moves no more"
            state.header["heartbeat_ns"] = wall_ns
            assert up(EngineCollector(name)) == 1
        finally:
            monkeypatch.setattr(time, "time_ns", real_time_ns)
            state.close()


def test_who_asks_nothing_is_hung_up_on(name: str, exporter: str) -> None:
    port = int(exporter.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(REQUEST_TIMEOUT_S + WAIT_S)
        assert silent.recv(1) == b""
    assert scrape(exporter)[0]["tickpath_up", ()] == 0


def test_a_name_that_no_engine_can_have_is_refused() -> None:
    for bad in ("", "../../etc", "a b"):
        process = start(bad)
        _, complaint = process.communicate(timeout=WAIT_S)
        assert process.returncode == 2 and "the name has letters, digits" in complaint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second(name: str, number: signal.Signals) -> None:
    process = start(name)
    assert process.stderr is not None
    process.stderr.readline()
    began = time.monotonic()
    process.send_signal(number)
    _, rest = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0 and rest == ""
    assert time.monotonic() - began < 1.0


def test_a_busy_port_is_one_sentence(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(name, taken.getsockname()[1])
        _, complaint = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2
    assert "is in use; stop who has it, or choose another port" in complaint
    assert complaint.count("\n") == 1
    process = start(name, 70_000)
    _, complaint = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2 and "no port" in complaint


def test_the_reference_page_names_them_all() -> None:
    page = metrics_text()
    assert (Path(__file__).parents[2] / "docs/metrics.md").read_text() == page
    for metric in METRICS:
        assert f"`{metric.family}`" in page
