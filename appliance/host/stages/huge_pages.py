"""Huge pages: enough of them on the NUMA nodes of the loops, never fewer than there are."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.kinds import PAGES
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/admin-guide/mm/hugetlbpage.rst"
ALL_NODES = "/sys/kernel/mm/hugepages"
KIB_2MIB, KIB_1GIB = 2048, 1 << 20


class HugePages(Stage):
    """Tables and packet buffers in few large pages, so that translations stay in the TLB."""

    name = "huge_pages"
    title = "Huge pages"
    knobs = (
        Knob("huge_pages.2mib", "Huge pages of 2 MiB on the loops' NUMA nodes",
             "A book of 100 MiB in pages of 4 KiB misses the TLB at nearly every look, and each "
             "miss walks the page table. Costs the memory: nobody else can use it.",
             SOURCE, "/sys/devices/system/node/nodeN/hugepages/hugepages-2048kB/nr_hugepages"),
        Knob("huge_pages.1gib", "Huge pages of 1 GiB on the loops' NUMA nodes",
             "One entry of the TLB for all of a large table. Memory in such pieces is rarely left "
             "after boot, so ask for them on the kernel's command line. Costs the memory.",
             SOURCE, "/sys/devices/system/node/nodeN/hugepages/hugepages-1048576kB/nr_hugepages"),
        Knob("huge_pages.mount", "Where programs open huge pages as files",
             "DPDK takes its pages there, unless it runs with in_memory.",
             SOURCE, "/proc/mounts, a line of type hugetlbfs", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        section = wish.section
        rows = []
        for knob, kib, count in (("huge_pages.1gib", KIB_1GIB, section.huge_pages_1gib),
                                 ("huge_pages.2mib", KIB_2MIB, section.huge_pages_2mib)):
            if count:
                rows += [_pages(host, knob, node, kib, count)
                         for node in host.nodes_of(wish.cores)]
        if section.huge_pages_1gib or section.huge_pages_2mib:
            rows.append(_mount(host))
        return rows


def _pages(host: Host, knob: str, node: int, kib: int, count: int) -> Setting:
    folder = f"/sys/devices/system/node/node{node}/hugepages"
    if not host.exists(folder) and node == 0:
        folder = ALL_NODES  # a kernel without NUMA
    target = f"{folder}/hugepages-{kib}kB/nr_hugepages"
    found = host.number(target)
    if found is None:
        return absent(knob, target, host.why_not(target))
    setting = compare(host, knob, target, str(max(found, count)), PAGES)
    if setting.verdict != "change":
        return setting
    size = {KIB_2MIB: "2M", KIB_1GIB: "1G"}[kib]
    return Setting(knob, target, setting.found, setting.wanted, "change", PAGES,
                   "most surely at boot", f"hugepagesz={size} hugepages={node}:{count}")


def _mount(host: Host) -> Setting:
    lines = [line.split() for line in (host.read("/proc/mounts") or "").split("\n")]
    mounted = [words[1] for words in lines if len(words) > 2 and words[2] == "hugetlbfs"]
    if mounted:
        return Setting("huge_pages.mount", "/proc/mounts", " ".join(mounted), " ".join(mounted),
                       "ok")
    if host.read("/proc/mounts") is None:
        return absent("huge_pages.mount", "/proc/mounts", host.why_not("/proc/mounts"))
    return Setting("huge_pages.mount", "/proc/mounts", "none", "/dev/hugepages", "manual",
                   reason="DPDK needs it, but not with in_memory",
                   remedy="mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages")
