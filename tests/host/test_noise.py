"""The core-noise meter on a real core: its loop, what is done to it, and its verb."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from appliance.host import noise, noise_report
from appliance.host.cli_noise import noise as verb
from appliance.host.host import Host
from dpdk_bindings.env import Clock, Histogram, StopWord, pin_to_core
from dpdk_bindings.env.histogram import LOWEST

CORE = max(os.sched_getaffinity(0))
THRESHOLD_NS = 1000


def in_a_thread(work: Callable[[], Any]) -> Any:
    """Runs ``work`` pinned to CORE, so that the tests' own thread stays where it was."""
    results: list[Any] = []

    def run() -> None:
        pin_to_core(CORE)
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    return results[0]


def measured(seconds: float, worst: int = 10, stop: StopWord | None = None,
             histogram: Histogram | None = None) -> noise.Measured:
    histogram, stop, clock = histogram or Histogram(), stop or StopWord(), Clock()
    return in_a_thread(lambda: noise.measure(  # type: ignore[no-any-return]
        histogram.address, clock.address, stop.address, seconds, THRESHOLD_NS, worst))


# ---- the loop ------------------------------------------------------------------------------------


def test_every_read_is_in_the_histogram() -> None:
    histogram = Histogram()
    histogram.record(30_000_000_000)  # what an earlier run left
    got = measured(0.2, histogram=histogram)
    assert got["reads"] == histogram.total_count > 100_000
    assert histogram.max < 30_000_000_000
    # Every ns is in a gap or in the meter's own questions.
    assert int(histogram.to_json()["value_sum"]) + got["blind_ns"] == pytest.approx(
        got["elapsed_ns"], abs=1)
    assert got["elapsed_ns"] >= 200_000_000


def test_noise_is_the_gaps_of_the_threshold_and_more() -> None:
    histogram = Histogram()
    got = measured(0.3, noise.WORST_MAX, histogram=histogram)
    gaps, counts = sum(got["counts"].values()), histogram.counts()
    assert counts[np.flatnonzero(LOWEST >= THRESHOLD_NS)].sum() == gaps > 0  # 1,000 begins one
    assert sum(got["lost_ns"].values()) >= gaps * THRESHOLD_NS
    assert got["preempted"] >= got["counts"]["preempted"]


def test_the_worst_are_the_worst_and_in_order() -> None:
    histogram = Histogram()
    got = measured(0.5, 5, histogram=histogram)
    gaps = [ns for _, ns, _ in got["worst"]]
    assert gaps == sorted(gaps, reverse=True) and gaps[0] == histogram.max
    assert len(gaps) == min(5, sum(got["counts"].values()))
    assert all(0 <= at <= got["elapsed_ns"] for at, _, _ in got["worst"])
    # No more than five gaps may be as long as the shortest one kept.
    counts = histogram.counts()
    longer = counts[np.flatnonzero(gaps[-1] < LOWEST)].sum()
    assert longer <= 5


@pytest.mark.parametrize("worst", [0, noise.WORST_MAX + 1])
def test_the_table_has_its_bounds(worst: int) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        noise.measure(0, 0, 0, 1.0, THRESHOLD_NS, worst)


def test_a_set_stop_word_ends_it_at_once() -> None:
    stop = StopWord()
    stop.set(signal.SIGINT)
    assert measured(20.0, stop=stop)["elapsed_ns"] < 1_000_000_000


