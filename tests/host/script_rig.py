"""A host as a tree of files, and the scripts run on it: what tests/host/test_scripts.py needs.

The kernel's part is played by shell_kernel.sh, which stands in for the commands that write; what
Python writes goes through it, too, so both see the same kernel.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.config import from_text
from appliance.host.host import STATE_FOLDER, Host
from appliance.host.tuner import undo
from appliance.host.wish import Wish, make_wish

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
COMMON = SCRIPTS / "host_common.sh"
KERNEL = Path(__file__).with_name("shell_kernel.sh")
SHELLS = [["dash"]] + ([["busybox", "sh"]] if shutil.which("busybox") else [])
JOURNAL = f"{STATE_FOLDER}/journal"
SWAPPINESS = "/proc/sys/vm/swappiness"
THP = "/sys/kernel/mm/transparent_hugepage"
PCI = "/sys/bus/pci"
CARD, ROUTED, LONE, DISK = "0000:03:00.0", "0000:04:00.0", "0000:05:00.0", "0000:00:1f.2"

APPLIES = {
    "setup_hugepages.sh": ["--size", "2M", "--count", "512"],
    "irq_affinity.sh": ["--cores", "2-3"],
    "cpu_governor.sh": ["performance", "--cores", "1-3"],
    "bind_nic.sh": [CARD],
}

FILES = {
    "/proc/sys/kernel/random/boot_id": "6f9d-1",
    SWAPPINESS: "60",
    "/proc/irq/default_smp_affinity": "f",
    "/proc/irq/0/smp_affinity_list": "0-3",
    "/proc/irq/24/smp_affinity_list": "0-3",
    "/proc/irq/25/smp_affinity_list": "2-3",
    "/proc/irq/26/smp_affinity_list": "0-1",
    "/proc/net/route": "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                       "eth2\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\n"
                       "eth2\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF",
    "/proc/net/if_inet6": f"fe80{'0' * 27}1 02 40 20 80     eth1",
    "/proc/net/ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 1 0 200200 lo",
    "/proc/1/comm": "systemd",
    "/sys/devices/system/cpu/online": "0-3",
    "/sys/devices/system/cpu/present": "0-3",
    "/sys/devices/system/cpu/isolated": "",
    "/sys/kernel/security/lockdown": "[none] integrity confidentiality",
    f"{THP}/enabled": "[always] madvise never",
    f"{THP}/defrag": "always defer defer+madvise [madvise] never",
    f"{PCI}/drivers_probe": "",
}


def _pages(node: str, kib: int, count: int) -> dict[str, str]:
    folder = f"{node}/hugepages/hugepages-{kib}kB"
    return {f"{folder}/nr_hugepages": str(count), f"{folder}/free_hugepages": str(count)}


@dataclass
class Rig:
    """One tree. ``bin`` has the kernel as dd, ``bin_counted`` as all that writes; ``steps`` is how
    many the last script took that was to be killed."""

    root: Path
    bin: Path
    bin_counted: Path
    shell: list[str]
    steps: int = 0

    def write(self, name: str, text: str) -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
        return path

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        return self.path(name).read_text().removesuffix("\n")

    def link(self, name: str, to: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).symlink_to(to)

    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "TICKPATH_ROOT": str(self.root),
                "KERNEL_REAL": os.environ["PATH"], "KERNEL_ROOT": str(self.root)}

    def run(self, script: str | Path, *words: str, kill_at: int = 0,
            prefix: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment() | more
        counter = self.bin_counted / "steps"
        if kill_at:
            counter.write_text("0\n")
            environment |= {"KERNEL_STEPS": str(counter), "KERNEL_KILL": str(kill_at),
                            "PATH": f"{self.bin_counted}:{environment['PATH']}"}
        path = SCRIPTS / script if isinstance(script, str) else script
        done = subprocess.run([*prefix, *self.shell, str(path), *words], env=environment,
                              capture_output=True, text=True, timeout=60)
        if kill_at:
            self.steps = int(counter.read_text())
        return done

    def tree(self, journal: bool = False) -> dict[str, bytes | str]:
        """Every file and link, the state folder left out unless ``journal``."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = f"/{path.relative_to(self.root)}"
            if name.startswith("/var") and not journal:
                continue
            if path.is_symlink():
                found[name] = f"link {os.readlink(path)}"
            elif path.is_file():
                found[name] = path.read_bytes()
        return found

    def host(self) -> Host:
        return KernelHost(self)

    def wish(self, toml: str = "") -> Wish:
        return make_wish(self.host(), from_text(toml, "test"))


