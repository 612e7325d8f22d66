"""Devices that DPDK drives itself: taken from the kernel, and given back by undo.

Never taken are an interface that carries the default route or has addresses (unless forced: what
is lost with it, undo does not bring back), a disk in use, and a device that a process has open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from appliance.host import pci
from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, compare, refused
from appliance.host.wish import Wish

KNOB = "devices.driver"
# Why not, and what to do instead; None: nothing speaks against it.
Objection = tuple[str, str] | None


class Devices(Stage):
    """Last of all stages: an interface vanishes with its driver."""

    name = "devices"
    title = "Devices for DPDK"
    knobs = (
        Knob(KNOB, "Which driver has the device",
             "DPDK's own drivers need the device for themselves. vfio-pci lends it to one process, "
             "with an IOMMU that keeps the card's DMA within that process's memory; the uio "
             "drivers do so without that protection. The kernel's interface vanishes meanwhile, "
             "with its addresses; undo brings back the driver.",
             "DPDK Linux guide, Linux Drivers; Linux Documentation/driver-api/vfio.rst and "
             "Documentation/ABI/testing/sysfs-bus-pci, driver_override",
             "/sys/bus/pci/devices/ADDRESS/driver_override, .../driver/unbind, "
             "/sys/bus/pci/drivers_probe"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [_device(host, wish, address) for address in wish.devices]


def _device(host: Host, wish: Wish, address: str) -> Setting:
    driver = wish.section.device_driver
    wanted = f"{driver} {driver}"
    objection = _wrong_name(host, address)
    if objection is None and pci.driver_of(host, address) == driver:
        # However it came there, by driver_override or new_id.
        return compare(host, KNOB, address, pci.BINDING.read(host, address) or wanted, pci.BINDING)
    if objection is None:
        objection = next((each for each in _objections(host, wish, address) if each), None)
    if objection is not None:
        return refused(KNOB, address, wanted, *objection)
    return compare(host, KNOB, address, wanted, pci.BINDING)


def _wrong_name(host: Host, address: str) -> Objection:
    if not pci.ADDRESS.fullmatch(address):
        if not host.exists(f"/sys/class/net/{address}"):
            return (f"'{address}' is no PCI address",
                    f"write one as in 0000:03:00.0; {_known(host)}")
        of = pci.address_of(host, address)
        if of is None:
            return (f"{address} is a virtual interface, which no PCI device is behind",
                    f"name a card in host.devices, or give {address} to afxdp or afpacket; "
                    f"{_known(host)}")
        return f"{address} is an interface's name", f"name its device in host.devices: {of}"
    if not host.exists(f"{pci.DEVICES}/{address}"):
        return f"there is no PCI device {address}", f"name another in host.devices; {_known(host)}"
    return None


def _known(host: Host) -> str:
    words = [f"{card} ({', '.join(pci.interfaces_of(host, card)) or pci.driver_of(host, card)})"
             for card in pci.cards(host)]
    return f"the network cards here are {', '.join(words)}" if words else "there is no network card"


def _objections(host: Host, wish: Wish, address: str) -> Iterator[Objection]:
    """The first that is not None counts: what would do harm comes first."""
    yield _other_class(host, wish, address)
    yield _disk_in_use(host, address)
    if not wish.force:
        for name in pci.interfaces_of(host, address):
            yield _interface_in_use(host, name, address)
    busy = pci.users(host, address)
    if busy:
        yield f"{address} is in use by {', '.join(busy)}", "stop that first"
    driver = wish.section.device_driver
    if not host.exists(f"{pci.DRIVERS}/{driver}"):
        yield f"the driver {driver} is not loaded", _load(driver)
    yield _iommu(host, wish, address) if driver == "vfio-pci" else _legacy(host, driver, address)


def _other_class(host: Host, wish: Wish, address: str) -> Objection:
    number = pci.class_of(host, address)
    if number >> 16 == pci.BRIDGE:
        return (f"{address} is a bridge, which other devices are behind",
                f"name the card itself; {_known(host)}")
    if number >> 16 != pci.NETWORK and number >> 8 != pci.NVME and not wish.force:
        return (f"{address} is neither a network card nor an NVMe disk (class {number:06x})",
                f"name another, or give --force if it really goes to DPDK; {_known(host)}")
    return None


def _disk_in_use(host: Host, address: str) -> Objection:
    disks = pci.disks_of(host, address)
    text = (host.read("/proc/mounts") or "") + "\n" + (host.read("/proc/swaps") or "")
    used = {line.split()[0].removeprefix("/dev/") for line in text.split("\n") if line.split()}
    for disk in disks:
        held = host.glob(f"/sys/class/block/{disk}/holders/*")
        if disk in used or held:
            by = held[0].rpartition("/")[2] if held else "a mounted file system or swap"
            return (f"{address} is the disk {disk}, which {by} uses",
                    "unmount it, or name another device")
    return None


def _interface_in_use(host: Host, name: str, address: str) -> Objection:
    free = f"use another card, or give --force if you reach this host without {name}"
    try:
        routes = host.links.default_route()
        addresses = host.links.addresses(name)
    except OSError as error:
        return (f"the routes of this host cannot be read ({error.strerror}), so nobody knows "
                f"whether {name} carries them", "give --force if you know that it does not")
    if name in _carriers(host, routes):
        return f"{address} is {name}, which carries the default route", free
    uppers = host.glob(f"/sys/class/net/{name}/upper_*")
    if uppers:
        upper = uppers[0].rpartition("/upper_")[2]
        return (f"{address} is {name}, which {upper} is built on",
                f"take it out of {upper}, or give --force")
    if addresses:
        session = os.environ.get("SSH_CONNECTION", "").split()[2:3]
        by = [each for each in addresses if each.partition("/")[0] in session]
        what = "your ssh session comes in by" if by else "undo does not bring back"
        return (f"{address} is {name} with {', '.join(by or addresses)}, which {what}",
                f"remove them (`ip address flush dev {name}`), or give --force")
    return None


def _carriers(host: Host, names: frozenset[str]) -> set[str]:
    """These interfaces and all that they are built on: bonds, bridges and VLANs have lower ones."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            lower = host.glob(f"/sys/class/net/{name}/lower_*")
            waiting += [each.rpartition("/lower_")[2] for each in lower]
    return found


