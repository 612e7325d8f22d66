"""What interrupts the loops' cores, as far as the kernel counts it: since boot, and now.

Now is a third of a second while doctor looks: enough to tell a core that is quiet today from one
that never was. What is only in the past warns. For how long each takes there is ``appliance
noise``. Source: Linux Documentation/filesystems/proc.rst, 1.2; admin-guide/
kernel-per-CPU-kthreads.rst.
"""

from __future__ import annotations

from appliance.host.case import Case
from appliance.host.check import Finding, Unknown, absent, bad, check, ok, warn

# A mean rate that only a core with ordinary work has: an isolated one has less than one a second.
RATE_MAX = 10.0
INTERRUPTS, SOFTIRQS = "/proc/interrupts", "/proc/softirqs"
ISOLATE = "appliance tune plan --only isolation (a kernel parameter and a reboot)"


def _rate(case: Case, core: int, path: str, *names: str) -> Finding:
    """How often the rows of these names came to a core."""
    since_boot = _sum(case.per_core(path, core), names)
    mean = since_boot / case.uptime_s
    said = f"{since_boot:,} since boot, {mean:.2f}/s"
    try:
        seconds, first, second = case.window
    except Unknown:
        return bad(said) if mean > RATE_MAX else ok(said)
    count = _sum(case.per_core(path, core, second[path]), names) - _sum(
        case.per_core(path, core, first[path]), names)
    now = count / seconds
    said += f", {now:.0f}/s now"
    if now > RATE_MAX:
        return bad(said)
    return warn(said) if mean > RATE_MAX else ok(said)


def _sum(rows: dict[str, int], names: tuple[str, ...]) -> int:
    return sum(rows.get(name, 0) for name in names)


def _row(case: Case, name: str) -> Finding:
    if name not in case.per_core(INTERRUPTS, case.core):
        return absent(f"/proc/interrupts has no {name}")
    return case.each_core(lambda core: _rate(case, core, INTERRUPTS, name))


@check("interrupts.devices", "major", "0 since boot",
       "An interrupt of a device takes the core for 2 to 20 us, and its cache lines with it.",
       "appliance tune apply --only interrupts; those since boot stay counted until the next")
def devices(case: Case) -> Finding:
    return case.each_core(lambda core: _devices(case, core))


def _devices(case: Case, core: int) -> Finding:
    rows = case.per_core(INTERRUPTS, core)
    loud = {name: count for name, count in rows.items() if name.isdigit() and count}
    if not loud:
        return ok("0 since boot")
    top = sorted(loud, key=lambda name: -loud[name])[:3]
    said = f"{sum(loud.values()):,} since boot, most of interrupt {', '.join(top)}"
    try:
        _, first, second = case.window
    except Unknown:
        return bad(said)
    before, after = (case.per_core(INTERRUPTS, core, text[INTERRUPTS]) for text in (first, second))
    now = [name for name in loud if after.get(name, 0) > before.get(name, 0)]
    return bad(f"{said}; now of {', '.join(now)}") if now else warn(f"{said}; none now")


@check("interrupts.timer", "major", f"below {RATE_MAX:.0f}/s",
       "The kernel's tick comes 100 to 1,000 times a second and takes 1 to 5 us each; nohz_full "
       "stops it on a core with one task.", ISOLATE)
def timer(case: Case) -> Finding:
    return _row(case, "LOC")


@check("interrupts.function_calls", "minor", f"below {RATE_MAX:.0f}/s",
       "Other cores ask this one to run a function: a kernel text change, a cache flush, a "
       "profiler's start.",
       "find who asks: perf trace -e 'ipi:*' -C CORE")
def function_calls(case: Case) -> Finding:
    return _row(case, "CAL")


@check("interrupts.tlb_shootdowns", "major", f"below {RATE_MAX:.0f}/s",
       "A thread of the same process unmapped memory: the loop stops until its translations are "
       "dropped. It is why the appliance is made of processes.",
       "run nothing with threads on this core; appliance tune apply --only numa_balancing --only "
       "thp")
def tlb_shootdowns(case: Case) -> Finding:
    return _row(case, "TLB")


