"""The core-noise meter around its loop: which cores, one pinned thread for each, what came of it.

Noise is what osnoise calls noise: gaps of at least the threshold between two reads of the clock,
counted whole. All cores are measured at the same time; while their loops run nothing else in this
process does, because what a sibling thread does to the memory map interrupts them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from appliance.errors import RunError
from appliance.host import noise, noise_sources
from appliance.host.cpus import format_list, parse_list
from appliance.host.host import CPU, Host
from appliance.host.noise_switches import (
    Ran,
    Switches,
    SwitchesAbsent,
    SwitchLog,
    ran_within,
)
from appliance.telemetry.units import duration
from dpdk_bindings.env import Clock, Histogram, StopWord, core_facts, pin_to_core

SECONDS_MIN, SECONDS_MAX = 0.01, 86_400.0
# Below, the meter's own question to the kernel would cost more than what it asks about; a second
# is more than any watchdog lets pass.
THRESHOLD_US_MIN, THRESHOLD_US_MAX = 0.5, 1e6
PROBE_S = 0.002  # how long a look at the meter's own step takes
PERCENTS = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "p99.99": 99.99}
# How long a thread waits for the others to come to the start, or to the end, beyond the run.
MEET_S = 10.0


@dataclass(frozen=True)
class Settings:
    """What to measure and what counts; :func:`checked` has looked at it."""

    cores: tuple[int, ...]
    seconds: float = 5.0
    threshold_us: float = 1.0
    worst: int = 10


class _Core:
    """One core's thread: it pins itself, waits for the others, measures, and looks back."""

    def __init__(self, core: int, settings: Settings, host: Host, clock: Clock, stop: StopWord,
                 meet: threading.Barrier) -> None:
        self.core = core
        self.histogram = Histogram()
        self.measured: noise.Measured | None = None
        self.error: Exception | None = None
        self.native = 0
        self._settings, self._host, self._clock = settings, host, clock
        self._stop, self._meet = stop, meet
        self.thread = threading.Thread(target=self._run, name=f"noise-{core}", daemon=True)

    def _run(self) -> None:
        try:
            self.native = threading.get_native_id()
            pin_to_core(self.core)
            self._refuse_a_slow_clock()
            self.before = noise_sources.take(self._host, self.core)
            self._meet.wait(MEET_S)
            self.measured = self._measure(self._settings.seconds)
            self._meet.wait(MEET_S)
            self.after = noise_sources.take(self._host, self.core)
        except Exception as error:  # told by whoever joins this thread
            self.error = error
            self._meet.abort()

    def _measure(self, seconds: float) -> noise.Measured:
        return noise.measure(self.histogram.address, self._clock.address, self._stop.address,
                             seconds, round(self._settings.threshold_us * 1000),
                             self._settings.worst)

    def _refuse_a_slow_clock(self) -> None:
        self._measure(PROBE_S)
        step_ns = self.histogram.percentile(50.0)
        if step_ns * 2 > self._settings.threshold_us * 1000:
            raise RunError(f"reading the clock takes {step_ns} ns on core {self.core}, too close "
                           f"to a threshold of {self._settings.threshold_us:g} us; give "
                           f"--threshold-us {step_ns * 4 / 1000:g} or more")


def default_cores(host: Host) -> tuple[int, ...]:
    """The isolated cores that are online, for those are to be quiet; else our last one."""
    isolated = host.cores("isolated") & host.cores("online")
    return tuple(sorted(isolated)) or (max(os.sched_getaffinity(0)),)


def checked(lists: Sequence[str], seconds: float, threshold_us: float, worst: int,
            host: Host) -> Settings:
    """The settings; raises RunError or ValueError, one sentence, when they cannot be met."""
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        raise RunError(f"--seconds {seconds:g} is out of range; give {SECONDS_MIN:g} to "
                       f"{SECONDS_MAX:g}")
    if not THRESHOLD_US_MIN <= threshold_us <= THRESHOLD_US_MAX:
        raise RunError(f"--threshold-us {threshold_us:g} is out of range; give "
                       f"{THRESHOLD_US_MIN:g} to {THRESHOLD_US_MAX:g}")
    if not 1 <= worst <= noise.WORST_MAX:
        raise RunError(f"--worst {worst} is out of range; give 1 to {noise.WORST_MAX}")
    cores = sorted(frozenset[int]().union(*map(parse_list, lists)))
    if lists and not cores:
        raise RunError("--core names no core; write numbers and ranges, as in 1-3,5")
    cores = cores or list(default_cores(host))
    online = host.cores("online")
    for core in cores:
        core_facts(core, host.path("/sys"))  # raises when there is none
        if core not in online:
            raise RunError(f"core {core} is offline; choose from {format_list(online)}, or as root "
                           f"`echo 1 > {CPU}/cpu{core}/online`")
    _may_use(cores)
    return Settings(tuple(cores), seconds, threshold_us, worst)


