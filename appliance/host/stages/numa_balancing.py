"""NUMA balancing: no page of the loop is unmapped to see who touches it."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class NumaBalancing(Stage):
    """The loop's memory is allocated on its own node; there is nothing to balance."""

    name = "numa_balancing"
    title = "NUMA balancing"
    knobs = (
        Knob("numa_balancing.mode", "Whether the kernel moves memory towards who uses it",
             "It unmaps pages of running programs now and then, so that the next touch faults and "
             "tells where it came from: page faults and TLB shootdowns in the middle of the loop. "
             "Costs: programs that are not pinned may use memory far away.",
             "Linux Documentation/admin-guide/sysctl/kernel.rst, numa_balancing",
             "/proc/sys/kernel/numa_balancing"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, self.knobs[0].id, self.knobs[0].path, "0")]
