"""irqbalance: told which cores are the loops', or it would move interrupts back to them."""

from __future__ import annotations

import re

from appliance.host.cpus import format_list, parse_list
from appliance.host.host import Host
from appliance.host.irqbalance import BANNED, TARGET
from appliance.host.stage import ONE_CORE, Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

FILES = ("/etc/default/irqbalance", "/etc/sysconfig/irqbalance")
SOURCE = "irqbalance(1)"


class Balancer(Stage):
    """Applied before the interrupts are moved."""

    name = "irqbalance"
    title = "irqbalance"
    knobs = (
        Knob("irqbalance.cpus", "The cores that irqbalance gives no interrupts to",
             "It looks at all interrupts every ten seconds and moves them to cores that seem idle. "
             "Told through its socket; it forgets when it ends. Takes until its next round.",
             f"{SOURCE}, API", "/run/irqbalance/irqbalancePID.sock, settings cpus"),
        Knob("irqbalance.file", "The same, for when irqbalance starts again",
             "Without it, irqbalance leaves alone only cores that are isolated at boot.",
             f"{SOURCE}, IRQBALANCE_BANNED_CPULIST", FILES[0], reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        cpus, file = self.knobs
        if not wish.cores:
            return [absent(cpus.id, TARGET, ONE_CORE)]
        found = BANNED.read(host, TARGET)
        if found is None:
            return [absent(cpus.id, TARGET, BANNED.why_not(host, TARGET)),
                    _file(host, file.id, wish)]
        wanted = format_list(parse_list(found) | wish.cores)
        return [compare(host, cpus.id, TARGET, wanted, BANNED), _file(host, file.id, wish)]


def _file(host: Host, knob: str, wish: Wish) -> Setting:
    name = next((name for name in FILES if host.exists(name)), None)
    if name is None:
        return absent(knob, FILES[0], "irqbalance is not installed")
    text = host.read(name) or ""
    given = re.findall(r"^\s*IRQBALANCE_BANNED_CPULIST=[\"']?([0-9,-]*)", text, re.M)
    wanted = format_list(wish.cores)
    try:
        # What is isolated at boot it leaves alone by itself, unless told something else.
        banned = parse_list(given[-1]) if given else host.cores("isolated")
    except ValueError:
        banned = frozenset()
    if wish.cores <= banned:
        return Setting(knob, name, format_list(banned), format_list(banned), "ok")
    line = f"IRQBALANCE_BANNED_CPULIST={format_list(banned | wish.cores)}"
    return Setting(knob, name, format_list(banned), wanted, "manual",
                   reason="it would forget the loops' cores when it starts again",
                   remedy=f"write {line} in {name}")
