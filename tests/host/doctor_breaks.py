"""What makes each check of doctor complain: one change of the healthy server each.

A row is the id, what changes (files, None takes one away; "config" and "segment" are not files)
and what the measured text has to name.
"""

from __future__ import annotations

from typing import Any

from doctor_tree import (
    CARD,
    CONFIG,
    CPU,
    NET,
    PID,
    STAT,
    interrupts,
    other,
    softirqs,
    task,
)

from appliance.host.machine import Build, ClockState
from dpdk_bindings import BackendInfo

Row = tuple[str, dict[str, Any], str]
CORE, NODE = f"{CPU}/cpu2", "/sys/devices/system/node/node0"
HUGE, QUEUE = f"{NODE}/hugepages/hugepages-2048kB", "/sys/devices/nvme0n1/queue"
CLOCKS = "/sys/devices/system/clocksource/clocksource0"
ENGINE = f"/proc/{PID}/status"
MOUNTS, TUNE = "/proc/self/mountinfo", "/var/lib/tickpath/tune/journal"
STATUS = "CapEff:\t{cap}\nSeccomp:\t{seccomp}\nCpus_allowed_list:\t{cores}"
BOOT = "/boot/config-6.1.0"


def pressed(name: str) -> dict[str, Any]:
    return {f"/proc/pressure/{name}": "some avg10=0.00 avg60=55.00 avg300=0.00 total=9"}


def sysctl(name: str, value: int) -> dict[str, Any]:
    return {f"/proc/sys/{name}": str(value)}


def config(old: str, new: str) -> dict[str, Any]:
    assert old in CONFIG
    return {"config": CONFIG.replace(old, new)}


def built(**changes: Any) -> dict[str, Any]:
    facts = {"python": "3.11.2", "debug": False, "machine": "x86_64", "missing": (),
             "elf_machines": frozenset({62}), **changes}
    return {"answers": other(made=Build(**facts))}


def timed(**changes: Any) -> dict[str, Any]:
    facts = {"synchronised": True, "offset_ns": 0, "error_ns_max": 0, "leap_pending": False}
    return {"answers": other(state=ClockState(**{**facts, **changes}))}


def limited(**limits: int) -> dict[str, Any]:
    return {"answers": other(limits=limits)}


def engine(counters: dict[str, int] | None = None, **words: Any) -> dict[str, Any]:
    return {"segment": (words, counters or {})}


def mounted(kind: str = "ext4", options: str = "rw") -> dict[str, Any]:
    return {MOUNTS: f"1 0 259:2 / / rw - ext4 /dev/nvme0n1p1 rw\n"
                    f"2 1 259:2 / /data {options} - {kind} /dev/nvme0n1p2 rw"}


