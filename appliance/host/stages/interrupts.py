"""Interrupts: those that can be moved go to the cores that no loop runs on."""

from __future__ import annotations

import os
from dataclasses import replace

from appliance.host.cpus import format_list
from appliance.host.host import Host
from appliance.host.kinds import CORE_MASK, IRQ_CORES, MANAGED
from appliance.host.stage import ONE_CORE, Knob, Setting, Stage, absent, compare, keep_off
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/core-api/irq/irq-affinity.rst"
DEFAULT = "/proc/irq/default_smp_affinity"
EACH = "/proc/irq/[0-9]*/smp_affinity_list"


class Interrupts(Stage):
    """An interrupt takes the loop's core for microseconds, and what follows it for longer."""

    name = "interrupts"
    title = "Interrupts"
    knobs = (
        Knob("interrupts.default", "The cores of interrupts that devices will ask for",
             "A device that appears later would otherwise interrupt the loop. Costs nothing.",
             SOURCE, DEFAULT),
        Knob("interrupts.device", "The cores of each device's interrupts",
             "Each one that the loop's core may take costs it from 2 to 20 microseconds whenever "
             "the device has something to say. Costs: the other cores take them all. Those that "
             "the kernel keeps to itself stay; they come only for what that core itself asked for.",
             SOURCE, "/proc/irq/N/smp_affinity_list"),
        Knob("interrupts.nic", "The cores of the interrupts of the appliance's interfaces",
             "The kernel's share of each packet (XDP, sockets) is done where its queue interrupts. "
             "Kept to the housekeeping cores. Costs: those cores must keep up with the feed.",
             "Linux Documentation/networking/scaling.rst", "/proc/irq/N/smp_affinity_list"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        default, device, nic = self.knobs
        if not wish.cores:
            return [absent(device.id, EACH, ONE_CORE)]
        of_nics = {number for name in wish.interfaces for number in interrupts_of(host, name)}
        rows = [keep_off(host, default.id, DEFAULT, wish, CORE_MASK)]
        near, count = [], 0
        for target in host.glob(EACH):
            if target.split("/")[3] in of_nics:
                rows.append(_nic(host, nic.id, target, wish))
                continue
            count += 1
            setting = keep_off(host, device.id, target, wish, IRQ_CORES)
            if setting.verdict != "ok":
                near.append(_kept(setting))
        rows += near
        if not near:
            away = f"{count} interrupts, all elsewhere"
            rows.append(Setting(device.id, EACH, away, away, "ok"))
        return rows


def interrupts_of(host: Host, interface: str) -> set[str]:
    """The numbers of the interrupts of an interface's device; those of its bus, for virtio."""
    device = host.path(f"/sys/class/net/{interface}/device")
    if not device.exists():
        return set()
    for folder in (device.resolve(), device.resolve().parent):
        try:
            return set(os.listdir(folder / "msi_irqs"))
        except OSError:
            continue
    return set()


def _nic(host: Host, knob: str, target: str, wish: Wish) -> Setting:
    try:
        found = IRQ_CORES.parse(IRQ_CORES.read(host, target) or "")
    except ValueError:
        found = frozenset()
    wanted = found & wish.housekeeping or wish.housekeeping
    return _kept(compare(host, knob, target, format_list(wanted), IRQ_CORES))


def _kept(setting: Setting) -> Setting:
    if setting.verdict == "absent" and setting.found:
        return replace(setting, reason=f"the kernel keeps it there ({MANAGED})")
    return setting
