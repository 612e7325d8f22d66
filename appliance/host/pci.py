"""PCI devices as /sys shows them: who drives one, who uses it, who shares its IOMMU group.

Only reads. The kind that binds a device to a driver is here, too: it writes driver_override, then
unbind and drivers_probe, which is the order that leaves no other driver a chance in between.
"""

from __future__ import annotations

import contextlib
import os
import re

from appliance.host.host import Host, HostError, refusal
from appliance.host.kinds import Kind

DEVICES, DRIVERS = "/sys/bus/pci/devices", "/sys/bus/pci/drivers"
NONE = "-"  # no driver, or no override
ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
BRIDGE, NETWORK, NVME = 0x06, 0x02, 0x0108  # of the class's 24 bits: the first 8, 8 and 16
HARMLESS = frozenset({"", "vfio-pci", "pci-stub", "pcieport"})  # a group with these is viable


def driver_of(host: Host, address: str) -> str:
    """The driver it is bound to; "" when none is."""
    return host.target(f"{DEVICES}/{address}/driver") or ""


def override_of(host: Host, address: str) -> str:
    """What driver_override says; "" when nothing."""
    text = host.read(f"{DEVICES}/{address}/driver_override") or ""
    return "" if text in ("(null)", "") else text


def class_of(host: Host, address: str) -> int:
    """The 24 bits of the class: 0x020000 is an Ethernet card."""
    return host.number(f"{DEVICES}/{address}/class") or 0


def interfaces_of(host: Host, address: str) -> list[str]:
    """The network interfaces that its kernel driver made of it."""
    found = [*host.glob(f"{DEVICES}/{address}/net/*"), *host.glob(f"{DEVICES}/{address}/*/net/*")]
    return [name.rpartition("/")[2] for name in found]


def address_of(host: Host, interface: str) -> str | None:
    """The PCI address of an interface's card; None of a virtual one."""
    for device in host.glob(f"{DEVICES}/*"):
        address = device.rpartition("/")[2]
        if interface in interfaces_of(host, address):
            return address
    return None


def cards(host: Host) -> list[str]:
    """The addresses of all network cards."""
    addresses = [name.rpartition("/")[2] for name in host.glob(f"{DEVICES}/*")]
    return [address for address in addresses if class_of(host, address) >> 16 == NETWORK]


def disks_of(host: Host, address: str) -> list[str]:
    """Its NVMe disks and their partitions, as /proc/mounts names them."""
    pattern = f"{DEVICES}/{address}/nvme/nvme*/nvme*n*"
    found = [*host.glob(pattern), *host.glob(f"{pattern}/nvme*p*")]
    return [name.rpartition("/")[2] for name in found]


def group_of(host: Host, address: str) -> str | None:
    """The number of its IOMMU group; None without an IOMMU."""
    return host.target(f"{DEVICES}/{address}/iommu_group")


def group_mates(host: Host, address: str) -> list[str]:
    """The other devices of its IOMMU group."""
    group = group_of(host, address)
    found = host.glob(f"/sys/kernel/iommu_groups/{group}/devices/*") if group else []
    return [mate for mate in (name.rpartition("/")[2] for name in found) if mate != address]


def users(host: Host, address: str) -> list[str]:
    """The processes that have it open through VFIO or UIO, as in "dpdk-testpmd (4711)"."""
    group = group_of(host, address)
    nodes = {f"/dev/vfio/{group}", f"/dev/vfio/noiommu-{group}"} if group else set()
    for pattern, folder in (("uio/uio*", "/dev"), ("vfio-dev/vfio*", "/dev/vfio/devices")):
        for name in host.glob(f"{DEVICES}/{address}/{pattern}"):
            nodes.add(f"{folder}/{name.rpartition('/')[2]}")
    if not nodes:
        return []
    found = {}
    for name in host.glob("/proc/[0-9]*/fd/*"):
        try:
            opened = os.readlink(host.path(name))
        except OSError:
            continue
        if opened in nodes:
            process = name.split("/")[2]
            found[process] = host.read(f"/proc/{process}/comm") or "a process"
    return [f"{command} ({process})" for process, command in found.items()]


class Binding(Kind):
    """Which driver has a device: "DRIVER OVERRIDE", a dash for none of either."""

    name = "driver"

    def read(self, host: Host, target: str) -> str | None:
        if not host.exists(f"{DEVICES}/{target}"):
            return None
        return f"{driver_of(host, target) or NONE} {override_of(host, target) or NONE}"

    def why_not(self, host: Host, target: str) -> str:
        return f"there is no PCI device {target}"

    def between(self, now: str, one: str, other: str) -> bool:
        words = zip(now.split(), one.split(), other.split(), strict=True)
        return all(word in (first, second, NONE) for word, first, second in words)

    def write(self, host: Host, target: str, value: str) -> None:
        busy = users(host, target)
        if busy:
            # The kernel would wait in the write until that process lets go.
            raise HostError(f"{target} is in use by {', '.join(busy)}; stop that first")
        former = (driver_of(host, target), override_of(host, target))
        driver, override = ("" if word == NONE else word for word in value.split())
        try:
            if self._bind(host, target, driver, override):
                return
        except HostError:
            with contextlib.suppress(HostError):
                self._bind(host, target, *former)
            raise
        self._bind(host, target, *former)
        raise HostError(f"{driver} did not take {target}, which is with "
                        f"{driver_of(host, target) or 'no driver'} as before; the reason is in "
                        f"`dmesg | grep {target}`")

    def _bind(self, host: Host, address: str, driver: str, override: str) -> bool:
        """Whether the driver has it; a driver's refusal to probe is no error of the write."""
        device = f"{DEVICES}/{address}"
        if override_of(host, address) != override:
            _write(host, f"{device}/driver_override", override)
        now = driver_of(host, address)
        if now and now != driver:
            _write(host, f"{device}/driver/unbind", address)
        if driver and driver_of(host, address) != driver:
            try:
                host.write("/sys/bus/pci/drivers_probe", address)
                if driver_of(host, address) != driver:
                    # A driver that the device's identity does not lead to: it was bound by hand.
                    host.write(f"{DRIVERS}/{driver}/bind", address)
            except OSError:
                return driver_of(host, address) == driver
        return driver_of(host, address) == driver


def _write(host: Host, name: str, text: str) -> None:
    try:
        host.write(name, text)
    except OSError as error:
        raise HostError(refusal(name, error)) from None


BINDING = Binding()
