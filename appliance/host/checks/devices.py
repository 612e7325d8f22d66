"""PCI devices to trade over: their slot, their errors, and the IOMMU between them and memory.

Whether a device can be given to DPDK at all is the stage's to say: ``tune.devices.driver``.

Sources: Linux Documentation/ABI/testing/sysfs-bus-pci and -bus-pci-devices-aer_stats,
driver-api/vfio.rst, ABI/testing/sysfs-kernel-iommu_groups; PCI Express base specification.
"""

from __future__ import annotations

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, ok

GROUPS = "/sys/kernel/iommu_groups"


def _leaf(case: Case, folder: str, current: str, most: str) -> Finding:
    """Whether a slot gives what the card can take."""
    have, can = case.host.read(f"{folder}/{current}"), case.host.read(f"{folder}/{most}")
    if not have or not can or "Unknown" in have or can.split()[0] in ("0", "255"):
        return absent("a virtual device, or one that does not tell")
    said = f"{have} of {can}"
    return bad(said) if float(have.split()[0]) < float(can.split()[0]) else ok(said)


@check("devices.link_speed", "major", "what the card can",
       "A slot of an older generation, or a bad contact, halves the bandwidth and adds some 100 ns "
       "to each frame.",
       "lspci -vv -s DEVICE | grep LnkSta; move the card to another slot, or seat it again")
def link_speed(case: Case) -> Finding:
    return case.each_device(
        lambda folder: _leaf(case, folder, "current_link_speed", "max_link_speed"))


@check("devices.link_width", "major", "what the card can",
       "Fewer lanes than the card has: a burst of frames waits at the slot.",
       "lspci -vv -s DEVICE | grep LnkSta; move the card to a slot with all its lanes")
def link_width(case: Case) -> Finding:
    return case.each_device(
        lambda folder: _leaf(case, folder, "current_link_width", "max_link_width"))


@check("devices.bus_errors", "major", "0",
       "The bus sent things again or lost them: each is a delay of microseconds, and a sign of a "
       "bad slot or riser.",
       "cat /sys/bus/pci/devices/DEVICE/aer_dev_*; seat the card again, change slot or riser")
def bus_errors(case: Case) -> Finding:
    def look(folder: str) -> Finding:
        counts = {}
        for kind in ("correctable", "nonfatal", "fatal"):
            for line in (case.host.read(f"{folder}/aer_dev_{kind}") or "").split("\n"):
                if line.startswith("TOTAL"):
                    counts[kind] = int(line.split()[1])
        if not counts:
            return absent("the device or its port does not report errors (no AER)")
        wrong = [f"{count} {kind}" for kind, count in counts.items() if count]
        return bad(", ".join(wrong)) if wrong else ok("0")
    return case.each_device(look)


@check("devices.power_saving", "major", "power/control = on",
       "A card that may go to sleep takes milliseconds to wake.",
       "echo on > /sys/bus/pci/devices/DEVICE/power/control")
def power_saving(case: Case) -> Finding:
    def look(folder: str) -> Finding:
        value = case.host.read(f"{folder}/power/control")
        if value is None:
            return absent(case.host.why_not(f"{folder}/power/control"))
        return ok(value) if value == "on" else bad(value, f"echo on > {folder}/power/control")
    return case.each_device(look)


@check("devices.virtual_functions", "info", "none in use",
       "The functions of a card share its link, buffers and processor: another's traffic is felt.",
       "echo 0 > /sys/bus/pci/devices/DEVICE/sriov_numvfs")
def virtual_functions(case: Case) -> Finding:
    def look(folder: str) -> Finding:
        count = case.host.number(f"{folder}/sriov_numvfs")
        if count is None:
            return absent("the device has none")
        return bad(count, f"echo 0 > {folder}/sriov_numvfs") if count else ok("none in use")
    return case.each_device(look)


# ---- the IOMMU -----------------------------------------------------------------------------------


@check("devices.iommu", "major", "an IOMMU in use",
       "Without one, vfio-pci takes a card only in its unsafe mode, where a faulty driver writes "
       "anywhere in memory.",
       "switch VT-d or AMD-Vi on in the firmware; intel_iommu=on iommu=pt at boot (AMD: iommu=pt)")
def iommu(case: Case) -> Finding:
    count = len(case.host.glob(f"{GROUPS}/[0-9]*"))
    if count:
        return ok(f"{count} groups")
    return bad("none") if case.wish.devices else absent("none, and no device is to be taken")


@check("devices.iommu_mode", "minor", "identity for the kernel's own cards",
       "With translation, the kernel maps and unmaps each frame's buffer, 100 to 500 ns; iommu=pt "
       "lets its cards pass through.", "iommu=pt at boot")
def iommu_mode(case: Case) -> Finding:
    def look(folder: str) -> Finding:
        group = case.host.target(f"{folder}/iommu_group")
        kind = case.host.read(f"{GROUPS}/{group}/type") if group else None
        if kind is None:
            return absent("it is in no IOMMU group, or the kernel does not tell its type")
        ours = case.host.target(f"{folder}/driver") in ("vfio-pci", "uio_pci_generic", "igb_uio")
        return ok(kind) if ours or kind == "identity" else bad(kind)
    return case.each_device(look)


@check("devices.interrupt_remapping", "minor", "on",
       "Without it a device can send any interrupt, and vfio-pci asks for an unsafe parameter.",
       "switch it on in the firmware; remove intremap=off from the kernel's command line")
def interrupt_remapping(case: Case) -> Finding:
    if not case.host.glob(f"{GROUPS}/[0-9]*"):
        return absent("there is no IOMMU")
    unsafe = case.host.read("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts")
    if case.host.command_line.get("intremap") == "off":
        return bad("off by the kernel's command line")
    return bad("unsafe interrupts are allowed") if unsafe == "Y" else ok("not switched off")