def burn(seconds: float, ready: Any) -> None:
    pin_to_core(CORE)
    ready.set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_neighbour_on_the_core_is_seen_and_named() -> None:
    """Another process burns the core meanwhile: gaps, preemptions, and whose they were."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    neighbour = context.Process(target=burn, args=(30.0, ready))
    settings = noise_report.Settings((CORE,), seconds=1.0)
    neighbour.start()
    try:
        assert ready.wait(10)
        figures, _ = noise_report.run(settings, Host(), StopWord())
    finally:
        neighbour.kill()
        neighbour.join()
    row = figures["cores"][0]
    assert row["causes"]["preempted"]["ns"] > 200_000_000
    assert row["switches"]["preempted"] > 10
    # No question that was itself interrupted is left out, but for one at the very end.
    assert row["blind_ns"] < row["gaps"] * (THRESHOLD_NS + 3000) + 50_000_000
    lost = row["causes"]["preempted"]["ns"]
    assert lost == pytest.approx(row["facts"]["run_delay_ns"], rel=0.2)
    assert row["worst"][0]["cause"] == "preempted" and row["worst"][0]["ns"] > 500_000
    assert row["facts"]["run_delay_ns"] > 200_000_000
    assert any(task["thread"] == neighbour.pid for task in row["tasks"]), row["tasks"]
    if row["tasks_exact"]:  # as root
        named = row["worst"][0]["threads"]
        assert sum(t["ran_ns"] for t in named) == pytest.approx(row["worst"][0]["ns"], rel=0.2)
        ran = {task["thread"]: task["ran_ns"] for task in row["tasks"]}
        assert sum(ran.values()) == pytest.approx(row["facts"]["run_delay_ns"], rel=0.2)
        assert row["causes"]["preempted"]["ns"] * 0.2 < ran[neighbour.pid or 0]
    assert "other threads ran here" in row["verdict"]


def test_a_program_that_came_and_went_has_a_name() -> None:
    """Seen where switches are told: it is in neither list of threads, before or after."""
    def start() -> None:
        pin_to_core(CORE)
        time.sleep(0.2)
        subprocess.run(["true"])

    thread = threading.Thread(target=start)
    thread.start()
    figures, _ = noise_report.run(noise_report.Settings((CORE,), seconds=0.5), Host(), StopWord())
    thread.join()
    row = figures["cores"][0]
    assert not row["tasks_exact"] or "true" in {task["name"] for task in row["tasks"]}


def started(*words: str) -> subprocess.Popen[str]:
    """`appliance noise` on CORE, once the thread that measures is pinned there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "noise", "--core", str(CORE), "--json", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    pinned = f"Cpus_allowed_list:\t{CORE}\n"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        others = Path(f"/proc/{process.pid}/task").glob("[0-9]*/status")
        if any(pinned in p.read_text() for p in others if p.parent.name != str(process.pid)):
            break
        time.sleep(0.02)
    time.sleep(0.2)
    return process


def test_a_stop_of_the_meter_is_a_gap() -> None:
    process = started("--seconds", "1.5")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.25)
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    worst = json.loads(out)["cores"][0]["worst"]
    stopped = [gap for gap in worst if gap["cause"] == "slept" and gap["ns"] > 240_000_000]
    assert stopped and 0 < stopped[0]["at_s"] < 1.5, worst


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_prints_what_was_measured(number: int) -> None:
    process = started("--seconds", "60")
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    figures = json.loads(out)
    assert figures["ended_early"] and 0 < figures["cores"][0]["seconds"] < 20
    assert figures["cores"][0]["reads"] > 1000


