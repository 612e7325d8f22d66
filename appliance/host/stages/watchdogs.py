"""Watchdogs: the kernel's lockup detectors look at the other cores only."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.kinds import CORE_LIST
from appliance.host.stage import Knob, Setting, Stage, compare, keep_off
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/admin-guide/sysctl/kernel.rst"
MASK = "/proc/sys/kernel/watchdog_cpumask"


class Watchdogs(Stage):
    """A loop that never yields looks like a lockup, and looking costs it a timer and a thread."""

    name = "watchdogs"
    title = "Lockup detectors"
    knobs = (
        Knob("watchdogs.cores", "The cores whose lockups are looked for",
             "On each of them a timer fires every 4 s and the highest-priority kernel thread runs, "
             "several microseconds in the middle of the loop. Costs: a kernel that hangs on a "
             "loop's core is not noticed by it; the appliance's own heartbeat is.",
             f"{SOURCE}, watchdog_cpumask; admin-guide/lockup-watchdogs.rst", MASK),
        Knob("watchdogs.nmi", "The hard-lockup detector",
             "It takes a performance counter of every core and a non-maskable interrupt when that "
             "overflows, about every 10 s of work. Costs: a core that hangs with interrupts off is "
             "no longer reported by it.",
             f"{SOURCE}, nmi_watchdog", "/proc/sys/kernel/nmi_watchdog"),
        Knob("watchdogs.soft", "The soft-lockup detector, where its cores cannot be named",
             "Only on kernels without watchdog_cpumask: its timer fires on every core. Costs the "
             "detector on all cores.",
             f"{SOURCE}, soft_watchdog", "/proc/sys/kernel/soft_watchdog"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        cores, nmi, soft = self.knobs
        rows = [keep_off(host, cores.id, MASK, wish, CORE_LIST),
                compare(host, nmi.id, nmi.path, "0")]
        if host.read(MASK) is None and host.exists(soft.path):
            rows.append(compare(host, soft.id, soft.path, "0"))
        return rows
