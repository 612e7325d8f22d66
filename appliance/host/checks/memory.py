"""Memory: what is free, where it lies, what takes it away, and whether it is sound.

Sources: Linux Documentation/admin-guide/mm/hugetlbpage.rst, admin-guide/sysctl/vm.rst,
accounting/psi.rst, driver-api/edac.rst.
"""

from __future__ import annotations

from appliance.config import Config
from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, number, ok, warn
from appliance.host.host import CPU
from appliance.host.machine import free_bytes
from appliance.state import Layout

MIB = 1 << 20
SEGMENT_LOCATES = 1 << 16  # rows of the top of book, one a stock locate
AVAILABLE_SHARE_MIN, AVAILABLE_BYTES_MIN = 0.05, 512 * MIB
PRESSURE_MAX = 1.0  # percent of the last minute


@check("memory.huge_pages_free", "major", "as many as [dpdk] memory_mib needs",
       "Without huge pages each packet buffer needs address translations of its own, a miss of "
       "which costs 20 to 100 ns, and cards cannot be used by DPDK at all.",
       "appliance tune apply --only huge_pages")
def huge_pages_free(case: Case) -> Finding:
    folders = case.host.glob(f"/sys/devices/system/node/node{case.node_of_core()}/hugepages/*")
    folders = folders or case.host.glob("/sys/kernel/mm/hugepages/hugepages-*")
    if not folders:
        return absent(case.host.why_not("/sys/kernel/mm/hugepages"))
    free = total = 0
    for folder in folders:
        size = int(folder.rpartition("-")[2].removesuffix("kB")) << 10
        free += size * (case.host.number(f"{folder}/free_hugepages") or 0)
        total += size * (case.host.number(f"{folder}/nr_hugepages") or 0)
    said = f"{free // MIB} of {total // MIB} MiB free on the loop's node"
    wanted = case.config.dpdk.memory_mib
    if free >= wanted * MIB or any(each.alive for each in case.engines):
        return ok(said)
    expected = f"{wanted} MiB free"
    if not total:
        return (bad if case.uses("dpdk") else warn)(said, expected=expected)
    return bad(said, "stop what holds them (grep -l huge /proc/*/numa_maps), or raise [host] "
               "huge_pages_2mib and appliance tune apply --only huge_pages", expected)


@check("memory.huge_page_sizes", "info", "2 MiB and 1 GiB",
       "With pages of 1 GiB a handful of translations cover all of the loop's memory.",
       "choose a processor with pdpe1gb, or pass the flag through to the virtual machine")
