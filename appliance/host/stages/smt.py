"""SMT: whether another thread shares the loop's core. Reported; nothing is switched off."""

from __future__ import annotations

from appliance.host.cpus import format_list, parse_list
from appliance.host.host import CPU, Host
from appliance.host.stage import ONE_CORE, Knob, Setting, Stage, absent
from appliance.host.wish import Wish


class Smt(Stage):
    """Two hardware threads of one core share its caches and units."""

    name = "smt"
    title = "Hardware threads"
    knobs = (
        Knob("smt.sibling", "The other hardware thread of a loop's core",
             "Whatever runs there takes half of the core's units, caches and TLB in turn with the "
             "loop: a tick takes up to twice as long, at random. Switching SMT off costs the other "
             "half of every core; leaving the sibling idle costs that one. Nothing is switched "
             "here, since taking a core away moves its interrupts and tasks for good.",
             "Linux Documentation/ABI/testing/sysfs-devices-system-cpu, smt/control and topology",
             f"{CPU}/cpuN/topology/thread_siblings_list", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        if not wish.cores:
            return [absent(self.knobs[0].id, f"{CPU}/smt/control", ONE_CORE)]
        return [self._core(host, wish, core) for core in sorted(wish.cores)]

    def _core(self, host: Host, wish: Wish, core: int) -> Setting:
        knob, target = self.knobs[0].id, f"{CPU}/cpu{core}/topology/thread_siblings_list"
        text = host.read(target)
        if text is None:
            return absent(knob, target, host.why_not(target))
        try:
            siblings = (parse_list(text) & host.cores("online")) - {core}
        except ValueError:
            return absent(knob, target, host.why_not(target))
        kept_free = host.cores("isolated") - wish.cores - wish.housekeeping
        if siblings <= kept_free:
            return Setting(knob, target, text, text, "ok")
        others = format_list(siblings)
        return Setting(
            knob, target, text, str(core), "manual",
            reason=f"core {others} is the other half of core {core} and is not kept free",
            remedy=f"echo off > {CPU}/smt/control (all cores), or isolate {others} as well and "
                   f"name it neither in host.cores nor in host.housekeeping")
