"""What a process may do here: limits, privileges, and the container around it, if any.

The limits are those of whoever runs doctor; the service has its own, from its unit.
Sources: getrlimit(2), capabilities(7), core(5), Linux Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import resource

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, number, ok
from appliance.host.cpus import format_list, parse_list

MIB = 1 << 20
RTPRIO_MIN, FILES_MIN = 50, 4096
MEMLOCK_BYTES_MIN = 512 * MIB  # tables, rings and segment of a whole feed
# Bits of linux/capability.h that an engine over the kernel's queues uses.
CAPABILITIES = {12: "CAP_NET_ADMIN", 13: "CAP_NET_RAW", 14: "CAP_IPC_LOCK", 23: "CAP_SYS_NICE",
                39: "CAP_BPF"}


def _limit(case: Case, name: str, least: int, unit: str = "") -> Finding:
    soft, hard = case.machine.limit(name)
    if soft == resource.RLIM_INFINITY:
        return ok("unlimited")
    said = f"{soft:,}{unit}" + ("" if hard in (soft, resource.RLIM_INFINITY) else f" of {hard:,}")
    return bad(said) if soft < least else ok(said)


@check("limits.memory_lock", "major", f"unlimited, or {MEMLOCK_BYTES_MIN // MIB} MiB at least",
       "The loop's memory must not leave: AF_XDP's frames and DPDK's are locked at the start, and "
       "a page that is not locked can fault in the middle of a tick.",
       "LimitMEMLOCK=infinity in the unit (as installed); for a shell: ulimit -l unlimited as root")
def memory_lock(case: Case) -> Finding:
    return _limit(case, "RLIMIT_MEMLOCK", MEMLOCK_BYTES_MIN, " bytes")


@check("limits.real_time", "minor", f"{RTPRIO_MIN} or more",
       "Without it a loop on a shared core cannot be put before the others.",
       "LimitRTPRIO=99 in the unit; for a user: a line in /etc/security/limits.d/tickpath.conf")
def real_time(case: Case) -> Finding:
    return _limit(case, "RLIMIT_RTPRIO", RTPRIO_MIN)


@check("limits.open_files", "minor", f"{FILES_MIN:,} or more",
       "DPDK opens a file for each piece of memory and each device.",
       "LimitNOFILE=65536 in the unit; for a shell: ulimit -n 65536")
def open_files(case: Case) -> Finding:
    return _limit(case, "RLIMIT_NOFILE", FILES_MIN)


@check("limits.core_dumps", "minor", "off",
       "A crashed engine writes its gigabytes to disk before anybody hears of its end, and holds "
       "its huge pages and card for as long.",
       "LimitCORE=0 in the unit (as installed); for a shell: ulimit -c 0")
def core_dumps(case: Case) -> Finding:
    soft, _ = case.machine.limit("RLIMIT_CORE")
    pattern = case.host.read("/proc/sys/kernel/core_pattern") or "core"
    # A pipe is fed whatever the limit, unless it is 0.
    to = f"to a program, {pattern[1:].split()[0]}" if pattern[1:].split() and pattern[0] == "|" \
        else f"to {pattern}"
    return bad(f"on, {to}") if soft else ok("off")


@check("limits.capabilities", "info", "root, or the capabilities of the backends",
       "AF_PACKET needs CAP_NET_RAW; AF_XDP CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF; locking memory "
       "CAP_IPC_LOCK.",
       "run it as the service (appliance install), whose unit gives each process what it needs")
def capabilities(case: Case) -> Finding:
    text = case.own_status.get("CapEff", "")
    if not text:
        return absent(case.host.why_not("/proc/self/status"))
    word = int(text, 16)
    missing = [name for bit, name in CAPABILITIES.items() if not word >> bit & 1]
    return bad(f"this user lacks {', '.join(missing)}") if missing else ok("all of them")


@check("limits.seccomp", "info", "no system call filter but the unit's own",
       "Under a container's filter bpf, perf and huge page calls are refused, and each call costs "
       "more.", "run it on the host itself, or with the container's seccomp=unconfined")
def seccomp(case: Case) -> Finding:
    value = case.own_status.get("Seccomp", "")
    if not value:
        return absent(case.host.why_not("/proc/self/status"))
    return bad("filtered") if value == "2" else ok("none")


@check("limits.container", "major", "the host itself",
       "In a container most of /sys is read-only or another's, and the cores are shared by a "
       "scheduler outside.",
       "run it on the host itself; in a container only with its cores, devices and huge pages "
       "given to it")
def container(case: Case) -> Finding:
    for path in ("/run/systemd/container", "/.dockerenv", "/run/.containerenv"):
        if case.host.exists(path):
            return bad(case.host.read(path) or path)
    first = case.host.read("/proc/1/cgroup") or ""
    for word in ("docker", "kubepods", "lxc", "libpod", "containerd"):
        if word in first:
            return bad(word)
    return ok("no sign of a container")


def _cgroups(case: Case) -> list[str]:
    """The folders of our cgroup (version 2) and those above it, which limit it, too."""
    path = next((line[3:] for line in case.text("/proc/self/cgroup").split("\n")
                 if line.startswith("0::")), "")
    parts = [part for part in path.split("/") if part]
    return ["/sys/fs/cgroup/" + "/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _capped(case: Case, leaf: str) -> Finding:
    for folder in _cgroups(case):
        text = case.host.read(f"{folder}/{leaf}")
        if text and not text.startswith("max"):
            return bad(f"{text} in {folder}", f"echo max > {folder}/{leaf}")
    return ok("none")


@check("limits.cpu_quota", "critical", "no quota",
       "A polling loop uses its quota up within a few milliseconds and then stands still for the "
       "rest of each period.",
       "CPUQuota= (empty) in the unit, or echo max > /sys/fs/cgroup/GROUP/cpu.max")
def cpu_quota(case: Case) -> Finding:
    return _capped(case, "cpu.max")


@check("limits.memory_quota", "minor", "no quota",
       "At its quota a process reclaims its own memory in the middle of its work, or is killed.",
       "MemoryMax=infinity in the unit, or echo max > /sys/fs/cgroup/GROUP/memory.max")
def memory_quota(case: Case) -> Finding:
    return _capped(case, "memory.max")


@check("limits.loop_core_allowed", "major", "the loops' cores among those allowed here",
       "Who may not run on the core cannot pin himself to it: the engine does not start.",
       "AllowedCPUs= in the slice, or taskset -cp LOOPS $$; in a container, its cpuset")
def loop_core_allowed(case: Case) -> Finding:
    text = case.own_status.get("Cpus_allowed_list", "")
    if not text:
        return absent(case.host.why_not("/proc/self/status"))
    outside = case.cores - parse_list(text)
    return bad(f"not allowed: {format_list(outside)}; allowed: {text}") if outside else ok(text)


number("limits.map_count", "minor", "/proc/sys/vm/max_map_count", low=65_530,
       why="DPDK maps each piece of memory and each device by itself; at the limit it stops.")
number("limits.threads", "minor", "/proc/sys/kernel/threads-max", low=4096,
       why="At the limit no process can be started, not even the one that stops the engine.")
number("limits.io_uring", "info", "/proc/sys/kernel/io_uring_disabled", high=0,
       why="Where io_uring is switched off, storage backends of it cannot be used.")
