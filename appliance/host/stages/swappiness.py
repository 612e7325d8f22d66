"""Swapping: nothing of a trading process goes to disk."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class Swappiness(Stage):
    """How willing the kernel is to swap. The loop's own memory is locked; its helpers' is not."""

    name = "swappiness"
    title = "Swapping"
    knobs = (
        Knob("swappiness.value", "How readily anonymous memory is swapped",
             "A journal writer or control process whose pages went to disk answers late, and its "
             "page fault interrupts. 0 swaps only to avoid running out of memory.",
             "Linux Documentation/admin-guide/sysctl/vm.rst, swappiness",
             "/proc/sys/vm/swappiness"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, "swappiness.value", self.knobs[0].path,
                        str(wish.section.swappiness))]
