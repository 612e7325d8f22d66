"""Transparent huge pages: no page of the loop is merged or split while it runs."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.kinds import CHOICE
from appliance.host.stage import Knob, Setting, Stage, compare
from appliance.host.wish import Wish

FOLDER = "/sys/kernel/mm/transparent_hugepage"
SOURCE = "Linux Documentation/admin-guide/mm/transhuge.rst"


class TransparentHugePages(Stage):
    """Only where a program asks (madvise): khugepaged then never touches another's pages."""

    name = "thp"
    title = "Transparent huge pages"
    knobs = (
        Knob("thp.enabled", "Where the kernel makes huge pages by itself",
             "With 'always' the kernel joins pages of a running process into huge ones: the page "
             "table entry is taken away meanwhile, every core that maps it is interrupted, and a "
             "touch of it waits. 'madvise' leaves it to programs that ask.",
             SOURCE, f"{FOLDER}/enabled"),
        Knob("thp.defrag", "Whether a page fault compacts memory",
             "With 'always' a fault stops to compact memory until a huge page is free, for up to "
             "milliseconds. 'madvise' does it only for who asked.",
             SOURCE, f"{FOLDER}/defrag"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [compare(host, knob.id, knob.path, "madvise", CHOICE) for knob in self.knobs]
