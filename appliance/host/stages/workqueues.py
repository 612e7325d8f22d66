"""Workqueues: deferred work of the kernel that may run anywhere runs elsewhere."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.kinds import CORE_MASK
from appliance.host.stage import Knob, Setting, Stage, keep_off
from appliance.host.wish import Wish

FOLDER = "/sys/devices/virtual/workqueue"
SOURCE = "Linux Documentation/core-api/workqueue.rst"


class Workqueues(Stage):
    """Work that is bound to a core stays there; it comes only from what that core itself does."""

    name = "workqueues"
    title = "Workqueues"
    knobs = (
        Knob("workqueues.unbound", "The cores of the kernel's unbound work",
             "Drivers, file systems and the memory manager put off work to threads that run on any "
             "of these cores, each a context switch for the loop. Costs nothing while other cores "
             "are idle.", SOURCE, f"{FOLDER}/cpumask"),
        Knob("workqueues.named", "The cores of work that has a mask of its own",
             "Some queues (writeback, for one) are unbound, yet have their own mask. Costs: dirty "
             "pages are written by fewer cores.", SOURCE, f"{FOLDER}/NAME/cpumask"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        unbound, named = self.knobs
        rows = [keep_off(host, unbound.id, unbound.path, wish, CORE_MASK)]
        rows += [keep_off(host, named.id, target, wish, CORE_MASK)
                 for target in host.glob(f"{FOLDER}/*/cpumask")]
        return rows