@check("interrupts.rescheduling", "minor", f"below {RATE_MAX:.0f}/s",
       "Somebody wakes tasks on this core: tasks run there besides the loop.", ISOLATE)
def rescheduling(case: Case) -> Finding:
    return _row(case, "RES")


@check("interrupts.irq_work", "minor", f"below {RATE_MAX:.0f}/s",
       "Work that the kernel put off to an interrupt of its own: profiling, printing, RCU.",
       "appliance tune apply --only rcu; stop profilers")
def irq_work(case: Case) -> Finding:
    return _row(case, "IWI")


@check("interrupts.not_maskable", "minor", f"below {RATE_MAX:.0f}/s",
       "The watchdog and profilers interrupt even what cannot be interrupted.",
       "appliance tune apply --only watchdogs; stop profilers (perf)")
def not_maskable(case: Case) -> Finding:
    return _row(case, "NMI")


@check("interrupts.thermal", "major", "0 since boot",
       "The processor tells that it got too hot; it slows down by itself.",
       "look at fans, airflow and the firmware's power limits")
def thermal(case: Case) -> Finding:
    def look(core: int) -> Finding:
        rows = case.per_core(INTERRUPTS, core)
        if "TRM" not in rows:
            return absent("this kernel counts no thermal interrupts")
        return bad(f"{rows['TRM']} since boot") if rows["TRM"] else ok("0 since boot")
    return case.each_core(look)


@check("interrupts.errors", "minor", "0 since boot",
       "Interrupts that nobody wanted or that came damaged: a faulty card, driver or board.",
       "journalctl -k -g 'irq|APIC error' names it")
def errors(case: Case) -> Finding:
    rows = case.table(INTERRUPTS)
    found = {name: rows[name] for name in ("ERR", "MIS") if rows.get(name)}
    said = ", ".join(f"{name} {count}" for name, count in found.items())
    return bad(f"{said} since boot") if found else ok("0 since boot")


def _softirqs(case: Case, *names: str) -> Finding:
    return case.each_core(lambda core: _rate(case, core, SOFTIRQS, *names))


@check("interrupts.network_softirqs", "major", f"below {RATE_MAX:.0f}/s",
       "The kernel's network stack works through frames on the core that was interrupted: 10 to "
       "100 us at a stretch.",
       "appliance tune apply --only interrupts --only spreading")
def network_softirqs(case: Case) -> Finding:
    return _softirqs(case, "NET_RX", "NET_TX")


@check("interrupts.storage_softirqs", "minor", f"below {RATE_MAX:.0f}/s",
       "Disks' completions are worked off on the core that asked, or was interrupted.",
       "echo 2 > /sys/block/DISK/queue/rq_affinity, and appliance tune apply --only interrupts")
def storage_softirqs(case: Case) -> Finding:
    return _softirqs(case, "BLOCK", "IRQ_POLL")


@check("interrupts.timer_softirqs", "minor", f"below {RATE_MAX:.0f}/s",
       "Kernel timers that were started on this core, or moved to it, end on it.",
       "appliance tune apply --only timer_migration; " + ISOLATE)
def timer_softirqs(case: Case) -> Finding:
    return _softirqs(case, "TIMER", "HRTIMER")


@check("interrupts.rcu_softirqs", "minor", f"below {RATE_MAX:.0f}/s",
       "The kernel frees memory in callbacks on each core; rcu_nocbs moves them to others.",
       ISOLATE)
def rcu_softirqs(case: Case) -> Finding:
    return _softirqs(case, "RCU")


@check("interrupts.scheduler_softirqs", "minor", f"below {RATE_MAX:.0f}/s",
       "The scheduler balances load on this core: it belongs to a scheduling domain, and tasks "
       "can come to it.", ISOLATE)
def scheduler_softirqs(case: Case) -> Finding:
    return _softirqs(case, "SCHED")


@check("interrupts.tasklets", "minor", f"below {RATE_MAX:.0f}/s",
       "Drivers' put-off work runs on the core that it was put off on.",
       "appliance tune apply --only interrupts")
def tasklets(case: Case) -> Finding:
    return _softirqs(case, "HI", "TASKLET")