FLAGS = "processor : 0\nflags : fpu hypervisor"
CPU_ROWS: list[Row] = [
    ("cpu.loop_core", {"config": "", f"{CPU}/isolated": ""}, "the highest"),
    ("cpu.invariant_tsc", {"/proc/cpuinfo": FLAGS}, "no constant_tsc and no nonstop_tsc"),
    ("cpu.fast_tsc_read", {"/proc/cpuinfo": FLAGS}, "no rdtscp"),
    ("cpu.hypervisor", {"/proc/cpuinfo": FLAGS}, "a virtual machine"),
    ("cpu.steal", {"/proc/stat": "cpu2 5 0 5 9 0 0 0 250 0 0\ncpu3 5 0 5 9 0 0 0 0 0 0"}, "2.50 s"),
    ("cpu.l2_shared", {f"{CORE}/cache/index2/shared_cpu_list": "2,4"}, "core 4"),
    ("cpu.llc_shared", {f"{CORE}/cache/index3/shared_cpu_list": "0-3"}, "core 0-1"),
    ("cpu.frequency_cap", {f"{CORE}/cpufreq/scaling_max_freq": "2000000"}, "2000 of 4000 MHz"),
    ("cpu.throttled", {f"{CORE}/thermal_throttle/core_throttle_count": "7"}, "7 of the core"),
    ("cpu.machine_checks", {"/proc/interrupts": interrupts(MCE=1)}, "1 since boot"),
    ("cpu.microcode", {"/proc/cpuinfo": "flags : fpu\nmicrocode : 0x1\nmicrocode : 0x2"}, "0x2"),
    ("cpu.vulnerabilities", {f"{CPU}/vulnerabilities/meltdown": "Vulnerable"}, "meltdown"),
    ("cpu.mitigation_cost", {f"{CPU}/vulnerabilities/meltdown": "Mitigation: PTI"}, "PTI"),
    ("cpu.user_tasks", task(20, "cron", 2, "0-7"), "1, as cron"),
    ("cpu.kernel_threads", task(20, "kworker/u16", 3, "0-7", kernel=True), "kworker/u16"),
    ("cpu.online", {f"{CPU}/online": "0-5"}, "core 6-7 is off"),
]
INTERRUPT_ROWS: list[Row] = [
    ("interrupts.devices", {"/proc/interrupts": interrupts(i24=12)}, "interrupt 24"),
    *[(f"interrupts.{name}", {"/proc/interrupts": interrupts(**{row: 90_000})}, "90.00/s")
      for name, row in (("timer", "LOC"), ("function_calls", "CAL"), ("tlb_shootdowns", "TLB"),
                        ("rescheduling", "RES"), ("irq_work", "IWI"), ("not_maskable", "NMI"))],
    ("interrupts.thermal", {"/proc/interrupts": interrupts(TRM=2)}, "2 since boot"),
    ("interrupts.errors", {"/proc/interrupts": interrupts(ERR=3)}, "ERR 3"),
    *[(f"interrupts.{name}", {"/proc/softirqs": softirqs(**{row: 90_000})}, "90.00/s")
      for name, row in (("network_softirqs", "NET_RX"), ("storage_softirqs", "BLOCK"),
                        ("timer_softirqs", "HRTIMER"), ("rcu_softirqs", "RCU"),
                        ("scheduler_softirqs", "SCHED"), ("tasklets", "TASKLET"))],
]
MEMINFO = "MemTotal: 64000000 kB\nMemAvailable: {free} kB\nSwapTotal: 4096 kB\nSwapFree: {swap} kB"
MEMORY_ROWS: list[Row] = [
    ("memory.huge_pages_free", {f"{HUGE}/free_hugepages": "3", "segment": None}, "6 of 1024 MiB"),
    ("memory.huge_page_sizes", {"/sys/kernel/mm/hugepages/hugepages-1048576kB/.": None}, "2 MiB"),
    ("memory.huge_page_files", {"/dev/hugepages/rtemap_0": ""}, "rtemap_0"),
    ("memory.available", {"/proc/meminfo": MEMINFO.format(free=99, swap=4096)}, "0 of 62,500 MiB"),
    ("memory.swap_used", {"/proc/meminfo": MEMINFO.format(free=9**8, swap=1024)}, "3 MiB"),
    ("memory.pressure", pressed("memory"), "55.0 %"),
    ("memory.out_of_memory_kills", {"/proc/vmstat": "oom_kill 2"}, "2 since boot"),
    ("memory.corrected_errors", {"/sys/devices/system/edac/mc/mc0/ce_count": "4"}, "4 corrected"),
    ("memory.channels", {"/sys/devices/system/edac/mc/mc0/dimm1/size": None}, "1 modules"),
    ("memory.numa_distance", {f"{CARD}/numa_node": "1"}, "distance 21"),
    ("memory.overcommit", sysctl("vm/overcommit_memory", 2), "2"),
    ("memory.zone_reclaim", sysctl("vm/zone_reclaim_mode", 1), "1"),
    ("memory.core_node", {f"{NODE}/meminfo": "Node 0 MemTotal: 0 kB"}, "0 MiB"),
]
KERNEL_ROWS: list[Row] = [
    ("kernel.version", {"/proc/sys/kernel/osrelease": "5.4.0-1"}, "5.4.0-1"),
    ("kernel.version", {"/proc/sys/kernel/osrelease": "5.10.0"}, "5.10.0"),
    ("kernel.isolation_agrees", {"/proc/cmdline": "isolcpus=2-3 nohz_full=2 rcu_nocbs=2"},
     "nohz_full=2"),
    ("kernel.isolation_agrees", {"/proc/cmdline": "nohz_full=2-3"}, "no isolcpus"),
    *[(f"kernel.{name}", {BOOT: "CONFIG_OTHER=y"}, f"CONFIG_{option}")
      for name, option in (("nohz_full_built", "NO_HZ_FULL"), ("rcu_nocb_built", "RCU_NOCB_CPU"),
                           ("xdp_built", "XDP_SOCKETS"), ("vfio_built", "VFIO_PCI"),
                           ("cpusets_built", "CPUSETS"))],
    ("kernel.xdp_built", {BOOT: "CONFIG_XDP_SOCKETS=y"}, "CONFIG_BPF_SYSCALL"),
    ("kernel.tick_rate", {f"{CPU}/nohz_full": ""}, "1000 Hz"),
    ("kernel.preemption", {"/proc/sys/kernel/version": "#1 SMP PREEMPT_RT"}, "PREEMPT_RT"),
    ("kernel.debugging", {BOOT: "CONFIG_KASAN=y"}, "CONFIG_KASAN"),
    ("kernel.tainted", sysctl("kernel/tainted", 1 << 14), "soft lockup"),
    ("kernel.live_patch", {"/sys/kernel/livepatch/mend/transition": "1"}, "mend"),
    ("kernel.profilers", {"/sys/kernel/tracing/current_tracer": "function"}, "function"),
    ("kernel.profilers", sysctl("kernel/stack_tracer_enabled", 1), "stack tracer"),
    ("kernel.load", {"/proc/loadavg": "9.0 9.5 9.0 9/200 999"}, "8.50 on 6 cores"),
    ("kernel.cpu_pressure", pressed("cpu"), "55.0 %"),
    ("kernel.entropy", sysctl("kernel/random/entropy_avail", 9), "9 bits"),
]
CLOCK_ROWS: list[Row] = [
    ("clock.tsc_trusted", {f"{CLOCKS}/available_clocksource": "hpet acpi_pm"}, "hpet, acpi_pm"),
    ("clock.synchronised", timed(synchronised=False), "no"),
    ("clock.offset", timed(offset_ns=-900_000), "-900.0 us"),
    ("clock.error", timed(error_ns_max=50_000_000), "50.00 ms"),
    ("clock.leap_second", timed(leap_pending=True), "pending"),
    ("clock.one_daemon", task(30, "ntpd", 0, "0-1"), "chronyd and ntpd"),
    ("clock.timezone", {"/etc/localtime": "->/usr/share/Berlin"}, "Berlin"),
    ("clock.rtc", {"/sys/class/rtc/rtc0/since_epoch": "999000"}, "-1000 s"),
]
ROUTE = ("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
         "ens1\t00000000\t0100000A\t0003\t0\t0\t0\t00000000")