def huge_page_sizes(case: Case) -> Finding:
    names = case.host.glob("/sys/kernel/mm/hugepages/hugepages-*")
    if not names:
        return absent(case.host.why_not("/sys/kernel/mm/hugepages"))
    sizes = [int(name.rpartition("-")[2].removesuffix("kB")) // 1024 for name in names]
    said = ", ".join(f"{size} MiB" if size < 1024 else f"{size // 1024} GiB" for size in sizes)
    return ok(said) if 1024 in sizes and 2 in sizes else bad(said)


@check("memory.huge_page_files", "minor", "none left by a run that has ended",
       "A DPDK that was killed leaves its files, and they hold their huge pages for good.",
       "when no DPDK program runs: rm /dev/hugepages/*map_*")
def huge_page_files(case: Case) -> Finding:
    names = case.host.glob("/dev/hugepages/*map_*")
    return bad(f"{len(names)} files, as {names[0]}") if names else ok("none")


@check("memory.available", "critical", "5 % of all, 512 MiB at least",
       "With less, the kernel reclaims in the middle of whatever runs, and then kills a process: "
       "perhaps the engine.",
       "stop what needs it (ps aux --sort -rss | head), or set fewer huge pages aside")
def available(case: Case) -> Finding:
    rows = case.table("/proc/meminfo")
    free, total = rows["MemAvailable"] << 10, rows["MemTotal"] << 10
    said = f"{free // MIB:,} of {total // MIB:,} MiB"
    short = free < max(AVAILABLE_BYTES_MIN, total * AVAILABLE_SHARE_MIN)
    return bad(said) if short else ok(said)


@check("memory.swap_used", "minor", "0 MiB",
       "What was swapped out comes back with a page fault of milliseconds, in the middle of "
       "something.",
       "swapoff -a && swapon -a, once memory suffices; appliance tune apply --only swappiness")
def swap_used(case: Case) -> Finding:
    rows = case.table("/proc/meminfo")
    used = (rows["SwapTotal"] - rows["SwapFree"]) // 1024
    return bad(f"{used} MiB") if used else ok("0 MiB")


@check("memory.pressure", "major", f"below {PRESSURE_MAX} % of the last minute",
       "While tasks wait for memory, the kernel compacts and reclaims, and interrupts every core "
       "that maps what it moves.",
       "stop what needs it (ps aux --sort -rss | head)")
def pressure(case: Case) -> Finding:
    share = case.pressure("memory")
    return bad(f"{share} %") if share >= PRESSURE_MAX else ok(f"{share} %")


@check("memory.out_of_memory_kills", "minor", "0 since boot",
       "This host has run out of memory before, and the kernel chose what to kill.",
       "journalctl -k -g 'Out of memory' tells what; give it a limit, or the host more memory")
def out_of_memory_kills(case: Case) -> Finding:
    rows = case.table("/proc/vmstat")
    if "oom_kill" not in rows:
        return absent("this kernel does not count them")
    return bad(f"{rows['oom_kill']} since boot") if rows["oom_kill"] else ok("0 since boot")


@check("memory.shm_room", "critical", "room in /dev/shm for the engine's segment",
       "Counters, books' tops and the journal ring live there; without room the engine does not "
       "start.",
       "mount -o remount,size=2G /dev/shm, or lower [journal] ring_mib")
def shm_room(case: Case) -> Finding:
    free, _ = free_bytes(case.host.path("/dev/shm"))
    need = _segment_bytes(case.config)
    said = f"{free // MIB:,} MiB free, {-(-need // MIB)} MiB needed"
    return bad(said) if free < need else ok(said)


@check("memory.corrected_errors", "major", "0 since boot",
       "Each corrected memory error stops the core for up to milliseconds in the firmware, and "
       "one that cannot be corrected follows.",
       "edac-util -v names the module; replace it")
def corrected_errors(case: Case) -> Finding:
    folders = case.host.glob("/sys/devices/system/edac/mc/mc[0-9]*")
    if not folders:
        return absent("no memory controller reports (no ECC memory, or no EDAC driver)")
    corrected, lost = (sum(case.host.number(f"{folder}/{name}_count") or 0 for folder in folders)
                       for name in ("ce", "ue"))
    said = f"{corrected} corrected, {lost} not, since boot"
    return bad(said) if corrected or lost else ok(said)


@check("memory.channels", "info", "two memory modules a controller, or more",
       "With one channel, everything else on the host competes with the loop for it: a cache miss "
       "waits longer.",
       "fit modules to every channel, as the board's manual tells")
def channels(case: Case) -> Finding:
    folders = case.host.glob("/sys/devices/system/edac/mc/mc[0-9]*")
    modules = [len(case.host.glob(f"{folder}/dimm[0-9]*")) for folder in folders]
    if not any(modules):
        return absent("no memory controller reports (no EDAC driver)")
    said = ", ".join(f"{count} modules" for count in modules)
    return bad(said) if min(modules) < 2 else ok(said)


@check("memory.numa_distance", "major", "cards on the loop core's own NUMA node",
       "Across nodes each frame and descriptor costs 60 to 100 ns more, both ways.",
       "choose a core of the card's node for [engine] core, or move the card to another slot")
def numa_distance(case: Case) -> Finding:
    home = case.node_of_core()
    row = (case.host.read(f"/sys/devices/system/node/node{home}/distance") or "10").split()

    def distance(folder: str) -> Finding:
        node = case.host.number(f"{folder}/numa_node")
        if node is None or node < 0:
            return ok("on no node of its own")
        said = f"node {node}, the loop on {home}"
        if node == home:
            return ok(said)
        return bad(f"{said}, distance {row[node] if node < len(row) else 'unknown'}")

    return case.each_device(distance)


number("memory.overcommit", "minor", "/proc/sys/vm/overcommit_memory", high=1,
       why="At 2 the kernel refuses mappings that are never touched, of which DPDK reserves "
           "gigabytes: it does not start.")
number("memory.zone_reclaim", "minor", "/proc/sys/vm/zone_reclaim_mode", high=0,
       why="With zone reclaim an allocation empties caches of its node before it looks at another: "
           "a stall of milliseconds.")

@check("memory.core_node", "info", "a node with memory",
       "A core whose node has no memory takes every page from another.",
       "fit memory to the node, or choose a core of another")
def core_node(case: Case) -> Finding:
    names = case.host.glob(f"{CPU}/cpu{case.core}/node[0-9]*")
    if not names:
        return absent("this kernel has no NUMA nodes")
    node = case.node_of_core()
    text = case.text(f"/sys/devices/system/node/node{node}/meminfo")
    total = next((int(line.split()[3]) for line in text.split("\n") if "MemTotal" in line), 0)
    said = f"node {node}, {total >> 10:,} MiB"
    return ok(said) if total else bad(said)


def _segment_bytes(config: Config) -> int:
    ring = config.journal.ring_mib * MIB if config.journal.path else 4096
    return Layout(SEGMENT_LOCATES, config.engine.checkpoints_max, ring).offsets()["total"]
