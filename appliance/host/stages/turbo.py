"""Turbo: frequencies above the nominal one, left, wanted or not."""

from __future__ import annotations

from dataclasses import replace

from appliance.host.host import CPU, Host
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

NO_TURBO = f"{CPU}/intel_pstate/no_turbo"  # 1: off
BOOST = f"{CPU}/cpufreq/boost"  # 1: on


class Turbo(Stage):
    """Reported, and set only when ``[host] turbo`` says so."""

    name = "turbo"
    title = "Turbo"
    knobs = (
        Knob("turbo.enabled", "Frequencies above the nominal one",
             "They make the loop faster, but come and go with heat, power and how many cores are "
             "awake, and each change halts the core for microseconds. Off is steadier, and slower "
             "by a fifth or more; measure both.",
             "Linux Documentation/admin-guide/pm/cpufreq.rst, Frequency Boost Support; "
             "admin-guide/pm/intel_pstate.rst, no_turbo", f"{NO_TURBO} or {BOOST}"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        knob, choice = self.knobs[0].id, wish.section.turbo
        target = NO_TURBO if host.exists(NO_TURBO) else BOOST
        found = host.read(target)
        if found is None:
            return [absent(knob, target, f"{host.why_not(target)}: the frequency is fixed, or a "
                                         f"hypervisor's matter")]
        if choice == "leave":
            return [Setting(knob, target, found, found, "ok")]
        on = (choice == "on") != (target == NO_TURBO)
        setting = compare(host, knob, target, "1" if on else "0")
        if setting.verdict == "change" and target == NO_TURBO and choice == "on":
            return [replace(setting, reason="refused where the firmware has turned it off")]
        return [setting]