ROUTE_6 = f"{'0' * 32} 00 {'0' * 32} 00 fe80 0 0 0 0 ens1"
NET_ROWS: list[Row] = [
    ("network.carrier", {f"{NET}/operstate": "down"}, "ens1: down"),
    ("network.speed", {f"{NET}/speed": "1000"}, "1000 Mb/s"),
    ("network.duplex", {f"{NET}/duplex": "half"}, "half"),
    ("network.mtu", {f"{NET}/mtu": "9000"}, "9000"),
    ("network.mtu", {f"{NET}/mtu": "1280"}, "1280"),
    ("network.physical", {f"{NET}/wireless/.": ""}, "wireless"),
    ("network.physical", {f"{NET}/device": None}, "virtual"),
    ("network.driver", {f"{CARD}/driver": "->/sys/bus/pci/drivers/r8169"}, "r8169"),
    ("network.errors", {f"{NET}/statistics/rx_errors": "12"}, "rx_errors 12"),
    ("network.drops", {f"{NET}/statistics/rx_missed_errors": "3"}, "rx_missed_errors 3"),
    ("network.carrier_changes", {f"{NET}/carrier_changes": "40"}, "40"),
    ("network.default_route", {"/proc/net/route": ROUTE}, "default route"),
    ("network.default_route", {"/proc/net/ipv6_route": ROUTE_6}, "default route"),
    ("network.bridged", {f"{NET}/master": "->/sys/class/net/br0"}, "br0"),
    ("network.promiscuous", {f"{NET}/flags": "0x1103"}, "on"),
    ("network.packet_sockets", {"/proc/net/packet": "sk RefCnt\n000 3"}, "1 open"),
    ("network.connection_tracking", sysctl("net/netfilter/nf_conntrack_count", 5), "5 connections"),
    ("network.firewall", {"/proc/modules": "nf_tables 1 9 x, Live 0x0"}, "nf_tables"),
    ("network.rp_filter", sysctl("net/ipv4/conf/ens1/rp_filter", 1), "strict"),
    ("network.neighbour", config('queue = "dpdk', 'venue_mac = ""\nqueue = "dpdk'), "is not known"),
    ("network.stack_drops", {"/proc/net/softnet_stat": "ff 0000000a 0 0"}, "10 dropped"),
    ("network.udp_errors", {"/proc/net/snmp": "Udp: In RcvbufErrors\nUdp: 5 8"}, "RcvbufErrors 8"),
    ("network.busy_poll", sysctl("net/core/busy_poll", 50), "50 us"),
    ("network.rmem_max", sysctl("net/core/rmem_max", 212_992), "212,992"),
    ("network.wmem_max", sysctl("net/core/wmem_max", 212_992), "212,992"),
    ("network.backlog", sysctl("net/core/netdev_max_backlog", 1000), "1,000"),
    ("network.igmp_memberships", sysctl("net/ipv4/igmp_max_memberships", 1), "1"),
    ("network.bpf_jit", sysctl("net/core/bpf_jit_enable", 0), "0"),
]
DEVICE_ROWS: list[Row] = [
    ("devices.link_speed", {f"{CARD}/current_link_speed": "8.0 GT/s PCIe"}, "8.0 GT/s"),
    ("devices.link_width", {f"{CARD}/current_link_width": "4"}, "4 of 8"),
    ("devices.bus_errors", {f"{CARD}/aer_dev_nonfatal": "TOTAL_ERR_NONFATAL 2"}, "2 nonfatal"),
    ("devices.power_saving", {f"{CARD}/power/control": "auto"}, "auto"),
    ("devices.virtual_functions", {f"{CARD}/sriov_numvfs": "4"}, "4"),
    ("devices.iommu", {"/sys/kernel/iommu_groups/13/type": None}, "none"),
    ("devices.iommu_mode", {"/sys/kernel/iommu_groups/13/type": "DMA-FQ"}, "DMA-FQ"),
    ("devices.interrupt_remapping", {"/proc/cmdline": "intremap=off"}, "off"),
]
LIMIT_ROWS: list[Row] = [
    ("limits.memory_lock", limited(RLIMIT_MEMLOCK=8 << 20), "8,388,608"),
    ("limits.real_time", limited(RLIMIT_RTPRIO=0), "0"),
    ("limits.open_files", limited(RLIMIT_NOFILE=1024), "1,024"),
    ("limits.core_dumps", limited(RLIMIT_CORE=-1), "to core"),
    ("limits.capabilities", {"/proc/self/status": STATUS.format(cap="0", seccomp=0, cores="0-7")},
     "CAP_NET_RAW"),
    ("limits.seccomp", {"/proc/self/status": STATUS.format(cap="0", seccomp=2, cores="0-7")},
     "filtered"),
    ("limits.container", {"/run/systemd/container": "podman"}, "podman"),
    ("limits.container", {"/proc/1/cgroup": "0::/kubepods/x"}, "kubepods"),
    ("limits.cpu_quota", {"/sys/fs/cgroup/system.slice/cpu.max": "50000 100000"}, "50000 100000"),
    ("limits.memory_quota", {"/sys/fs/cgroup/system.slice/a.service/memory.max": "99"}, "99 in"),
    ("limits.loop_core_allowed",
     {"/proc/self/status": STATUS.format(cap="0", seccomp=0, cores="0-2")}, "not allowed: 3"),
    ("limits.map_count", sysctl("vm/max_map_count", 9), "9"),
    ("limits.threads", sysctl("kernel/threads-max", 9), "9"),
    ("limits.io_uring", sysctl("kernel/io_uring_disabled", 2), "2"),
]
STORAGE_ROWS: list[Row] = [
    ("storage.folder", config("/data/", "/nowhere/"), "there is no /nowhere"),
    ("storage.folder", mounted(options="ro"), "read-only"),
    ("storage.filesystem", mounted("nfs4"), "over a network"),
    ("storage.filesystem", mounted("tmpfs"), "gone with the next boot"),
    ("storage.direct_io", mounted("overlay"), "overlay"),
    ("storage.mount_options", mounted(options="rw,sync,discard"), "sync, discard on /data"),
    ("storage.rotational", {f"{QUEUE}/rotational": "1"}, "it spins"),
    ("storage.scheduler", {f"{QUEUE}/scheduler": "none [bfq]"}, "bfq"),
    ("storage.write_cache", {f"{QUEUE}/write_cache": "write back"}, "write back"),
    ("storage.disk_errors", {"/sys/fs/ext4/nvme0n1p2/errors_count": "2"}, "2 on nvme0n1p2"),
    ("storage.pressure", pressed("io"), "55.0 %"),
]
NO_DPDK = (BackendInfo("dpdk", "", False, False, "", "not built", "build it"),
           BackendInfo("afxdp", "", True, True, "", "", ""))
