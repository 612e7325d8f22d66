"""PTP: whether the host's time is a venue's time. Reported only; it is nobody's to start here."""

from __future__ import annotations

from appliance.host.host import Host
from appliance.host.stage import Knob, Setting, Stage, absent
from appliance.host.wish import Wish

CLOCKS = "/sys/class/ptp/ptp*/clock_name"
DISCIPLINES = ("phc2sys", "chronyd", "timemaster", "sfptpd", "ptpd", "ntpd", "systemd-timesyn")


class Ptp(Stage):
    """Timestamps of recordings compare with others' only as well as the clock is disciplined."""

    name = "ptp"
    title = "Time"
    knobs = (
        Knob("ptp.clock", "A clock on the network card",
             "It stamps packets as they pass the port, to nanoseconds. Without one, time comes "
             "over the network by software, to tens of microseconds at best.",
             "Linux Documentation/driver-api/ptp.rst", "/sys/class/ptp/ptpN/clock_name",
             reported=True),
        Knob("ptp.daemon", "Who keeps the system's clock right",
             "ptp4l sets the card's clock by the venue's, phc2sys or chronyd the system's by the "
             "card's. Nobody doing so, recordings drift by milliseconds a day. Costs a little work "
             "on a housekeeping core.",
             "linuxptp: ptp4l(8), phc2sys(8); chronyd(8)", "/proc/PID/comm", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        clock, daemon = self.knobs
        names = [name for name in map(host.read, host.glob(CLOCKS)) if name]
        found = ", ".join(names)
        rows = [Setting(clock.id, "/sys/class/ptp", found, found, "ok") if names else
                absent(clock.id, "/sys/class/ptp", "no device here has a PTP clock")]
        programs = set(host.programs().values())
        if not programs:
            return [*rows, absent(daemon.id, "/proc", "no process can be seen here")]
        running = ", ".join(sorted(programs & {"ptp4l", *DISCIPLINES}))
        if programs & set(DISCIPLINES):
            return [*rows, Setting(daemon.id, "/proc", running, running, "ok")]
        wanted = "ptp4l and phc2sys" if names else "chronyd"
        return [*rows, Setting(daemon.id, "/proc", running or "none", wanted, "manual",
                               reason="nobody keeps this host's clock right",
                               remedy=f"apt install {'linuxptp' if names else 'chrony'}")]
