"""A small server as files, on which every check of doctor is content; and its answers.

Eight cores, two of them for loops (2 and 3), one card in a slot, an engine that runs, a journal on
an NVMe disk. A test changes one thing and sees one check complain.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from appliance.config import Config, from_text
from appliance.host.case import Case
from appliance.host.checks.service import unit_names
from appliance.host.host import Host
from appliance.host.machine import Build, ClockState
from appliance.host.wish import make_wish
from appliance.state import HEADER_DTYPE, MAGIC, VERSION
from appliance.telemetry.registry import COUNTER_INDEX, METRICS
from dpdk_bindings import BackendInfo

CPU, NET = "/sys/devices/system/cpu", "/sys/class/net/ens1"
CARD = "/sys/bus/pci/devices/0000:03:00.0"
NOW_S = 1_000_000.0
PID = 700
CONFIG = """
[engine]
name = "test"
core = 2
[feed]
line_a = "afxdp:ens1,queue=0"
[orders]
queue = "dpdk:0000:03:00.0"
[journal]
path = "/data/day.tpj"
[strategy]
file = "mine.py:cross"
[host]
cores = "2-3"
devices = ["0000:03:00.0"]
"""
BOOT = "isolcpus=managed_irq,domain,2-3 nohz_full=2-3 rcu_nocbs=2-3 iommu=pt"
HEADINGS = "            " + "".join(f"CPU{core}  " for core in range(8))
STAT = "({name}) S 1 1 1 0 -1 {flags} 0 0 {major} 0 0 0 0 0 20 0 1 0 {start}" + " 0" * 16 + (
    " {core}" + " 0" * 10)


def columns(name: str, *counts: int) -> str:
    """A row of /proc/interrupts: so many on each of the first cores, 0 on the others."""
    return f"{name}: " + " ".join(map(str, (*counts, *([0] * (8 - len(counts))))))


def interrupts(**rows: int) -> str:
    """/proc/interrupts, with these counts on core 2."""
    names = {"LOC": 0, "CAL": 0, "TLB": 0, "RES": 0, "IWI": 0, "NMI": 0, "TRM": 0, "MCE": 0, **rows}
    lines = [columns(name.removeprefix("i"), 9, 0, count) for name, count in names.items()
             if name not in ("ERR", "MIS", "MCE")]
    lines += [columns("MCE", 0, 0, names["MCE"]), columns("33", 5), f"ERR: {rows.get('ERR', 0)}"]
    return "\n".join([HEADINGS, *lines])


def softirqs(**rows: int) -> str:
    names = dict.fromkeys(("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET",
                           "SCHED", "HRTIMER", "RCU"), 0) | rows
    return "\n".join([HEADINGS, *(columns(name, 9, 0, count) for name, count in names.items())])


def task(pid: int, name: str, core: int, cores: str, kernel: bool = False, major: int = 0,
         status: str = "") -> dict[str, str]:
    """One process of one thread."""
    text = STAT.format(name=name, flags=0x200000 if kernel else 0, core=core, major=major, start=0)
    words = f"Name:\t{name}\nCpus_allowed_list:\t{cores}\n{status}"
    return {f"/proc/{pid}/stat": f"{pid} {text}", f"/proc/{pid}/comm": name,
            f"/proc/{pid}/status": words, f"/proc/{pid}/task/{pid}/stat": f"{pid} {text}",
            f"/proc/{pid}/task/{pid}/status": words}


ENGINE_STATUS = "VmSwap:\t0 kB\nnonvoluntary_ctxt_switches:\t3"


def files() -> dict[str, str]:
    """Every file and its text; a value that begins with "->" is a symbolic link."""
    cores = {f"{CPU}/{name}": "0-7" for name in ("online", "present")}
    tree = cores | _proc() | _sys() | _net() | {
        **task(1, "systemd", 0, "0-1,4-7"), **task(10, "kworker/2:0", 2, "2", kernel=True),
        **task(11, "chronyd", 0, "0-1,4-7"), **task(PID, "python3", 2, "2", status=ENGINE_STATUS),
        f"/proc/{PID}/oom_score_adj": "-900", "/proc/self/cgroup": "0::/system.slice/a.service",
        "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t0\nCpus_allowed_list:\t0-7",
        "/etc/passwd": "root:x:0:0\ntickpath:x:900:900", "/etc/localtime": "->/usr/share/UTC",
        "/etc/tickpath/appliance.toml": '[engine]\nname = "test"\n', "/var/lib/tickpath/.": "",
        "/etc/systemd/system/multi-user.target.wants/appliance-tune.service": "[Unit]",
        "/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Unattended-Upgrade "0";',
        "/boot/config-6.1.0": "\n".join(
            f"CONFIG_{name}=y" for name in ("NO_HZ_FULL", "RCU_NOCB_CPU", "XDP_SOCKETS",
                                            "BPF_SYSCALL", "VFIO_PCI", "CPUSETS")
        ) + "\nCONFIG_HZ=1000\n# CONFIG_KASAN is not set",
        "/data/.": "", "/dev/shm/.": "", "/dev/vfio/13": "",
        "/var/lib/tickpath/tune/journal":
            "tickpath-tune\t1\nboot\tB\nset\t1\tthp\tchoice\t/sys/x\ta\tb\ngot\t1\tb\nend",
    }
    return tree | {f"/etc/systemd/system/{unit}": "[Unit]\nLimitMEMLOCK=infinity"
                   for unit in unit_names()}


def _proc() -> dict[str, str]:
    processor = ("flags\t\t: fpu rdtscp constant_tsc nonstop_tsc tsc_adjust pdpe1gb\n"
                 "microcode\t: 0x2b")
    return {
        "/proc/cpuinfo": "\n\n".join(f"processor\t: {core}\n{processor}" for core in range(8)),
        "/proc/stat": "cpu  0 0 0 0 0 0 0 0 0 0\ncpu2 5 0 5 9 0 0 0 0 0 0\n"
                      "cpu3 5 0 5 9 0 0 0 0 0 0",
        "/proc/uptime": "1000.00 900.00", "/proc/loadavg": "0.10 1.20 0.10 1/200 999",
        "/proc/interrupts": interrupts(), "/proc/softirqs": softirqs(),
        "/proc/meminfo": "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB\nSwapTotal: 0 kB\n"
                         "SwapFree: 0 kB",
        "/proc/vmstat": "pgfault 7\noom_kill 0", "/proc/mounts": "proc /proc proc rw 0 0",
        "/proc/self/mountinfo": "1 0 259:2 / / rw - ext4 /dev/nvme0n1p1 rw\n"
                                "2 1 259:2 / /data rw,noatime - ext4 /dev/nvme0n1p2 rw",
        **{f"/proc/pressure/{name}": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
           for name in ("cpu", "memory", "io")},
        "/proc/cmdline": BOOT, "/proc/modules": "vfio_pci 1 0 - Live 0x0",
        "/proc/1/cgroup": "0::/init.scope", "/proc/sys/kernel/random/boot_id": "B",
        "/proc/sys/kernel/osrelease": "6.1.0", "/proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC",
        "/proc/sys/kernel/core_pattern": "core",
        **{f"/proc/sys/{name}": value for name, value in {
            "kernel/tainted": "0", "kernel/stack_tracer_enabled": "0",
            "kernel/random/entropy_avail": "256", "kernel/threads-max": "100000",
            "kernel/io_uring_disabled": "0", "kernel/unprivileged_bpf_disabled": "2",
            "kernel/yama/ptrace_scope": "1", "kernel/randomize_va_space": "2",
            "kernel/kptr_restrict": "1", "kernel/dmesg_restrict": "1", "vm/max_map_count": "65530",
            "vm/overcommit_memory": "0", "vm/zone_reclaim_mode": "0",
            "net/core/rmem_max": "16777216", "net/core/wmem_max": "4194304",
            "net/core/netdev_max_backlog": "10000", "net/core/busy_poll": "0",
            "net/core/busy_read": "0", "net/core/bpf_jit_enable": "1",
            "net/ipv4/igmp_max_memberships": "20", "net/ipv4/conf/all/rp_filter": "0",
            "net/ipv4/conf/ens1/rp_filter": "2"}.items()},
    }


def _sys() -> dict[str, str]:
    core, node = f"{CPU}/cpu2", "/sys/devices/system/node/node0"
    huge = f"{node}/hugepages/hugepages-2048kB"
    queue = "/sys/devices/nvme0n1/queue"  # a disk's, the journal lying on its second partition
    return {
        f"{CPU}/isolated": "2-3", f"{CPU}/nohz_full": "2-3", f"{core}/node0/.": "",
        f"{core}/cache/index2/level": "2", f"{core}/cache/index2/shared_cpu_list": "2",
        f"{core}/cache/index3/level": "3", f"{core}/cache/index3/shared_cpu_list": "2-3",
        f"{core}/topology/thread_siblings_list": "2",
        f"{core}/cpufreq/scaling_max_freq": "4000000",
        f"{core}/cpufreq/cpuinfo_max_freq": "4000000",
        f"{core}/thermal_throttle/core_throttle_count": "0",
        f"{core}/thermal_throttle/package_throttle_count": "0",
        f"{CPU}/vulnerabilities/meltdown": "Not affected",
        f"{CPU}/vulnerabilities/spectre_v2": "Mitigation: Retpolines; PBRSB-eIBRS: Not affected",
        f"{node}/cpulist": "0-7", f"{node}/distance": "10 21", f"{huge}/free_hugepages": "512",
        f"{huge}/nr_hugepages": "512", f"{node}/meminfo": "Node 0 MemTotal: 64000000 kB",
        "/sys/kernel/mm/hugepages/hugepages-2048kB/.": "",
        "/sys/kernel/mm/hugepages/hugepages-1048576kB/.": "",
        **{f"/sys/devices/system/edac/mc/mc0/{leaf}": "0"
           for leaf in ("ce_count", "ue_count", "dimm0/size", "dimm1/size")},
        "/sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet",
        "/sys/class/rtc/rtc0/since_epoch": "1000001",
        "/sys/kernel/livepatch/mend/transition": "0", "/sys/kernel/tracing/current_tracer": "nop",
        "/sys/kernel/security/lockdown": "[none] integrity confidentiality",
        "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "N",
        "/sys/firmware/efi/efivars/SecureBoot-8be4": "\x06\0\0\0\0",
        "/sys/devices/nvme0n1/nvme0n1p2/.": "",
        "/sys/dev/block/259:2": "->/sys/devices/nvme0n1/nvme0n1p2",
        f"{queue}/rotational": "0", f"{queue}/scheduler": "[none] mq-deadline",
        f"{queue}/write_cache": "write through", "/sys/fs/ext4/nvme0n1p2/errors_count": "0",
        "/sys/kernel/iommu_groups/13/type": "identity", "/sys/fs/cgroup/system.slice/cpu.max":
            "max 100000", "/sys/fs/cgroup/system.slice/memory.max": "max",
    }


def _net() -> dict[str, str]:
    zero = ("rx_errors", "rx_missed_errors")
    return {
        f"{NET}/operstate": "up", f"{NET}/speed": "25000", f"{NET}/duplex": "full",
        f"{NET}/mtu": "1500", f"{NET}/device": f"->{CARD}", f"{NET}/carrier_changes": "2",
        f"{NET}/flags": "0x1003", **{f"{NET}/statistics/{name}": "0" for name in zero},
        f"{CARD}/driver": "->/sys/bus/pci/drivers/ice", f"{CARD}/numa_node": "0",
        f"{CARD}/iommu_group": "->/sys/kernel/iommu_groups/13",
        f"{CARD}/current_link_speed": "16.0 GT/s PCIe", f"{CARD}/max_link_speed": "16.0 GT/s PCIe",
        f"{CARD}/current_link_width": "8", f"{CARD}/max_link_width": "8",
        **{f"{CARD}/aer_dev_{kind}": f"RxErr 0\nTOTAL_ERR_{kind.upper()} 0"
           for kind in ("correctable", "nonfatal", "fatal")},
        f"{CARD}/net/ens1/.": "", f"{CARD}/power/control": "on", f"{CARD}/sriov_numvfs": "0",
        "/proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                           "eno1\t00000000\t0100000A\t0003\t0\t0\t0\t00000000",
        "/proc/net/packet": "sk RefCnt Type Proto Iface R Rmem User Inode",
        "/proc/net/arp": "IP address HW type Flags HW address Mask Device",
        "/proc/net/softnet_stat": "000000ff 00000000 00000000 00000000",
        "/proc/net/snmp": "Udp: InDatagrams RcvbufErrors InCsumErrors\nUdp: 5 0 0",
    }


def write(root: Path, tree: dict[str, str]) -> None:
    for name, text in tree.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/."):
            path.mkdir(exist_ok=True)
            continue
        path.unlink(missing_ok=True)  # copies share their files: none is written into
        if text.startswith("->"):
            path.symlink_to(os.path.relpath(root / text[3:], path.parent))
        else:
            path.write_text(text if "efivars" in name else text + "\n")


def copy(root: Path, to: Path) -> Path:
    """A tree of its own whose files are shared until one is replaced."""
    shutil.copytree(root, to, symlinks=True, copy_function=os.link)
    return to


def segment(root: Path, words: dict[str, int] | None = None, **counters: int) -> None:
    """The segment of an engine that runs; ``words`` are of its header."""
    header = np.zeros(1, HEADER_DTYPE)[0]
    offset = 4096
    for name, value in {"magic": MAGIC, "version": VERSION, "engine_pid": PID,
                        "counters_offset": offset, "start_ns": 1,
                        "heartbeat_ns": int(NOW_S * 1e9), "name": b"test",
                        "queue_feed_a": b"afxdp zerocopy", "queue_orders": b"dpdk poll",
                        **(words or {})}.items():
        header[name] = value
    values = np.zeros(len(METRICS), "<u8")
    for name, value in {"feed_state": 1, **counters}.items():
        values[COUNTER_INDEX[name]] = value
    path = root / "dev/shm/tickpath.test"
    path.unlink(missing_ok=True)
    path.write_bytes(header.tobytes().ljust(offset, b"\0") + values.tobytes())
    path.chmod(0o600)


CLOCK = ClockState(True, 2_000, 1_000_000, False)
BUILD = Build("3.11.2", False, "x86_64", (), frozenset({62}))


@dataclass(frozen=True)
class Answers:
    """A machine that answers as it is told."""

    state: ClockState = CLOCK
    now: float = NOW_S
    limits: dict[str, int] = field(default_factory=lambda: {"RLIMIT_CORE": 0})
    made: Build = BUILD
    rows: tuple[BackendInfo, ...] = tuple(
        BackendInfo(name, "", True, True, "", "", "") for name in ("dpdk", "afxdp"))
    memory: str = "128 MiB in huge pages"
    dpdk: str = "DPDK 22.11.5"
    packages: tuple[str, ...] = ("numba", "pyarrow", "matplotlib")
    meanwhile: Callable[[], None] = lambda: None

    def clock(self) -> ClockState:
        return self.state

    def now_s(self) -> float:
        return self.now

    def wait(self, seconds: float) -> float:
        self.meanwhile()
        return seconds

    def limit(self, name: str) -> tuple[int, int]:
        value = self.limits.get(name, -1)
        return value, value

    def build(self) -> Build:
        return self.made

    def backends(self) -> list[BackendInfo]:
        return list(self.rows)

    def dpdk_memory(self) -> str:
        return self.memory

    def dpdk_version(self) -> str:
        return self.dpdk

    def package(self, name: str) -> str:
        return "1.0" if name in self.packages else ""


def healthy(root: Path) -> None:
    write(root, files())
    (root / "dev/vfio/13").chmod(0o600)
    segment(root)


def case(root: Path, text: str = CONFIG, answers: Answers | None = None) -> Case:
    config: Config = from_text(text, "test")
    host = Host(root)
    wish = make_wish(host, config)
    return Case(host, wish, config, answers or Answers())


def other(**changes: object) -> Answers:
    """Answers that differ in these."""
    return replace(Answers(), **changes)  # type: ignore[arg-type]
