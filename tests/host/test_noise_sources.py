"""Who interrupted a core: the meter's sources in a made-up /proc, its switches, its verdicts."""

from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from appliance.host import noise, noise_report, noise_show, noise_sources, noise_switches
from appliance.host.host import Host
from dpdk_bindings.env import Histogram, pin_to_core

CORE = max(os.sched_getaffinity(0))

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


# ---- the scheduler's switches --------------------------------------------------------------------


def switched(then: int, now: int, misc: int = 1 << 13) -> bytes:
    return struct.pack("=IHHIIIIQ", 15, misc, 32, then, then, 1, 1, now)


def test_slices_lie_between_switches() -> None:
    data = b"".join([
        switched(7, 100), switched(7, 101, misc=0), switched(5, 300),
        struct.pack("=IHHQQ", 2, 0, 24, 0, 3), switched(0, 350), switched(7, 400),
        struct.pack("=IHHII16s16x", 3, 0, 48, 5, 5, b"cc1"), switched(9, 500)[:20]])
    slices, names = noise_switches.parse(data)
    assert names == {5: "cc1"}
    assert [(s.thread, s.started_ns, s.ended_ns) for s in slices] == [
        (7, 100, 300), (5, 300, 350), (0, 350, 400)]
    ran = noise_switches.ran_within(slices, 250, 1000, own=5)
    assert [(r.thread, r.ran_ns, r.slices) for r in ran] == [(7, 50, 1)]
    assert noise_switches.parse(b"") == ([], {}) == noise_switches.parse(bytes(40))


def sleep_often() -> None:
    pin_to_core(CORE)
    for _ in range(200):
        time.sleep(0.0001)


def test_a_full_buffer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_switches, "DATA_BYTES", (4096,))  # 64 switches
    try:
        log = noise_switches.SwitchLog(CORE)
    except noise_switches.SwitchesAbsent as why:
        assert "only root" in str(why) or "this kernel" in str(why)
        return
    try:
        assert not log.read().full
        sleeper = threading.Thread(target=sleep_often)
        sleeper.start()
        sleeper.join(30)
        switches = log.read()
        assert switches.full and len(switches.slices) > 20
    finally:
        log.close()


@pytest.mark.parametrize(("number", "words"), [(1, "only root"), (38, "does not tell")])
def test_why_switches_are_not_told(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_switches.ctypes, "get_errno", lambda: number)
    with pytest.raises(noise_switches.SwitchesAbsent, match=words):
        noise_switches.SwitchLog(8000)
    monkeypatch.setattr(noise_switches.platform, "machine", lambda: "vax")
    with pytest.raises(noise_switches.SwitchesAbsent, match="vax"):
        noise_switches.SwitchLog(CORE)


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
