"""The core-noise meter: its loop on a real core, its sources in a made-up /proc, its verdicts."""

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

from appliance.host import noise, noise_report, noise_show, noise_sources
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
    assert row["worst"][0]["cause"] == "preempted" and row["worst"][0]["ns"] > 500_000
    assert row["facts"]["run_delay_ns"] > 200_000_000
    assert any(task["thread"] == neighbour.pid for task in row["tasks"]), row["tasks"]
    assert "other threads ran here" in row["verdict"]


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
        "worst", "switches", "interrupts", "softirqs", "tasks", "facts", "absent", "clock",
        "verdict"}  # fmt: skip
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


# ---- the sources, in a made-up /proc -------------------------------------------------------------

INTERRUPTS = """\
            CPU0       CPU2
  8:          1          {a}  IO-APIC   8-edge      rtc0, other
 41:      19406          {b} PCI-MSIX-0000:00:04.0   1-edge      eth0-rx
 12:          0          7     GICv3  27 Level     arch_timer
LOC:    5129294    {c}   Local timer interrupts
ERR:          9
"""
SOFTIRQS = "                    CPU0       CPU2\n          HI:          0          {a}\n"
STAT = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu2 10 0 20 5 0 {irq} 0 {steal} 0 0\nintr 5\n"


def made_up(root: Path, **values: int) -> Host:
    """A host of cores 0 and 2, on which everything that can be counted is."""
    files = {
        "proc/interrupts": INTERRUPTS.format(**values),
        "proc/softirqs": SOFTIRQS.format(**values),
        "proc/stat": STAT.format(**values),
        "proc/thread-self/schedstat": f"5 {values['delay']} 3\n",
        "proc/thread-self/cgroup": "4:memory:/else\n3:cpu,cpuacct:/old\n0::/a/b\n",
        "sys/fs/cgroup/a/b/cpu.stat": f"usage_usec 5\nnr_throttled {values['a']}\n",
        "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq": f"{values['c']}\n",
        "sys/devices/system/cpu/cpu2/cpufreq/stats/total_trans": f"{values['b']}\n",
        "sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count": "4\n",
        "proc/77/task/78/stat": "78 (odd) (name) R " + " ".join(["0"] * 35) + " 2 0 0\n",
        "proc/77/task/78/schedstat": f"{values['c']} 0 {values['a']}\n",
        "proc/79/task/79/stat": "79 (elsewhere) R " + " ".join(["0"] * 35) + " 0 0 0\n",
        "proc/79/task/79/schedstat": f"{values['c']} 0 {values['a']}\n",
        "sys/kernel/tracing/available_tracers": "timerlat osnoise nop\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    msr = root / "dev/cpu/2/msr"
    msr.parent.mkdir(parents=True, exist_ok=True)
    msr.write_bytes(bytes(0x34) + values["a"].to_bytes(8, "little"))
    return Host(root)


def test_what_came_between_two_snapshots(tmp_path: Path) -> None:
    host = made_up(tmp_path, a=1, b=10, c=1000, irq=0, steal=3, delay=50)
    before, tasks = noise_sources.take(host, 2), noise_sources.tasks(host)
    made_up(tmp_path, a=3, b=15, c=1400, irq=1, steal=5, delay=90)
    after = noise_sources.take(host, 2)
    came = noise_sources.counted(before.interrupts, after.interrupts)
    assert [(s.name, s.what, s.count) for s in came] == [
        ("LOC", "Local timer interrupts", 400), ("irq 41", "eth0-rx", 5),
        ("irq 8", "rtc0, other", 2)]
    assert after.interrupts["irq 12"].what == "arch_timer"
    soft = noise_sources.counted(before.softirqs, after.softirqs)
    assert [(s.name, s.count) for s in soft] == [("HI", 2)]
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    assert noise_sources.facts(before, after) == {
        "run_delay_ns": 40, "irq_ms": tick_ms, "softirq_ms": 0, "steal_ms": 2 * tick_ms,
        "guest_ms": 0, "frequency_khz_before": 1000, "frequency_khz": 1400,
        "frequency_changes": 5, "thermal_throttles": 0, "quota_throttles": 2, "smi": 2}
    ran = noise_sources.ran_on(2, tasks, noise_sources.tasks(host))
    assert [(t.thread, t.name, t.slices, t.ran_ns) for t in ran] == [(78, "odd) (name", 2, 400)]
    assert after.absent == {} and noise_sources.tracer(host) is None


def test_what_is_not_here_says_why(tmp_path: Path) -> None:
    shot = noise_sources.take(Host(tmp_path), 2)
    assert not shot.interrupts and not shot.facts
    assert set(shot.absent) == {
        "interrupts", "softirqs", "run_delay_ns", "steal_ms", "frequency_khz",
        "frequency_changes", "thermal_throttles", "quota_throttles", "smi"}  # fmt: skip
    assert all(len(why) > 10 for why in shot.absent.values())
    assert "tracefs" in (noise_sources.tracer(Host(tmp_path)) or "")
    (tmp_path / "sys/kernel/tracing").mkdir(parents=True)
    (tmp_path / "sys/kernel/tracing/available_tracers").write_text("nop\n")
    assert "OSNOISE" in (noise_sources.tracer(Host(tmp_path)) or "")


def test_a_core_that_came_online_meanwhile_has_no_column() -> None:
    assert noise_sources.per_core(INTERRUPTS.format(a=1, b=2, c=3), 1) == {}
    assert noise_sources.per_core("", 0) == {}


def test_the_isolated_cores_are_the_default(tmp_path: Path) -> None:
    cpu = tmp_path / "sys/devices/system/cpu"
    cpu.mkdir(parents=True)
    (cpu / "online").write_text("0-3\n")
    (cpu / "isolated").write_text("2-3,9\n")
    assert noise_report.default_cores(Host(tmp_path)) == (2, 3)
    (cpu / "isolated").write_text("\n")
    assert noise_report.default_cores(Host(tmp_path)) == (CORE,)


# ---- the verdict ---------------------------------------------------------------------------------


def row(**changes: Any) -> dict[str, Any]:
    causes = {name: {"gaps": 0, "ns": 0} for name in noise.CAUSE_NAMES}
    causes |= changes.pop("causes", {})
    loc = {"name": "LOC", "what": "Local timer interrupts", "count": 900, "per_s": 250.0}
    return {
        "core": 2, "threshold_ns": 1000, "histogram": {"max": 5000}, "seconds": 4.0, "reads": 9,
        "noise_percent": 0.1, "gaps": sum(c["gaps"] for c in causes.values()), "causes": causes,
        "tasks": [], "isolated": False, "facts": {}, "interrupts": [loc]} | changes  # fmt: skip


OTHER = {"other": {"gaps": 800, "ns": 4_000_000}}
PREEMPTED = {"preempted": {"gaps": 8, "ns": 9_000_000}}
VERDICTS: list[tuple[dict[str, Any], str]] = [
    ({}, "core 2 is quiet: no gap of 1.00 us or more in 4.00 s, the longest 5.00 us"),
    ({"reads": 0}, "nothing was measured"),
    ({"causes": PREEMPTED, "tasks": [{"name": "cc1"}]}, "cc1 first: isolate the core"),
    ({"causes": PREEMPTED, "isolated": True}, "move them off this isolated core"),
    ({"causes": PREEMPTED, "facts": {"quota_throttles": 3}}, "quota 3 times: raise cpu.max"),
    ({"causes": {"slept": {"gaps": 1, "ns": 9}}}, "the meter itself was stopped"),
    ({"causes": {"faulted": {"gaps": 1, "ns": 9}}}, "page faults"),
    ({"causes": OTHER}, "LOC first (250/s): nohz_full=2 at boot stops the tick"),
    ({"causes": OTHER, "facts": {"steal_ms": 30}}, "the hypervisor ran others for 30 ms"),
    ({"causes": OTHER, "facts": {"smi": 2}}, "the firmware took the core 2 times"),
    ({"causes": {"other": {"gaps": 5000, "ns": 9}}}, "4,100 of them at least met no interrupt"),
    ({"causes": OTHER, "interrupts": [
        {"name": "irq 41", "what": "eth0-rx", "count": 700, "per_s": 9.0}]},
     "/proc/irq/41/smp_affinity_list"),
    ({"causes": OTHER, "interrupts": [
        {"name": "PMI", "what": "Performance", "count": 700, "per_s": 9.0}]}, "see Performance"),
]


@pytest.mark.parametrize(("changes", "words"), VERDICTS)
def test_the_verdict_names_the_leading_cause(changes: dict[str, Any], words: str) -> None:
    sentence = noise_report.verdict(row(**changes))
    assert words in sentence and "\n" not in sentence


def test_the_drawing_has_a_bar_for_every_step() -> None:
    histogram = Histogram()
    assert noise_show.drawing(histogram, 1000) == []
    for value, count in ((17, 1000), (150, 9), (2500, 1)):
        for _ in range(count):
            histogram.record(value)
    head, *lines = noise_show.drawing(histogram, 1000)
    assert [line.split("█")[0].split() for line in lines] == [
        ["10", "ns", "1,000"], ["20", "ns", "0"], ["50", "ns", "0"], ["100", "ns", "9"],
        ["200", "ns", "0"], ["500", "ns", "0"], ["1", "us", "0", "noise"], ["2", "us", "1"]]
    assert lines[-1].endswith("noise") and lines[3].count("█") == 14 and "logarithmic" in head