def _may_use(cores: Sequence[int]) -> None:
    """Asks the kernel for each core, and goes back to where we were.

    Not being in the affinity is no obstacle: isolated cores never are, and are there to be asked
    for. What the cpuset leaves out, the kernel refuses.
    """
    former = os.sched_getaffinity(0)
    try:
        for core in cores:
            pin_to_core(core)
    finally:
        os.sched_setaffinity(0, former)


class _Names:
    """What threads are called, and our clock in the scheduler's: for reading its switches."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host, self._clock = host, clock
        self.before, self._first = noise_sources.tasks(host), self._pair()

    def finish(self) -> None:
        self.after, self._last = noise_sources.tasks(self._host), self._pair()

    def _pair(self) -> tuple[int, int]:
        return self._clock.now(), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)

    def raw(self, ns: int) -> int:
        """A time of our clock on CLOCK_MONOTONIC_RAW, by the pairs before and after the run."""
        (ours, raws), (ours_last, raws_last) = self._first, self._last
        return raws + (ns - ours) * (raws_last - raws) // max(1, ours_last - ours)

    def rows(self, ran: list[Ran], switches: Switches) -> list[dict[str, Any]]:
        return [{"thread": r.thread, "name": self._name(r.thread, switches), "slices": r.slices,
                 "ran_ns": r.ran_ns} for r in ran]

    def _name(self, thread: int, switches: Switches) -> str:
        task = self.after.get(thread) or self.before.get(thread)
        return task.name if task else switches.names.get(thread, "one that is gone")


def run(settings: Settings, host: Host, stop: StopWord) -> tuple[dict[str, Any], list[Histogram]]:
    """Measures until the time is over or the stop word set; the figures, and a histogram a core."""
    clock = Clock()
    meet = threading.Barrier(len(settings.cores))
    workers = [_Core(core, settings, host, clock, stop, meet) for core in settings.cores]
    names, no_tracer = _Names(host, clock), noise_sources.tracer(host)
    logs = {core: _switch_log(core, host) for core in settings.cores}
    try:
        for worker in workers:
            worker.thread.start()
        for worker in workers:
            worker.thread.join()
        _raise_first(workers)
        names.finish()
        rows = []
        for worker in workers:
            row = _figures(worker, settings, host)
            row["clock"] = clock.source
            if no_tracer is not None:
                row["absent"]["osnoise"] = no_tracer
            _name_threads(row, worker, names, logs[worker.core])
            row["verdict"] = verdict(row)
            rows.append(row)
    finally:
        for log in logs.values():
            if isinstance(log, SwitchLog):
                log.close()
    return {"cores": rows, "ended_early": stop.value != 0}, [w.histogram for w in workers]


def _raise_first(workers: list[_Core]) -> None:
    errors = [worker.error for worker in workers if worker.error is not None]
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    if errors:
        raise RunError("the cores did not start within "
                       f"{MEET_S:g} s of each other; measure fewer of them at a time")


def _switch_log(core: int, host: Host) -> SwitchLog | str:
    """The log, or why there is none."""
    try:
        if not host.real:
            raise SwitchesAbsent("switches are told of the machine itself alone")
        return SwitchLog(core)
    except SwitchesAbsent as why:
        return str(why)


def _name_threads(row: dict[str, Any], worker: _Core, names: _Names,
                  log: SwitchLog | str) -> None:
    """Who ran here: by the switches where they are told, else by where threads were last seen."""
    got = worker.measured
    assert got is not None
    switches = Switches()
    if isinstance(log, str):
        row["absent"]["switches"] = log
        row["tasks"] = names.rows(
            [Ran(task.thread, task.ran_ns, task.slices)
             for task in noise_sources.ran_on(worker.core, names.before, names.after)], switches)
    else:
        switches = log.read()
        started = names.raw(got["started_ns"])
        row["tasks"] = names.rows(ran_within(switches.slices, started,
                                             started + got["elapsed_ns"], worker.native),
                                  switches)
        if switches.full:
            row["absent"]["switches"] = "there were more of them than the buffer holds"
    row["tasks_exact"] = "switches" not in row["absent"]
    for gap in row["worst"]:
        started = names.raw(got["started_ns"] + gap.pop("at_ns"))
        gap["threads"] = names.rows(ran_within(switches.slices, started, started + gap["ns"],
                                               worker.native), switches)


def _figures(worker: _Core, settings: Settings, host: Host) -> dict[str, Any]:
    got, before, after = worker.measured, worker.before, worker.after
    assert got is not None
    seconds = got["elapsed_ns"] / 1e9
    lost_ns = sum(got["lost_ns"].values())
    facts = core_facts(worker.core, host.path("/sys"))
    marks = worker.histogram.percentiles(list(PERCENTS.values()))
    return {
        "core": worker.core, "isolated": facts.isolated, "numa_node": facts.numa_node,
        "seconds": seconds, "reads": got["reads"], "step_ns": marks[0],
        "blind_ns": got["blind_ns"], "threshold_ns": round(settings.threshold_us * 1000),
        "histogram": dict(zip(PERCENTS, marks, strict=True)) | {"max": worker.histogram.max},
        "gaps": sum(got["counts"].values()),
        "noise_ns_per_s": lost_ns / seconds if seconds else 0.0,
        "noise_percent": lost_ns / got["elapsed_ns"] * 100 if got["elapsed_ns"] else 0.0,
        "causes": {name: {"gaps": got["counts"][name], "ns": got["lost_ns"][name]}
                   for name in noise.CAUSE_NAMES},
        "worst": [{"at_s": at / 1e9, "at_ns": at, "ns": ns, "cause": cause}
                  for at, ns, cause in got["worst"]],
        "switches": {"preempted": got["preempted"], "slept": got["slept"],
                     "faults": got["faults"]},
        "interrupts": _rows(before.interrupts, after.interrupts, seconds),
        "softirqs": _rows(before.softirqs, after.softirqs, seconds),
        "facts": noise_sources.facts(before, after),
        "absent": {**before.absent, **after.absent},
    }


def _rows(before: dict[str, noise_sources.Counted], after: dict[str, noise_sources.Counted],
          seconds: float) -> list[dict[str, Any]]:
    return [{"name": s.name, "what": s.what, "count": s.count,
             "per_s": s.count / seconds if seconds else 0.0}
            for s in noise_sources.counted(before, after)]


# ---- what it comes to ----------------------------------------------------------------------------


def verdict(row: dict[str, Any]) -> str:
    """One sentence: how quiet, what took most, what helps."""
    core, threshold = row["core"], duration(row["threshold_ns"])
    longest, time = duration(row["histogram"]["max"]), duration(row["seconds"] * 1e9)
    if not row["reads"]:
        return f"core {core}: nothing was measured"
    if not row["gaps"]:
        return (f"core {core} is quiet: no gap of {threshold} or more in {time}, the longest "
                f"{longest}")
    leading = max(row["causes"], key=lambda name: row["causes"][name]["ns"])
    told = {"preempted": _preempted, "slept": _slept, "faulted": _faulted, "other": _other}
    return (f"core {core} lost {row['noise_percent']:.3g} % of {time} to {row['gaps']:,} gaps of "
            f"{threshold} or more, the longest {longest}; {told[leading](row)}")


def _preempted(row: dict[str, Any]) -> str:
    core, tasks = row["core"], row["tasks"]
    if row["facts"].get("quota_throttles"):
        return (f"its control group ran out of its quota {row['facts']['quota_throttles']} times: "
                f"raise cpu.max")
    whom = f", {tasks[0]['name']} first" if tasks else ""
    if row["isolated"]:
        return f"most of it while other threads ran here{whom}: move them off this isolated core"
    return (f"most of it while other threads ran here{whom}: isolate the core (isolcpus={core} at "
            f"boot, or a cpuset partition)")


def _slept(_: dict[str, Any]) -> str:
    return "most of it while the meter itself was stopped: measure again, without a debugger"


def _faulted(_: dict[str, Any]) -> str:
    return ("most of it in page faults of the meter, as NUMA balancing and the compaction of huge "
            "pages cause: turn them off")


def _other(row: dict[str, Any]) -> str:
    """Interrupts, and what lies below the kernel: counters tell which of the two."""
    core, other = row["core"], row["causes"]["other"]
    steal_ms = row["facts"].get("steal_ms", 0)
    interrupts = sum(source["count"] for source in row["interrupts"])
    if steal_ms * 1e6 * 2 > other["ns"]:
        return (f"the hypervisor ran others for {steal_ms} ms meanwhile: give this machine cores "
                f"of its own")
    if row["facts"].get("smi"):
        return (f"the firmware took the core {row['facts']['smi']} times (SMI): look for its "
                f"settings of power and health monitoring")
    if other["gaps"] > 2 * interrupts:
        return (f"{other['gaps'] - interrupts:,} of them at least met no interrupt: the hypervisor "
                f"or the firmware takes the core")
    if not row["interrupts"]:
        return "the kernel does not tell what interrupted it"
    top = row["interrupts"][0]
    return f"most of it in interrupts, {top['name']} first ({top['per_s']:,.0f}/s): " + (
        {
            "LOC": f"nohz_full={core} at boot stops the tick",
            "RES": "keep threads from being woken on this core: isolate it",
            "CAL": "keep processes that share memory with this core's off it, and isolate it",
            "TLB": "let no other thread of this core's process change its memory map",
        }.get(top["name"], f"move them off with /proc/irq/{top['name'].removeprefix('irq ')}"
              f"/smp_affinity_list" if top["name"].startswith("irq ") else
              f"see {top['what'] or top['name']} in the kernel's documents"))
