"""Real-time throttling: a loop of real-time priority is not stopped for a twentieth of the time."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

SERVER = "/sys/kernel/debug/sched/fair_server"
NET = ("Costs the safety net: a task that runs wild on a core that others need is stopped by "
       "nothing.")


class RtThrottling(Stage):
    """By default real-time tasks may have 950 ms of each second; a polling loop wants all of it.

    Up to Linux 6.11 the kernel stops them, on any core; since then the fair server takes their
    core for what waits there, core by core. Either only ever touches a loop that was given such a
    priority, so it is lifted when ``[host] rt_throttling`` says so.
    """

    name = "rt_throttling"
    title = "Real-time throttling"
    knobs = (
        Knob("rt_throttling.runtime", "How much of each second real-time tasks may have",
             "A loop run with a real-time priority (chrt, or CPUSchedulingPolicy= of its unit) is "
             "taken off its core for 50 ms of every second while anything else waits there. -1 "
             "lifts that, if [host] rt_throttling is off; a loop of ordinary priority, as the "
             f"units start it, is never throttled. {NET}",
             "Linux Documentation/scheduler/sched-rt-group.rst",
             "/proc/sys/kernel/sched_rt_runtime_us"),
        Knob("rt_throttling.fair_server", "How much of each second others get on a loop's core",
             "The same since Linux 6.12, on the loops' cores alone, for a loop of real-time "
             f"priority: 50 ms for any task that waits there. 0 leaves it waiting. {NET}",
             "Linux kernel/sched/debug.c, commit d741f297bcea (sched/fair: Fair server interface)",
             f"{SERVER}/cpuN/runtime"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        runtime, server = self.knobs
        if wish.section.rt_throttling == "leave":
            found = host.read(runtime.path)
            return [absent(runtime.id, runtime.path, host.why_not(runtime.path)) if found is None
                    else Setting(runtime.id, runtime.path, found, found, "ok")]
        rows = [compare(host, runtime.id, runtime.path, "-1")]
        if not host.exists(SERVER):
            return [*rows, absent(server.id, SERVER, "kernels before 6.12 have no fair server, and "
                                                     "without debugfs (or as a user) none is seen")]
        return rows + [compare(host, server.id, f"{SERVER}/cpu{core}/runtime", "0")
                       for core in sorted(wish.cores)]
