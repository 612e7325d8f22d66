"""Clock source: the kernel tells the time by the same counter as the loop."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

FOLDER = "/sys/devices/system/clocksource/clocksource0"
NOW, CHOICES = f"{FOLDER}/current_clocksource", f"{FOLDER}/available_clocksource"
ARM = "arch_sys_counter"


class ClockSource(Stage):
    """On x86-64 the processor's time-stamp counter, if it runs evenly and never stops."""

    name = "clock"
    title = "Clock source"
    knobs = (
        Knob("clock.source", "The counter that the kernel tells the time by",
             "With the TSC clock_gettime(2) is some 20 ns without entering the kernel; with hpet "
             "or acpi_pm it is a system call and a slow read of a device, over a microsecond. "
             "Costs nothing where the TSC is sound; where it is not, the kernel does not offer it.",
             "Linux Documentation/timers/timekeeping.rst; "
             "admin-guide/kernel-parameters.txt, clocksource=", NOW),
        Knob("clock.watchdog", "Whether the kernel checks the TSC against another clock",
             "On processors that cannot tell by themselves that nobody changed the TSC, a timer "
             "visits each core in turn, twice a second in all, isolated ones too. tsc=nowatchdog "
             "ends it. Costs: a TSC that drifts is not noticed.",
             "Linux Documentation/admin-guide/kernel-parameters.txt, tsc=",
             "/proc/cmdline, tsc=", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        source = self._source(host)
        rows = [source]
        if source.found == "tsc":
            rows.append(_watchdog(host))
        return rows

    def _source(self, host: Host) -> Setting:
        knob = "clock.source"
        found = host.read(NOW)
        if found is None:
            return absent(knob, NOW, host.why_not(NOW))
        choices = (host.read(CHOICES) or "").split()
        wanted = ARM if ARM in choices else "tsc"
        if wanted in choices:
            steady = wanted == ARM or "nonstop_tsc" in host.flags
            if steady or found == wanted:
                return compare(host, knob, NOW, wanted)
            return absent(knob, NOW, "this processor's TSC stops in deep sleep (no nonstop_tsc)")
        return absent(knob, NOW, f"the TSC is not offered, only {', '.join(choices) or found}: "
                                 f"{_why_no_tsc(host)}")


def _why_no_tsc(host: Host) -> str:
    for flag, why in (("tsc", "this processor has none, or a hypervisor hides it"),
                      ("constant_tsc", "its rate changes with the frequency (no constant_tsc)"),
                      ("nonstop_tsc", "it stops in deep sleep (no nonstop_tsc)")):
        if flag not in host.flags:
            return why
    return "the kernel found it unstable; see `dmesg | grep -i tsc`, then the firmware"


def _watchdog(host: Host) -> Setting:
    knob, target = "clock.watchdog", "/proc/cmdline"
    given = host.command_line.get("tsc", "")
    if given in ("reliable", "nowatchdog"):
        return Setting(knob, target, f"tsc={given}", f"tsc={given}", "ok")
    if {"constant_tsc", "nonstop_tsc", "tsc_adjust"} <= host.flags:
        # Since Linux 5.16, on up to four sockets: the processor shows who changed the TSC.
        return absent(knob, target, "this processor guards its TSC itself (tsc_adjust)")
    if "hypervisor" in host.flags:
        return absent(knob, target, "the TSC is a hypervisor's matter")
    return Setting(knob, target, given, "tsc=nowatchdog", "boot", remedy="tsc=nowatchdog")
