"""Compaction: no page of the loop is moved to make room for somebody's larger one."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/admin-guide/sysctl/vm.rst"


class Compaction(Stage):
    """The kernel moves pages together in the background, locked ones as well, unless told not to.

    A page that moves is unmapped meanwhile: every core that maps it is interrupted.
    """

    name = "compaction"
    title = "Memory compaction"
    knobs = (
        Knob("compaction.proactiveness", "How eagerly free memory is moved together",
             "At the default of 20 kcompactd moves pages whenever memory is in fragments, and each "
             "move interrupts the cores that map the page. 0 moves only when an allocation needs "
             "it. Costs: huge pages asked for later are harder to get.",
             f"{SOURCE}, compaction_proactiveness", "/proc/sys/vm/compaction_proactiveness"),
        Knob("compaction.unevictable", "Whether locked pages are moved, too",
             "mlock(2) keeps a page in memory, but by default not in its place. 0 leaves locked "
             "pages, as all of the engine's are, where they lie. Costs larger fragments.",
             f"{SOURCE}, compact_unevictable_allowed", "/proc/sys/vm/compact_unevictable_allowed"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, knob.id, knob.path, "0") for knob in self.knobs]
