"""Frequency: the loops' cores, and what lies between them and memory, run as fast as they may."""

from __future__ import annotations

from appliance.host.cpus import parse_list
from appliance.host.host import CPU, Host
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

POLICIES = f"{CPU}/cpufreq/policy[0-9]*"
UNCORE = f"{CPU}/intel_uncore_frequency/*/min_freq_khz"
CPUFREQ = "Linux Documentation/admin-guide/pm/cpufreq.rst"
PSTATE = "Linux Documentation/admin-guide/pm/intel_pstate.rst"


class Frequency(Stage):
    """The governor asks for the highest frequency all the time; there is none to ramp up to.

    The preference goes first: under some drivers the governor overrides it, and undo, which goes
    backwards, must find it writable.
    """

    name = "frequency"
    title = "Frequency"
    knobs = (
        Knob("frequency.preference", "What the processor saves energy at the expense of",
             "A hint to the hardware, which chooses the frequency by itself within the governor's "
             "bounds; anything but 'performance' makes it slow to rise. Costs power.",
             f"{PSTATE}, energy_performance_preference",
             f"{CPU}/cpufreq/policyN/energy_performance_preference"),
        Knob("frequency.bias", "The same for processors with the older register",
             "0 is performance, 15 is saving power. Costs power.",
             "Linux Documentation/admin-guide/pm/intel_epb.rst",
             f"{CPU}/cpuN/power/energy_perf_bias"),
        Knob("frequency.governor", "Who chooses the frequency of the loops' cores",
             "'performance' holds the highest; others follow the load with a delay, and each "
             "change halts the core for up to tens of microseconds. Costs power and heat, which "
             "may take turbo from other cores.",
             f"{CPUFREQ}, performance", f"{CPU}/cpufreq/policyN/scaling_governor"),
        Knob("frequency.uncore", "The lowest frequency of caches, mesh and memory controller",
             "When most cores rest, the processor slows what lies between the card and the loop's "
             "cache: hundreds of nanoseconds a packet. This holds it at its highest. Costs some "
             "ten watts a socket.",
             "Linux Documentation/admin-guide/pm/intel_uncore_frequency_scaling.rst",
             f"{CPU}/intel_uncore_frequency/PACKAGE/min_freq_khz"),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        governor = wish.section.governor
        if not governor:
            return []
        rows: list[Setting] = []
        policies = [name for name in host.glob(POLICIES) if _of(host, name) & wish.cores]
        for policy in policies:
            if governor == "performance":
                rows += _preference(host, policy)
        if governor == "performance":
            targets = [f"{CPU}/cpu{core}/power/energy_perf_bias" for core in sorted(wish.cores)]
            rows += [compare(host, "frequency.bias", target, "0")
                     for target in targets if host.exists(target)]
        rows += [_governor(host, policy, governor) for policy in policies]
        if governor == "performance":
            rows += _uncore(host)
        if not policies:
            rows.append(absent("frequency.governor", f"{CPU}/cpufreq", (
                "no frequency of these cores can be chosen here: a hypervisor or the firmware "
                "does")))
        return rows


def _of(host: Host, policy: str) -> frozenset[int]:
    try:
        return parse_list((host.read(f"{policy}/affected_cpus") or "").replace(" ", ","))
    except ValueError:
        return frozenset()


def _governor(host: Host, policy: str, wanted: str) -> Setting:
    target = f"{policy}/scaling_governor"
    choices = (host.read(f"{policy}/scaling_available_governors") or wanted).split()
    if host.exists(target) and wanted not in choices:
        driver = host.read(f"{policy}/scaling_driver") or "the driver"
        return absent("frequency.governor", target,
                      f"{driver} has no '{wanted}', only {', '.join(choices)}")
    return compare(host, "frequency.governor", target, wanted)


def _preference(host: Host, policy: str) -> list[Setting]:
    target = f"{policy}/energy_performance_preference"
    choices = host.read(f"{policy}/energy_performance_available_preferences")
    if not host.exists(target) or "performance" not in (choices or "performance").split():
        return []  # the processor has no such register
    return [compare(host, "frequency.preference", target, "performance")]


def _uncore(host: Host) -> list[Setting]:
    rows = []
    for target in host.glob(UNCORE):
        highest = host.read(f"{target.rpartition('/')[0]}/max_freq_khz")
        if highest:
            rows.append(compare(host, "frequency.uncore", target, highest))
    return rows