class KernelHost(Host):
    """The rig's tree; the rig's kernel does what it does on a write."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.root)
        self.rig = rig

    def write(self, name: str, text: str) -> None:
        path = str(self.path(name))
        done = subprocess.run([str(self.rig.bin / "dd"), f"of={path}", "status=none"], text=True,
                              input=text + "\n", capture_output=True, env=self.rig.environment())
        if done.returncode:
            reason = done.stderr.strip().rpartition(": ")[2]
            number = next(n for n in errno.errorcode if os.strerror(n) == reason)
            raise OSError(number, reason)


def add_card(rig: Rig, address: str, driver: str, interface: str = "", group: str = "",
             kind: str = "0x020000") -> None:
    device = f"{PCI}/devices/{address}"
    for file, text in (("class", kind), ("driver_override", "(null)"), ("native", driver)):
        rig.write(f"{device}/{file}", text)
    add_driver(rig, driver)
    rig.link(f"{device}/driver", f"../../drivers/{driver}")
    rig.link(f"{PCI}/drivers/{driver}/{address}", f"../../devices/{address}")
    if interface:
        rig.path(f"{device}/net/{interface}").mkdir(parents=True)
        rig.path(f"/sys/class/net/{interface}").mkdir(parents=True)
    if group:
        rig.path(f"/sys/kernel/iommu_groups/{group}/devices").mkdir(parents=True, exist_ok=True)
        rig.link(f"{device}/iommu_group", f"../../../../kernel/iommu_groups/{group}")
        rig.link(f"/sys/kernel/iommu_groups/{group}/devices/{address}",
                 f"../../../../bus/pci/devices/{address}")


def add_driver(rig: Rig, name: str) -> None:
    for file in ("bind", "unbind"):
        rig.write(f"{PCI}/drivers/{name}/{file}", "")


def make_rig(folder: Path, shell: list[str] = SHELLS[0]) -> Rig:
    """A host of four cores, two NUMA nodes and three network cards."""
    rig = Rig(folder / "host", folder / "bin", folder / "bin_counted", shell)
    for place, commands in ((rig.bin, ("dd",)), (rig.bin_counted, ("dd", "sync", "mv"))):
        place.mkdir()
        for command in commands:
            (place / command).symlink_to(KERNEL)
    files = dict(FILES)
    for core in range(4):
        frequency = f"/sys/devices/system/cpu/cpufreq/policy{core}"
        files[f"{frequency}/affected_cpus"] = str(core)
        files[f"{frequency}/scaling_governor"] = "powersave"
        files[f"{frequency}/scaling_available_governors"] = "performance powersave"
    for kib in (2048, 1048576):
        files |= _pages("/sys/kernel/mm", kib, 6)
        for node in (0, 1):
            files |= _pages(f"/sys/devices/system/node/node{node}", kib, 3)
    for name, text in files.items():
        rig.write(name, text)
    add_driver(rig, "vfio-pci")
    add_driver(rig, "uio_pci_generic")
    add_card(rig, CARD, "igb", "eth1", group="7")
    add_card(rig, ROUTED, "ixgbe", "eth2", group="8")
    add_card(rig, LONE, "e1000e", "eth3")
    add_card(rig, DISK, "ahci", kind="0x010601", group="9")
    return rig


def undo_all(rig: Rig) -> None:
    assert all(done.outcome in ("restored", "gone")
               for done in undo(rig.host(), lambda done: None, wait_s=5))
