"""Security: what the kernel forbids even to root, and who else may touch what is ours.

Sources: kernel_lockdown(7), Linux Documentation/admin-guide/LSM/Yama.rst,
admin-guide/sysctl/kernel.rst, driver-api/vfio.rst.
"""

from __future__ import annotations

import os
import stat

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, number, ok, warn
from appliance.host.segments import segment_names, world_writable

CONFIG = "/etc/tickpath"
LOCAL = ("127.0.0.1", "::1", "localhost")


@check("security.lockdown", "major", "none, or vfio-pci with an IOMMU",
       "A locked-down kernel refuses igb_uio and uio_pci_generic, raw registers and unsafe VFIO, "
       "even to root.",
       "use vfio-pci with an IOMMU ([host] device_driver), or boot without secure boot")
def lockdown(case: Case) -> Finding:
    text = case.host.read("/sys/kernel/security/lockdown")
    if text is None:
        return absent(case.host.why_not("/sys/kernel/security/lockdown"))
    level = text.partition("[")[2].partition("]")[0] or text
    if level == "none":
        return ok(level)
    safe = case.wish.section.device_driver == "vfio-pci"
    return warn(level) if safe else bad(f"{level}, and {case.wish.section.device_driver} is wanted")


@check("security.secure_boot", "info", "off, or signed modules only",
       "With secure boot the kernel is locked down and takes signed modules only: no igb_uio that "
       "was built here.",
       "sign the module (mokutil --import), or switch secure boot off in the firmware")
def secure_boot(case: Case) -> Finding:
    names = case.host.glob("/sys/firmware/efi/efivars/SecureBoot-*")
    if not names:
        return absent("the host was not started by UEFI, or does not show its variables")
    data = case.host.path(names[0]).read_bytes()
    if len(data) != 5:
        return absent(f"{names[0]} is not what was expected")
    return bad("on") if data[4] else ok("off")


@check("security.vfio_groups", "major", "no VFIO group that anybody may open",
       "Who may open a group's file drives its card: reads the feed, sends orders.",
       "chmod 0600 /dev/vfio/N; chown tickpath /dev/vfio/N")
def vfio_groups(case: Case) -> Finding:
    names = case.host.glob("/dev/vfio/[0-9]*")
    if not names:
        return absent("no device is bound to vfio-pci")
    loose = [name for name in names if _mode(case, name) & 0o006]
    return bad(", ".join(loose), f"chmod 0600 {' '.join(loose)}") if loose else ok(", ".join(names))


@check("security.vfio_unsafe", "major", "off",
       "Without an IOMMU's protection a card's driver may write anywhere in memory.",
       "echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
def vfio_unsafe(case: Case) -> Finding:
    path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
    value = case.host.read(path)
    if value is None:
        return absent(case.host.why_not(path))
    return bad("on") if value in ("Y", "1") else ok("off")


@check("security.segments", "critical", "segments that only their owner may write",
       "The kill word and the counters are words in these files: who can write them can halt or "
       "arm trading.",
       "chmod 0600 /dev/shm/tickpath.*")
def segments(case: Case) -> Finding:
    names = segment_names(case.host)
    loose = [name for name in names if world_writable(case.host, name)]
    said = f"{len(names)} segments" if names else "none"
    return bad(", ".join(loose), f"chmod 0600 {' '.join(loose)}") if loose else ok(said)


@check("security.configuration", "critical", "a configuration that only root may write",
       "Who can write it chooses the strategy, its limits, and the file that is run.",
       "chmod go-w /etc/tickpath /etc/tickpath/*")
def configuration(case: Case) -> Finding:
    names = [name for name in (CONFIG, *case.host.glob(f"{CONFIG}/*")) if case.host.exists(name)]
    if not names:
        return absent(f"there is no {CONFIG}; see `appliance install`")
    loose = [name for name in names if _mode(case, name) & 0o002]
    return bad(", ".join(loose), f"chmod go-w {' '.join(loose)}") if loose else ok(
        f"{len(names)} files and folders")


@check("security.exporter", "minor", "served on this host alone, or not at all",
       "Positions and order rates are there for anybody who can reach the port.",
       "set [telemetry] address = \"127.0.0.1\", or let a firewall choose who may ask")
def exporter(case: Case) -> Finding:
    section = case.config.telemetry
    if not section.port:
        return ok("not served")
    said = f"{section.address}:{section.port}"
    return ok(said) if section.address in LOCAL else bad(said)


@check("security.access_control", "info", "no policy that nobody has tried",
       "SELinux or AppArmor may refuse the service what root's shell is given.",
       "ausearch -m avc, or journalctl -k -g apparmor, after the first start")
def access_control(case: Case) -> Finding:
    if case.host.read("/sys/fs/selinux/enforce") == "1":
        return bad("SELinux is enforcing")
    return ok("AppArmor, which leaves unconfined what has no profile"
              if case.host.read("/sys/module/apparmor/parameters/enabled") == "Y" else "none")


number("security.unprivileged_bpf", "major", "/proc/sys/kernel/unprivileged_bpf_disabled", low=1,
       why="Programs that any user may load into the kernel have been its widest hole; the "
           "appliance's own is loaded with a capability.")
number("security.ptrace", "minor", "/proc/sys/kernel/yama/ptrace_scope", low=1,
       why="At 0 any process of the same user may stop the engine and change its memory.")
number("security.address_randomisation", "minor", "/proc/sys/kernel/randomize_va_space", low=2,
       why="Without it an overflow knows where to jump. DPDK's secondary processes, for which it "
           "used to be switched off, are not used.")
number("security.kernel_pointers", "info", "/proc/sys/kernel/kptr_restrict", low=1,
       why="Kernel addresses in /proc tell an attacker where to write.")
number("security.kernel_log", "info", "/proc/sys/kernel/dmesg_restrict", low=1,
       why="The kernel's log names addresses and devices to any user.")


def _mode(case: Case, name: str) -> int:
    return stat.S_IMODE(os.stat(case.host.path(name)).st_mode)