def test_without_any_right_it_measures_all_the_same() -> None:
    """As root the capabilities are dropped; others have none."""
    drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if not os.getuid() else []
    done = subprocess.run(
        [*drop, sys.executable, "-m", "appliance.cli", "noise", "--core", str(CORE), "--json",
         "--seconds", "0.2"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)["cores"]
    assert row["reads"] > 100_000 and row["interrupts"] and "run_delay_ns" in row["facts"]
    paranoid = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    if paranoid > 0:
        assert "only root" in row["absent"]["switches"] and not row["tasks_exact"]
        assert not any(gap["threads"] for gap in row["worst"])


# ---- the verb ------------------------------------------------------------------------------------


def invoke(*words: str) -> Any:
    return CliRunner().invoke(verb, list(words))


def test_the_json_and_the_limit() -> None:
    done = invoke("--core", str(CORE), "--seconds", "0.2", "--json", "--limit-us", "0.001")
    assert done.exit_code == 1
    figures = json.loads(done.stdout)
    assert set(figures) == {"cores", "ended_early", "limit_us", "exceeded"}
    assert figures["exceeded"] and not figures["ended_early"]
    (row,) = figures["cores"]
    assert set(row) == {
        "core", "isolated", "numa_node", "seconds", "reads", "step_ns", "blind_ns",
        "threshold_ns", "histogram", "gaps", "noise_ns_per_s", "noise_percent", "causes",
        "worst", "switches", "interrupts", "softirqs", "tasks", "tasks_exact", "facts", "absent",
        "clock", "verdict"}  # fmt: skip
    assert all(set(gap) == {"at_s", "ns", "cause", "threads"} for gap in row["worst"])
    assert list(row["histogram"]) == ["p50", "p90", "p99", "p99.9", "p99.99", "max"]
    marks = list(row["histogram"].values())
    assert marks == sorted(marks) and marks[0] == row["step_ns"]
    assert row["gaps"] == sum(cause["gaps"] for cause in row["causes"].values())
    assert 0 <= row["noise_percent"] <= 100
    assert invoke("--core", str(CORE), "--seconds", "0.1", "--limit-us", "6e7").exit_code == 0


def test_all_cores_at_once_and_for_people() -> None:
    cores = sorted(os.sched_getaffinity(0))
    done = invoke(*(word for core in cores for word in ("--core", str(core))), "--seconds", "0.2")
    assert done.exit_code == 0, done.output
    for core in cores:
        assert f"core {core}, NUMA node" in done.stdout and f"core {core} " in done.stdout
    assert "a step of the meter takes" in done.stdout and "█" in done.stdout


def test_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = invoke("--core", str(CORE), "--seconds", "0.1", "--plot", str(tmp_path / "noise.png"))
    assert done.exit_code == 0 and (tmp_path / "noise.png").read_bytes()[:4] == b"\x89PNG"


WRONG = {
    ("--core", "8000"): "there is no core 8000 on this host",
    ("--core", "1-x"): "not a list of cores",
    ("--core", ","): "names no core",
    ("--seconds", "0"): "--seconds 0 is out of range; give 0.01 to 86400",
    ("--seconds", "1e9"): "out of range",
    ("--seconds", "nan"): "out of range",
    ("--threshold-us", "0.1"): "--threshold-us 0.1 is out of range; give 0.5",
    ("--worst", "65"): "--worst 65 is out of range; give 1 to 64",
    ("--limit-us", "0"): "--limit-us 0 is out of range",
    ("--limit-us", "inf"): "out of range",
    ("--plot", "/no/such/folder/x.png"): "is not a folder",
    ("--plot", "/proc"): "cannot be written",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_input_is_one_sentence(words: tuple[str, ...]) -> None:
    done = invoke("--seconds", "0.1", *words)
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and WRONG[words] in done.stderr


def test_a_core_that_is_offline(tmp_path: Path) -> None:
    cpu = tmp_path / "sys/devices/system/cpu"
    (cpu / "cpu3").mkdir(parents=True)
    (cpu / "online").write_text("0-2\n")
    done = invoke("--core", "3", "--root", str(tmp_path))
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "core 3 is offline; choose from 0-2" in done.stderr


def test_a_core_outside_the_cpuset(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.sched_setaffinity

    def refuse(thread: int, cores: set[int]) -> None:
        if set(cores) == {CORE}:
            raise OSError(22, "Invalid argument")
        real(thread, cores)

    before = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    done = invoke("--core", str(CORE))
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert f"core {CORE} is not allowed for this process" in done.stderr
    assert os.sched_getaffinity(0) == before


def test_a_clock_too_slow_for_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_report, "THRESHOLD_US_MIN", 0.001)
    done = invoke("--core", str(CORE), "--seconds", "0.1", "--threshold-us", "0.002")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1
    assert "reading the clock takes" in done.stderr