SOFTWARE_ROWS: list[Row] = [
    ("software.python", built(python="3.9.1"), "3.9.1"),
    ("software.python_debug", built(debug=True), "debug"),
    ("software.extensions", built(missing=("appliance.tile",)), "appliance.tile"),
    ("software.architecture", built(elf_machines=frozenset({183})), "aarch64 on x86_64"),
    ("software.backends", {"answers": other(rows=NO_DPDK)}, "dpdk: not built"),
    ("software.dpdk", {"answers": other(rows=NO_DPDK)}, "not built in"),
    ("software.dpdk", {"answers": other(dpdk="DPDK 20.11.3")}, "20.11"),
    ("software.dpdk_memory", {"answers": other(memory="128 MiB of ordinary memory")}, "ordinary"),
    ("software.optional_packages", {"answers": other(packages=("numba",))}, "pyarrow"),
    ("software.strategy", {"answers": other(packages=())}, "no numba"),
]
HEAD = "tickpath-tune\t1\nboot\tB\n"
SERVICE_ROWS: list[Row] = [
    ("service.units", {"/etc/systemd/system/appliance.slice": None}, "appliance.slice"),
    ("service.tuned_at_boot",
     {"/etc/systemd/system/multi-user.target.wants/appliance-tune.service": None}, "it is not"),
    ("service.user", {"/etc/passwd": "root:x:0:0"}, "no user tickpath"),
    ("service.configuration", {"/etc/tickpath/appliance.toml": "[engine]\nnmae = 1"}, "nmae"),
    ("service.tune_journal", {TUNE: "something else\n"}, "damaged at line 1"),
    ("service.half_applied", {TUNE: f"{HEAD}begin\tthp"}, "cut short"),
    ("service.tuned_this_boot", {"/proc/sys/kernel/random/boot_id": "C"}, "0 of 1"),
    ("service.stale_segments", engine(engine_pid=999), "/dev/shm/tickpath.test"),
    ("service.version", engine(version=1), "test is 1"),
    ("service.other_tuners", task(40, "power-profiles-daemon"[:15], 0, "0-1"), "power-profiles"),
    ("service.upgrades", {"/etc/apt/apt.conf.d/20auto-upgrades":
                          'APT::Periodic::Unattended-Upgrade "1";'}, "on (apt)"),
    ("service.interactive_load", task(41, "Xorg", 0, "0-1"), "Xorg"),
]
SECURITY_ROWS: list[Row] = [
    ("security.lockdown", {"/sys/kernel/security/lockdown": "none [integrity]"}, "integrity"),
    ("security.secure_boot", {"/sys/firmware/efi/efivars/SecureBoot-8be4": "\x06\0\0\0\1"}, "on"),
    ("security.vfio_groups", {"mode": ("/dev/vfio/13", 0o666)}, "/dev/vfio/13"),
    ("security.vfio_unsafe",
     {"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "Y"}, "on"),
    ("security.segments", {"mode": ("/dev/shm/tickpath.test", 0o666)}, "tickpath.test"),
    ("security.configuration", {"mode": ("/etc/tickpath/appliance.toml", 0o666)}, "appliance.toml"),
    ("security.exporter", {"config": f'{CONFIG}\n[telemetry]\nport = 9000\naddress = "0.0.0.0"'},
     "0.0.0.0:9000"),
    ("security.access_control", {"/sys/fs/selinux/enforce": "1"}, "SELinux"),
    ("security.unprivileged_bpf", sysctl("kernel/unprivileged_bpf_disabled", 0), "0"),
    ("security.ptrace", sysctl("kernel/yama/ptrace_scope", 0), "0"),
    ("security.address_randomisation", sysctl("kernel/randomize_va_space", 0), "0"),
    ("security.kernel_pointers", sysctl("kernel/kptr_restrict", 0), "0"),
    ("security.kernel_log", sysctl("kernel/dmesg_restrict", 0), "0"),
]
ENGINE_ROWS: list[Row] = [
    ("engine.heartbeat", engine(heartbeat_ns=1), "s"),
    ("engine.trading", engine(kill=1, kill_reason=b"enough"), "halted: operator (enough)"),
    ("engine.feed", engine({"feed_state": 2}), "stale"),
    ("engine.feed", engine({"feed_state": 0}), "waiting"),
    ("engine.journal", engine(journal_error=28), "No space left"),
    ("engine.journal", engine({"journal_full": 1}), "the ring was full"),
    ("engine.queues", engine(queue_feed_a=b"afxdp copy"), "feed_a: afxdp copy"),
    ("engine.queues", config("core = 2", 'core = 2\nrequire = "zerocopy"'), "dpdk poll"),
    ("engine.pinned", {ENGINE: "Cpus_allowed_list:\t0-7"}, "core 0-7"),
    ("engine.preempted", {ENGINE: "nonvoluntary_ctxt_switches:\t5000"}, "5.00/s"),
    ("engine.page_faults", {f"/proc/{PID}/stat": f"{PID} " + STAT.format(
        name="python3", flags=0, core=2, major=900, start=0)}, "900"),
    ("engine.swapped", {ENGINE: "VmSwap:\t12 kB"}, "12 kB"),
    ("engine.out_of_memory_score", {f"/proc/{PID}/oom_score_adj": "0"}, "0"),
    ("engine.drops", engine({"net_drop_runt": 4}), "net_drop_runt 4"),
]
ROWS = [*CPU_ROWS, *INTERRUPT_ROWS, *MEMORY_ROWS, *KERNEL_ROWS, *CLOCK_ROWS, *NET_ROWS,
        *DEVICE_ROWS, *LIMIT_ROWS, *STORAGE_ROWS, *SOFTWARE_ROWS, *SERVICE_ROWS, *SECURITY_ROWS,
        *ENGINE_ROWS]
# What depends on the room of a file system: test_doctor.py gives them less.
ROOM = {"memory.shm_room", "storage.free", "storage.inodes", "storage.state_room"}
