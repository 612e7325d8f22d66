"""Real-time throttling: a loop of real-time priority is not stopped for a twentieth of the time."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class RtThrottling(Stage):
    """By default real-time tasks may have 950 ms of each second; a polling loop wants all of it."""

    name = "rt_throttling"
    title = "Real-time throttling"
    knobs = (
        Knob("rt_throttling.runtime", "How much of each second real-time tasks may have",
             "A loop run with a real-time priority (chrt, or CPUSchedulingPolicy= of its unit) is "
             "taken off its core for 50 ms of every second while anything else waits there. -1 "
             "lifts that. Costs the safety net: a real-time task that runs wild on a core that "
             "others need is stopped by nothing.",
             "Linux Documentation/scheduler/sched-rt-group.rst",
             "/proc/sys/kernel/sched_rt_runtime_us"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, self.knobs[0].id, self.knobs[0].path, "-1")]
