"""Memory statistics: the kernel's counting worker visits the loop's core less often."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish

INTERVAL_S = 10  # of the order that real-time profiles use; the counters stay fit for graphs


class VmStatistics(Stage):
    """Each core's memory counters are folded into the host's by a worker on that very core."""

    name = "vm_statistics"
    title = "Memory statistics"
    knobs = (
        Knob("vm_statistics.interval", "How often each core's memory counters are gathered",
             "A worker runs on every core whose counters changed, the loop's included: a context "
             "switch of several microseconds, each second by default. Costs: the figures of "
             "/proc/meminfo and /proc/vmstat are as old as that.",
             "Linux Documentation/admin-guide/sysctl/vm.rst, stat_interval; "
             "admin-guide/kernel-per-CPU-kthreads.rst",
             "/proc/sys/vm/stat_interval"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        knob = self.knobs[0]
        found = host.number(knob.path)
        return [compare(host, knob.id, knob.path, str(max(found or 0, INTERVAL_S)))]
