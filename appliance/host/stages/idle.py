"""Idle states: the loops' cores do not fall asleep deeper than they may take to wake."""

from __future__ import annotations

import os

from appliance.host.host import CPU, Host
from appliance.host.latency_hold import DEVICE
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

SOURCE = "Linux Documentation/admin-guide/pm/cpuidle.rst"


class Idle(Stage):
    """A polling loop never idles, but it pauses now and then, and its neighbours do."""

    name = "idle"
    title = "Idle states"
    knobs = (
        Knob("idle.state", "The idle states of the loops' cores that take too long to leave",
             "A core that sleeps takes 1 to over 100 microseconds to wake and finds its caches "
             "empty. States slower than [host] idle_latency_us are switched off on the loops' "
             "cores. Costs power whenever no loop runs.",
             f"{SOURCE}, Representation of Idle States", f"{CPU}/cpuN/cpuidle/stateM/disable"),
        Knob("idle.hold", "No core sleeps deeply while the appliance runs",
             "The journal, the card and interrupts wait for other cores, too. While it runs, the "
             "appliance holds the device open with idle_latency_us in it; the kernel lets go when "
             "it ends, however it ends. Costs the power of all cores.",
             "Linux Documentation/power/pm_qos_interface.rst", DEVICE, reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        limit = wish.section.idle_latency_us
        if limit < 0:
            return []
        rows: list[Setting] = []
        for core in sorted(wish.cores):
            rows += _states(host, core, limit)
        if wish.cores and not rows:
            rows.append(absent("idle.state", f"{CPU}/cpuN/cpuidle", (
                "no idle states are shown: a hypervisor puts these cores to sleep, or the kernel "
                "does without cpuidle")))
        return [*rows, _hold(host, limit)]


def _states(host: Host, core: int, limit: int) -> list[Setting]:
    rows = []
    for state in host.glob(f"{CPU}/cpu{core}/cpuidle/state[0-9]*"):
        latency = host.number(f"{state}/latency")
        if latency is not None and latency > limit:
            rows.append(compare(host, "idle.state", f"{state}/disable", "1"))
        elif latency is not None:
            found = host.read(f"{state}/disable")
            if found is not None:  # fast enough: as the operator has it
                rows.append(Setting("idle.state", f"{state}/disable", found, found, "ok"))
    return rows


def _hold(host: Host, limit: int) -> Setting:
    if not host.exists(DEVICE):
        return absent("idle.hold", DEVICE, host.why_not(DEVICE))
    held = f"held at {limit} us while the appliance runs"
    if os.access(host.path(DEVICE), os.W_OK):
        return Setting("idle.hold", DEVICE, held, held, "ok")
    return Setting("idle.hold", DEVICE, "not writable by this user", held, "manual",
                   reason="the appliance may not open it as this user",
                   remedy="run it as a unit of `appliance install`, or as root")
