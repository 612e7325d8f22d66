"""A kernel of files: a tree with /sys, /proc and /etc, and a host that writes as a kernel does.

The tree is that of a server with two NUMA nodes; the last two cores of the first are free for
loops. Writing keeps a kernel's manners: choices stay in brackets, masks come back padded, huge
pages are clipped to what memory there is, and what a kernel refuses it refuses by the same error.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.host.cpus import format_list, parse_list, parse_mask
from appliance.host.host import STATE_FOLDER, Host

CPU = "/sys/devices/system/cpu"
CGROUP = "/sys/fs/cgroup"
BOOT_ID = "6b7e2c6e-0f0f-4d62-9a34-1c2f5f0c1b77"
LOOPS = frozenset({2, 3})
CORES = 8
GOVERNORS = "conservative ondemand userspace powersave performance schedutil"
PREFERENCES = "default performance balance_performance balance_power power"
# Huge pages of 2 MiB that a node can still make.
PAGES_MAX = 800
# What no kernel shows; one that did would take it back.
STRANGE = "strange"


def files(cores: int = CORES) -> dict[str, str]:
    """Every file and its text."""
    everything = f"0-{cores - 1}"
    mask = f"{(1 << cores) - 1:x}"
    tree = {
        "/proc/sys/kernel/random/boot_id": BOOT_ID,
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet",
        "/proc/cpuinfo": "processor : 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc rdtscp",
        "/proc/mounts": "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0",
        "/proc/1/comm": "systemd", "/proc/1/status": f"Name:\tsystemd\nCpus_allowed_list:\t{mask}",
        "/proc/17/comm": "rcuop/2", "/proc/17/status": f"Cpus_allowed_list:\t{everything}",
        "/proc/90/comm": "chronyd", "/proc/90/status": f"Cpus_allowed_list:\t{everything}",
        "/proc/sys/vm/swappiness": "60", "/proc/sys/vm/stat_interval": "1",
        "/proc/sys/vm/compaction_proactiveness": "20",
        "/proc/sys/vm/compact_unevictable_allowed": "1",
        "/proc/sys/kernel/numa_balancing": "1", "/proc/sys/kernel/timer_migration": "1",
        "/proc/sys/kernel/sched_rt_runtime_us": "950000",
        "/proc/sys/kernel/watchdog_cpumask": everything, "/proc/sys/kernel/nmi_watchdog": "1",
        "/proc/sys/kernel/soft_watchdog": "1",
        "/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
        "/sys/kernel/mm/transparent_hugepage/defrag":
            "always defer defer+madvise [madvise] never",
        "/sys/kernel/mm/ksm/run": "1", "/sys/kernel/rcu_normal": "0",
        "/sys/kernel/rcu_expedited": "1",
        "/sys/devices/virtual/workqueue/cpumask": mask,
        "/sys/devices/virtual/workqueue/writeback/cpumask": mask,
        "/sys/devices/system/machinecheck/machinecheck0/check_interval": "300",
        "/sys/module/pcie_aspm/parameters/policy": "[default] performance powersave powersupersave",
        "/sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm",
        "/sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet",
        "/sys/class/ptp/ptp0/clock_name": "ice-0000:03:00.0",
        f"{CPU}/online": everything, f"{CPU}/present": everything, f"{CPU}/isolated": "",
        f"{CPU}/nohz_full": "", f"{CPU}/intel_pstate/no_turbo": "0", f"{CPU}/smt/control": "on",
        f"{CPU}/intel_uncore_frequency/package_00_die_00/min_freq_khz": "800000",
        f"{CPU}/intel_uncore_frequency/package_00_die_00/max_freq_khz": "2400000",
        f"{CGROUP}/cgroup.controllers": "cpuset cpu io memory",
        f"{CGROUP}/cgroup.subtree_control": "cpu io memory",
        "/etc/passwd": "root:x:0:0:root:/:/bin/sh\ntickpath:x:990:990::/:/usr/sbin/nologin",
        "/etc/security/limits.d/README": "limits",
        "/etc/default/irqbalance": "#IRQBALANCE_ARGS=",
        "/etc/systemd/system/appliance-engine.service":
            "[Service]\nExecStart=appliance process engine\nLimitMEMLOCK=infinity",
        "/proc/irq/default_smp_affinity": mask,
    }
    for node in (0, 1):
        half = range(node * cores // 2, (node + 1) * cores // 2)
        folder = f"/sys/devices/system/node/node{node}"
        tree[f"{folder}/cpulist"] = format_list(half)
        tree[f"{folder}/hugepages/hugepages-2048kB/nr_hugepages"] = "64"
        tree[f"{folder}/hugepages/hugepages-1048576kB/nr_hugepages"] = "0"
    for core in range(cores):
        tree |= _core(core)
    for number, cores_of in {9: everything, 16: "2", 30: everything, 31: "0-3", 32: "2-3"}.items():
        tree[f"/proc/irq/{number}/smp_affinity_list"] = cores_of
    tree["/proc/irq/40/smp_affinity_list"] = everything  # of eth0
    tree["/sys/devices/pci0000:00/0000:03:00.0/msi_irqs/40"] = "msix"
    return tree


def _core(core: int) -> dict[str, str]:
    here, policy = f"{CPU}/cpu{core}", f"{CPU}/cpufreq/policy{core}"
    tree = {
        f"{here}/topology/thread_siblings_list": str(core), f"{here}/power/energy_perf_bias": "6",
        f"/sys/kernel/debug/sched/fair_server/cpu{core}/runtime": "50000000",
        f"{policy}/affected_cpus": str(core), f"{policy}/scaling_governor": "powersave",
        f"{policy}/scaling_available_governors": GOVERNORS,
        f"{policy}/scaling_driver": "intel_pstate",
        f"{policy}/energy_performance_preference": "balance_performance",
        f"{policy}/energy_performance_available_preferences": PREFERENCES,
    }
    for state, latency in enumerate((0, 2, 133)):
        tree |= {f"{here}/cpuidle/state{state}/latency": str(latency),
                 f"{here}/cpuidle/state{state}/disable": "0"}
    return tree


def build(root: Path, tree: dict[str, str] | None = None) -> None:
    """Writes the tree; the interface eth0 has interrupt 40."""
    for name, text in (files() if tree is None else tree).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    for number in (16,):  # managed by its driver
        path = root / f"proc/irq/{number}/smp_affinity_list"
        if path.exists():
            path.chmod(0o444)
    (root / "sys/class/net/eth0").mkdir(parents=True, exist_ok=True)
    device = root / "sys/devices/pci0000:00/0000:03:00.0"
    device.mkdir(parents=True, exist_ok=True)
    (root / "sys/class/net/eth0/device").symlink_to(device)


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Every file's bytes and every folder, but for the tuner's own."""
    return dict(_walk(root, root / STATE_FOLDER.lstrip("/").split("/")[0]))


