"""Same-page merging: no page of the loop is merged with another's."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish


class Ksm(Stage):
    """The ksmd thread compares and merges pages of programs that offered them, as qemu does."""

    name = "ksm"
    title = "Same-page merging"
    knobs = (
        Knob("ksm.run", "Whether equal pages of programs are merged",
             "ksmd reads all offered memory over and over, which takes cache and memory bandwidth "
             "from the loop, and write-protects pages, which interrupts cores. 0 stops it; what is "
             "merged stays. Costs memory on hosts of many virtual machines.",
             "Linux Documentation/admin-guide/mm/ksm.rst", "/sys/kernel/mm/ksm/run"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        knob = self.knobs[0]
        # 2 is stopped as well, with everything taken apart again.
        wanted = "2" if host.number(knob.path) == 2 else "0"
        return [compare(host, knob.id, knob.path, wanted)]