def _load(driver: str) -> str:
    return {
        "vfio-pci": "load it with `modprobe vfio-pci`; where there is no such module, the kernel "
                    "was built without VFIO, and afxdp is the way",
        "uio_pci_generic": "load it with `modprobe uio_pci_generic`",
    }.get(driver, f"build it for this kernel and load it, or set host.device_driver to vfio-pci "
                  f"(kernels under secure boot take only a signed {driver})")


def _iommu(host: Host, wish: Wish, address: str) -> Objection:
    if pci.group_of(host, address) is None:
        if (host.read("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") or "N") in "Y1":
            return None
        return ("vfio-pci needs an IOMMU, and this host runs without one",
                "switch VT-d or AMD-Vi on in the firmware and boot with intel_iommu=on iommu=pt "
                "(AMD: amd_iommu=on), or let the card reach all memory with `echo 1 > "
                "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode`")
    others = [mate for mate in pci.group_mates(host, address) if mate not in wish.devices
              and pci.driver_of(host, mate) not in pci.HARMLESS]
    if others:
        words = ", ".join(f"{mate} ({pci.driver_of(host, mate)})" for mate in others)
        return (f"{address} shares its IOMMU group with {words}, and vfio-pci lends only whole "
                f"groups", "name those in host.devices, too, or put the card into another slot")
    return None


def _legacy(host: Host, driver: str, address: str) -> Objection:
    """uio_pci_generic knows only the wired interrupt, which not every device has."""
    device = f"{pci.DEVICES}/{address}"
    wired = not host.exists(f"{device}/physfn") and host.number(f"{device}/irq") != 0
    if driver == "uio_pci_generic" and not wired:
        return (f"{address} interrupts by MSI-X alone, as virtual functions do, and "
                f"uio_pci_generic knows only the wired interrupt",
                "set host.device_driver to vfio-pci")
    return None
