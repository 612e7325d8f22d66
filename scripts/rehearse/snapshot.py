"""Runs in the machine: writes down what a tuner could touch, one JSON object, value by value.

    python3 snapshot.py OUT

Everything readable of /proc/sys, of the CPU, memory, node, block, PCI and network parts of /sys,
interrupt affinities and the like, and what ethtool tells of each interface. It knows nothing of
the tuner's knobs, so that a knob nobody thought of is seen, too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FILES = (
    "/sys/devices/system/**/*", "/sys/kernel/mm/**/*", "/sys/kernel/[a-z]*",
    "/sys/devices/virtual/workqueue/**/*", "/sys/bus/workqueue/devices/*/cpumask",
    "/sys/module/*/parameters/*", "/sys/block/*/queue/*", "/sys/power/*",
    "/sys/class/net/*/queues/*/*", "/sys/class/net/*/[a-z]*", "/proc/irq/*/smp_affinity*",
    "/proc/irq/default_smp_affinity", "/sys/bus/pci/devices/*/driver_override",
    "/sys/bus/pci/devices/*/power/control", "/sys/fs/cgroup/cpuset*", "/sys/fs/cgroup/cgroup.*",
    "/sys/fs/cgroup/*/cpuset*", "/sys/kernel/debug/sched/*", "/etc/default/irqbalance",
    "/etc/sysctl.d/*", "/etc/security/limits.d/*", "/etc/modprobe.d/*", "/etc/modules-load.d/*",
)  # fmt: skip
LINKS = ("/sys/bus/pci/devices/*/driver", "/sys/class/net/*/device")
TREES = ("/proc/sys",)
# These count or tell; nobody sets them.
STATISTICS = re.compile(
    r"/proc/sys/(fs/(dentry-state|inode-nr|inode-state|file-nr|aio-nr|dquot/)"
    r"|kernel/(ns_last_pid|random/(uuid|boot_id|entropy_avail)))"
    r"|/sys/devices/system/node/node\d+/(meminfo|vmstat|numastat)"
    r"|/sys/devices/system/cpu/cpu\d+/(cpuidle/.*/(usage|time|above|below|rejected)"
    r"|cpufreq/.*cur_freq)"
    r"|/sys/kernel/mm/.*/(pages_|full_scans|free_hugepages|stable_node)"
    r"|/sys/kernel/(debug/sched/debug|uevent_seqnum)|/sys/module/.*/refcnt"
    r"|/sys/fs/cgroup/cgroup\.(procs|threads|stat)"
)
BYTES_MAX = 1 << 16
ETHTOOL = ("-g", "-c", "-k", "-l", "-a", "-n", "--show-priv-flags")


def text(path: Path) -> str | None:
    """None when it is not there or not for us, which is a value, too."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(handle, BYTES_MAX).decode("utf-8", "backslashreplace")
    except OSError:
        return None
    finally:
        os.close(handle)


def snapshot() -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for pattern in FILES:
        for path in Path("/").glob(pattern.lstrip("/")):
            if path.is_file() and not STATISTICS.match(str(path)):
                values[str(path)] = text(path)
    for tree in TREES:
        for folder, _, names in os.walk(tree):
            for name in names:
                if not STATISTICS.match(f"{folder}/{name}"):
                    values[f"{folder}/{name}"] = text(Path(folder, name))
    for pattern in LINKS:
        for path in Path("/").glob(pattern.lstrip("/")):
            values[f"{path} ->"] = os.readlink(path)
    for path in sorted(Path("/sys/class/net").glob("*/device")):
        device = path.parent.name
        for option in ETHTOOL:
            done = subprocess.run(["ethtool", option, device], capture_output=True, text=True)
            values[f"ethtool {option} {device}"] = done.stdout
    values["systemctl is-active irqbalance"] = subprocess.run(
        ["systemctl", "is-active", "irqbalance"], capture_output=True, text=True).stdout
    return values


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(snapshot()))
