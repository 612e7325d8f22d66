"""Who may have interrupted a core: the kernel's own counters, before and after.

Everything is read below the host's root, needs no right that an ordinary user lacks, and says why
where it is not here. The counters tell how often, not when: a gap has its own cause beside it (see
``noise.pyx``), and these name the suspects.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from appliance.host.host import CPU, Host

INTERRUPTS_BYTES_MAX = 1 << 24  # 8,192 cores and 180 lines of ten digits each
TASKS_MAX = 20_000  # threads looked at; a scan of so many takes a second
MSR_SMI_COUNT = 0x34  # Intel SDM vol. 4, table 2-2: MSR_SMI_COUNT, bits 31:0
# The line of a device's interrupt: chip, its number and trigger, and then who asked for it.
ACTION = re.compile(r"(?:\d+-(?:edge|level|fasteoi)|\d+\s+(?:Edge|Level))\s+(\S.*)$")
FREQUENCY = "frequency_khz"  # the one fact that is no counter
# Columns of a cpu line of /proc/stat, in ticks of USER_HZ; the others count this loop, too.
STAT_COLUMNS = {"irq_ms": 5, "softirq_ms": 6, "steal_ms": 7, "guest_ms": 8}
TRACING = "/sys/kernel/tracing"


@dataclass(frozen=True)
class Counted:
    """One source of interruptions and how often it came."""

    name: str
    what: str
    count: int


@dataclass
class Snapshot:
    """The counters of one core at one moment; ``absent`` has why one is missing."""

    interrupts: dict[str, Counted] = field(default_factory=dict)
    softirqs: dict[str, Counted] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """A thread as the scheduler counted it."""

    thread: int
    name: str
    core: int  # where it ran last
    ran_ns: int
    slices: int


def take(host: Host, core: int) -> Snapshot:
    """The counters of ``core``, read by the thread that measures it."""
    shot = Snapshot()
    for name, table in (("interrupts", shot.interrupts), ("softirqs", shot.softirqs)):
        try:
            with open(host.path(f"/proc/{name}"), "rb") as file:
                text = file.read(INTERRUPTS_BYTES_MAX).decode("utf-8", "replace")
        except OSError:
            text = ""
        table.update(per_core(text, core))
        if not table:
            shot.absent[name] = host.why_not(f"/proc/{name}")
    _schedule(host, shot)
    _stat(host, core, shot)
    _throttling(host, core, shot)
    _smi(host, core, shot)
    return shot


def per_core(text: str, core: int) -> dict[str, Counted]:
    """The column of ``core`` of a table like /proc/interrupts, whose header names the cores."""
    lines = text.splitlines()
    header = lines[0].split() if lines else []
    if f"CPU{core}" not in header:
        return {}
    column, width = header.index(f"CPU{core}"), len(header)
    found = {}
    for line in lines[1:]:
        name, _, rest = line.partition(":")
        words = rest.split(None, width)
        if len(words) < width or not all(word.isdigit() for word in words[:width]):
            continue  # ERR and MIS are counts of the whole machine
        what = " ".join(words[width].split()) if len(words) > width else ""
        action = ACTION.search(what)
        key = f"irq {name.strip()}" if name.strip().isdigit() else name.strip()
        found[key] = Counted(key, action[1] if action else what, int(words[column]))
    return found


def _schedule(host: Host, shot: Snapshot) -> None:
    name = "/proc/thread-self/schedstat"
    words = (host.read(name) or "").split()
    if len(words) == 3 and words[1].isdigit():
        shot.facts["run_delay_ns"] = int(words[1])
    else:
        shot.absent["run_delay_ns"] = host.why_not(name)


def _stat(host: Host, core: int, shot: Snapshot) -> None:
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    for line in (host.read("/proc/stat") or "").splitlines():
        words = line.split()
        if words and words[0] == f"cpu{core}":
            for name, column in STAT_COLUMNS.items():
                if column + 1 < len(words):
                    shot.facts[name] = int(words[column + 1]) * tick_ms
    if "steal_ms" not in shot.facts:
        shot.absent["steal_ms"] = host.why_not("/proc/stat")


def _throttling(host: Host, core: int, shot: Snapshot) -> None:
    """Frequency, temperature and the control group's quota."""
    for fact, name in (
        (FREQUENCY, f"{CPU}/cpu{core}/cpufreq/scaling_cur_freq"),
        ("frequency_changes", f"{CPU}/cpu{core}/cpufreq/stats/total_trans"),
        ("thermal_throttles", f"{CPU}/cpu{core}/thermal_throttle/core_throttle_count"),
    ):
        value = host.number(name)
        if value is None:
            shot.absent[fact] = host.why_not(name)
        else:
            shot.facts[fact] = value
    for name in _quota_files(host):
        found = re.search(r"^nr_throttled (\d+)$", host.read(name) or "", re.M)
        if found:
            shot.facts["quota_throttles"] = int(found[1])
            return
    shot.absent["quota_throttles"] = "no control group with a quota holds this process"


