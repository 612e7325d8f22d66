"""The clock: what keeps it, how well, and whether the counter that the loop reads can be trusted.

Sources: adjtimex(2), Linux Documentation/ABI/testing/sysfs-devices-system-clocksource,
admin-guide/kernel-parameters.txt (tsc=), driver-api/ptp.rst.
"""

from __future__ import annotations

from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, ok

SOURCES = "/sys/devices/system/clocksource/clocksource0"
DAEMONS = ("chronyd", "ntpd", "ntpsec", "systemd-timesyncd", "ptp4l", "openntpd")
OFFSET_NS_MAX = 100_000  # MiFID II RTS 25: 100 us of UTC for high-frequency trading
ERROR_NS_MAX = 10_000_000


@check("clock.tsc_trusted", "critical", "tsc among the clock sources",
       "The kernel takes the counter off its list when it finds cores that disagree: then it is "
       "wrong for the loop, too, which reads it without asking.",
       "journalctl -k -g 'TSC|clocksource' says why; update the firmware, or change the host")
def tsc_trusted(case: Case) -> Finding:
    if not case.x86:
        return absent("no x86 processor: its counter is the architecture's")
    names = case.text(f"{SOURCES}/available_clocksource").split()
    said = ", ".join(names)
    return ok(said) if "tsc" in names else bad(said)


@check("clock.synchronised", "major", "synchronised",
       "Records and orders carry the wall clock; unsynchronised, they cannot be compared with the "
       "venue's, nor satisfy a regulator.",
       "apt-get install chrony, or ptp4l and phc2sys for a card with a hardware clock")
def synchronised(case: Case) -> Finding:
    return ok("yes") if case.machine.clock().synchronised else bad("no")


@check("clock.offset", "minor", f"below {OFFSET_NS_MAX // 1000} us",
       "How far the clock is from its reference, as the kernel steers it.",
       "chronyc tracking, or pmc -u -b 0 'GET TIME_STATUS_NP'; choose a nearer server, or PTP")
def offset(case: Case) -> Finding:
    state = case.machine.clock()
    if not state.synchronised:
        return absent("the clock is not synchronised")
    said = f"{state.offset_ns / 1000:.1f} us"
    return bad(said) if abs(state.offset_ns) > OFFSET_NS_MAX else ok(said)


@check("clock.error", "minor", f"below {ERROR_NS_MAX // 1_000_000} ms",
       "The largest error that the clock may have; it grows while the reference is silent.",
       "chronyc sources -v tells who does not answer")
def error(case: Case) -> Finding:
    state = case.machine.clock()
    if not state.synchronised:
        return absent("the clock is not synchronised")
    said = f"{state.error_ns_max / 1e6:.2f} ms"
    return bad(said) if state.error_ns_max > ERROR_NS_MAX else ok(said)


@check("clock.leap_second", "minor", "none pending",
       "At a leap second the wall clock jumps or repeats a second.",
       "let the time server smear it, or do not trade across it")
def leap_second(case: Case) -> Finding:
    return bad("pending at the end of this day") if case.machine.clock().leap_pending else ok(
        "none pending")


@check("clock.one_daemon", "major", "one at most",
       "Two daemons pull the clock to and fro, each correcting the other.",
       "systemctl disable --now DAEMON, for all but one")
def one_daemon(case: Case) -> Finding:
    found = case.running(*DAEMONS)
    if not case.programs:
        return absent("no process can be seen here")
    said = " and ".join(found) or "none"
    return bad(said, f"systemctl disable --now {found[1]}") if len(found) > 1 else ok(said)


@check("clock.timezone", "info", "UTC",
       "In a zone with summer time, logs have an hour twice a year that is there twice, or not at "
       "all.", "timedatectl set-timezone UTC")
def timezone(case: Case) -> Finding:
    name = case.host.target("/etc/localtime")
    if name is None:
        text = case.host.read("/etc/timezone")
        name = text.rpartition("/")[2] if text else "UTC"
    return ok("UTC") if name in ("UTC", "UCT", "Universal", "Zulu") else bad(name)


@check("clock.rtc", "minor", "within 5 s of the wall clock",
       "After a power cut the host starts with the board's clock, before any server answers.",
       "hwclock --systohc")
def rtc(case: Case) -> Finding:
    since = case.host.number("/sys/class/rtc/rtc0/since_epoch")
    if since is None:
        return absent(case.host.why_not("/sys/class/rtc/rtc0/since_epoch"))
    ahead = since - case.machine.now_s()
    said = f"{ahead:+.0f} s"
    return bad(said) if abs(ahead) > 5 else ok(said)