def _walk(folder: Path, without: Path) -> Iterator[tuple[str, bytes | None]]:
    for entry in os.scandir(folder):
        if Path(entry.path) == without or entry.is_symlink():
            continue
        if entry.is_dir():
            yield entry.path, None
            yield from _walk(Path(entry.path), without)
        else:
            with open(entry.path, "rb") as file:
                yield entry.path, file.read()


class FakeHost(Host):
    """A host whose files behave; ``refuses`` names files and the errno that writing gives."""

    def __init__(self, root: Path, refuses: dict[str, int] | None = None,
                 before_write: Callable[[], None] = lambda: None) -> None:
        super().__init__(root)
        self.refuses = refuses or {}
        self.before_write = before_write

    def write(self, name: str, text: str) -> None:
        if name in self.refuses:
            raise refuse(self.refuses[name])
        if not self.exists(name):
            raise refuse(errno.ENOENT)
        value = _taken(self, name, text.strip())
        self.before_write()
        with open(self.path(name), "r+b") as file:  # cut afterwards: file systems are slow at it
            file.write(value.encode() + b"\n")
            file.truncate()
        _consequences(self, name, value)

    def make_folder(self, name: str) -> None:
        if self.exists(name):
            return
        self.before_write()
        os.makedirs(self.path(name))
        for file, text in (("cpuset.cpus", ""), ("cpuset.cpus.partition", "member"),
                           ("cgroup.procs", "")):
            self.path(f"{name}/{file}").write_text(text + "\n")

    def remove_folder(self, name: str) -> None:
        if (self.read(f"{name}/cgroup.procs") or "").strip():
            raise refuse(errno.EBUSY)
        self.before_write()
        shutil.rmtree(self.path(name))


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _taken(host: Host, name: str, text: str) -> str:
    """What the file reads after ``text`` was written to it; raises what the kernel would."""
    old = host.read(name) or ""
    last = name.rpartition("/")[2]
    if text == STRANGE:
        return text
    choices = re.sub(r"[\[\]]", "", old).split() if "[" in old else []
    if choices:
        if text not in choices:
            raise refuse(errno.EINVAL)
        return " ".join(f"[{word}]" if word == text else word for word in choices)
    online = host.cores("online")
    if last in ("smp_affinity_list", "watchdog_cpumask", "cpuset.cpus"):
        try:
            cores = parse_list(text)
        except ValueError:
            raise refuse(errno.EINVAL) from None
        if last != "cpuset.cpus" and not cores & online:
            raise refuse(errno.EINVAL)
        if not host.path(name).stat().st_mode & 0o200:
            raise refuse(errno.EIO)
        return format_list(cores)
    if last in ("cpumask", "default_smp_affinity"):
        cores = parse_mask(text)
        if not cores & online:
            raise refuse(errno.EINVAL)
        return f"{sum(1 << core for core in cores):0{(len(online) + 3) // 4}x}"
    if last == "nr_hugepages":
        return str(min(int(text), PAGES_MAX if "2048kB" in name else 1))
    if last == "scaling_governor":
        if text not in GOVERNORS.split():
            raise refuse(errno.EINVAL)
        return text
    if last == "energy_performance_preference":
        governor = host.read(name.replace(last, "scaling_governor"))
        if governor == "performance" and text != "performance":
            raise refuse(errno.EBUSY)
        return text
    if last == "current_clocksource":
        offered = host.read(name.replace("current", "available")) or ""
        return text if text in offered.split() else old
    if last == "cgroup.subtree_control":
        words = [word for word in old.split() if word != text[1:]]
        return " ".join(sorted([*words, *([text[1:]] if text[0] == "+" else [])], key=_rank))
    if last == "cpuset.cpus.partition":
        cpus = host.read(name.removesuffix(".partition")) or ""
        return text if cpus or text == "member" else f"{text} invalid (cpuset.cpus is empty)"
    if not re.fullmatch(r"-?[0-9]+", text):
        raise refuse(errno.EINVAL)
    return text


def _rank(controller: str) -> int:
    return "cpuset cpu io memory".find(controller)


def _consequences(host: Host, name: str, value: str) -> None:
    """intel_pstate: the governor 'performance' overrides the preference, and gives it back."""
    if not name.endswith("/scaling_governor"):
        return
    preference = name.replace("scaling_governor", "energy_performance_preference")
    # The driver remembers it in the kernel: here in a file outside of what is compared.
    memory = host.path(f"{STATE_FOLDER}/../driver-{name.split('/')[-2]}")
    if not host.exists(preference):
        return
    if value == "performance":
        memory.write_text(host.read(preference) or "")
        host.path(preference).write_text("performance\n")
    elif memory.exists():
        host.path(preference).write_text(memory.read_text() + "\n")
        memory.unlink()