def _quota_files(host: Host) -> list[str]:
    """Where the cpu.stat of our control group may be, cgroup v2 first."""
    names: list[str] = []
    for line in (host.read("/proc/thread-self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        path = path.rstrip("/")
        if number == "0":
            names = [f"/sys/fs/cgroup{path}/cpu.stat", f"/sys/fs/cgroup/unified{path}/cpu.stat",
                     *names]
        elif "cpu" in controllers.split(","):
            names += [f"/sys/fs/cgroup/{folder}{path}/cpu.stat" for folder in (controllers, "cpu")]
    return names


def _smi(host: Host, core: int, shot: Snapshot) -> None:
    """System management interrupts, which the kernel never sees; Intel counts them."""
    name = f"/dev/cpu/{core}/msr"
    try:
        handle = os.open(host.path(name), os.O_RDONLY)
    except FileNotFoundError:
        shot.absent["smi"] = f"there is no {name}; `modprobe msr` as root, on Intel, makes it"
        return
    except OSError as error:
        shot.absent["smi"] = f"{name} may not be read ({error.strerror}); it takes root"
        return
    try:
        shot.facts["smi"] = int.from_bytes(os.pread(handle, 8, MSR_SMI_COUNT)[:4], "little")
    except OSError as error:
        shot.absent["smi"] = f"this processor does not count them ({error.strerror})"
    finally:
        os.close(handle)


def tracer(host: Host) -> str | None:
    """None where the kernel's osnoise tracer could be used; else why not."""
    name = f"{TRACING}/available_tracers"
    text = host.read(name)
    if text is None:
        why = host.why_not(name)
        return f"{why}; as root, `mount -t tracefs tracefs {TRACING}` if this kernel traces"
    if "osnoise" not in text.split():
        return "this kernel is built without CONFIG_OSNOISE_TRACER"
    return None


def tasks(host: Host) -> dict[int, Task]:
    """Every thread that can be seen but our own, TASKS_MAX at most."""
    found: dict[int, Task] = {}
    own = str(os.getpid())
    try:
        processes = [e.name for e in os.scandir(host.path("/proc")) if e.name.isdigit()]
    except OSError:
        return found
    for process in processes:
        if process == own:
            continue
        try:
            threads = [e.name for e in os.scandir(host.path(f"/proc/{process}/task"))]
        except OSError:
            continue  # it ended, or is hidden from us
        for thread in threads:
            if len(found) >= TASKS_MAX:
                return found
            task = _task(host, f"/proc/{process}/task/{thread}")
            if task is not None:
                found[task.thread] = task
    return found


def _task(host: Host, folder: str) -> Task | None:
    stat, schedule = host.read(f"{folder}/stat"), host.read(f"{folder}/schedstat")
    if not stat or not schedule:
        return None
    # The name stands in brackets and may hold anything, brackets too (proc_pid_stat(5)).
    name, _, rest = stat.partition("(")[2].rpartition(")")
    words, counts = rest.split(), schedule.split()
    if len(words) < 37 or len(counts) < 3:
        return None
    return Task(int(stat.split()[0]), name, int(words[36]), int(counts[0]), int(counts[2]))


def ran_on(core: int, before: dict[int, Task], after: dict[int, Task]) -> list[Task]:
    """Threads that ran meanwhile and whose last core is this one, the busiest first.

    A thread that also ran elsewhere is counted whole: the kernel keeps no figure per core.
    """
    ran = []
    for thread, task in after.items():
        was = before.get(thread)
        slices = task.slices - (was.slices if was else 0)
        if task.core == core and slices > 0:
            ran_ns = max(0, task.ran_ns - (was.ran_ns if was else 0))
            ran.append(Task(thread, task.name, core, ran_ns, slices))
    return sorted(ran, key=lambda task: (-task.ran_ns, -task.slices))


def counted(before: dict[str, Counted], after: dict[str, Counted]) -> list[Counted]:
    """Those that came meanwhile, most often first."""
    came = []
    for name, now in after.items():
        count = now.count - (before[name].count if name in before else 0)
        if count > 0:
            came.append(Counted(name, now.what, count))
    return sorted(came, key=lambda source: -source.count)


def facts(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """What the counters grew by; the frequency as it was at both ends."""
    grown = {name: max(0, value - before.facts.get(name, value))
             for name, value in after.facts.items() if name != FREQUENCY}
    if FREQUENCY in before.facts and FREQUENCY in after.facts:
        grown[f"{FREQUENCY}_before"] = before.facts[FREQUENCY]
        grown[FREQUENCY] = after.facts[FREQUENCY]
    return grown
