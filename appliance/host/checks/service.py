"""The service: its units, what tune has done and left, and who else changes this host.

Source: systemd.unit(5); the journal of former values is ``appliance/host/journal.py``.
"""

from __future__ import annotations

from appliance.config import ConfigError, load_config
from appliance.host.case import Case
from appliance.host.check import Finding, absent, bad, check, ok
from appliance.host.host import STATE_FOLDER, HostError
from appliance.host.install_files import CONFIG
from appliance.host.install_files import units as shipped
from appliance.host.journal import Contents, read_journal
from appliance.host.segments import segment_names
from appliance.state import VERSION

FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
           "/lib/systemd/system")
KINDS = (".service", ".socket", ".slice")
TUNERS = ("tuned", "power-profiles-daemon", "thermald", "cpufreqd", "laptop-mode", "auto-cpufreq",
          "numad", "ksmtuned", "tlp")
NOT_INSTALLED = "the service is not installed here; see `appliance install`"


def unit_names() -> list[str]:
    """The units that come with the program; raises RunError when none did."""
    return sorted(entry.name for entry in shipped().iterdir() if entry.name.endswith(KINDS))


def _installed(case: Case) -> list[str]:
    return [unit for unit in unit_names()
            if any(case.host.exists(f"{folder}/{unit}") for folder in FOLDERS)]


@check("service.units", "minor", "every unit that comes with the program",
       "A part that is missing is not started, restarted or stopped with the others.",
       "appliance install")
def units(case: Case) -> Finding:
    found = _installed(case)
    if not found:
        return absent(NOT_INSTALLED)
    missing = [unit for unit in unit_names() if unit not in found]
    return bad(f"missing: {', '.join(missing)}") if missing else ok("all installed")


@check("service.tuned_at_boot", "major", "appliance-tune.service is enabled",
       "Most of what tune sets is gone after a reboot; the unit sets it again before the engine "
       "starts.", "systemctl enable appliance-tune.service")
def tuned_at_boot(case: Case) -> Finding:
    if "appliance-tune.service" not in _installed(case):
        return absent(NOT_INSTALLED)
    for kind in ("wants", "requires"):
        names = case.host.glob(f"/etc/systemd/system/*.{kind}/appliance-tune.service")
        if names:
            return ok(f"by {names[0].split('/')[4]}")
    return bad("it is not")


@check("service.user", "major", "the user of [host] user",
       "The units run their processes as him, so that none of them runs as root.",
       "appliance install")
def user(case: Case) -> Finding:
    if not _installed(case):
        return absent(NOT_INSTALLED)
    names = [line.partition(":")[0] for line in case.text("/etc/passwd").split("\n")]
    name = case.wish.section.user
    return ok(name) if name in names else bad(f"there is no user {name or 'named'}")


@check("service.configuration", "critical", "a configuration without a mistake",
       "The engine refuses to start with one.", f"appliance check -c {CONFIG}")
def configuration(case: Case) -> Finding:
    if not case.host.exists(CONFIG):
        return absent(f"there is no {CONFIG}; see `appliance install`")
    if case.host.read(CONFIG) is None:
        return absent(case.host.why_not(CONFIG))
    try:
        load_config(case.host.path(CONFIG))
    except (ConfigError, ValueError) as error:
        return bad(str(error).replace(str(case.host.path(CONFIG)), CONFIG))
    return ok(CONFIG)


def _journal(case: Case) -> Contents:
    return read_journal(case.host)


@check("service.tune_journal", "critical", "readable, without damage",
       "Without it nobody knows what this host was set to before, and tune changes nothing more.",
       f"look at {STATE_FOLDER}/journal; mend it, or move it away")
def tune_journal(case: Case) -> Finding:
    if not case.host.exists(f"{STATE_FOLDER}/journal"):
        return ok("none: nothing was tuned")
    try:
        count = len(_journal(case).standing)
    except HostError as error:
        denied = "only root" in str(error)
        return absent(str(error)) if denied else bad(str(error))
    return ok(f"{count} former values")


@check("service.half_applied", "critical", "no plan that was cut short",
       "Some settings of the host are the loop's, and others still as they were.",
       "appliance tune apply finishes it; appliance tune undo takes it back")
def half_applied(case: Case) -> Finding:
    try:
        cut_short = _journal(case).half_applied
    except HostError as error:
        return absent(str(error))
    return bad("a plan was cut short") if cut_short else ok("none")


@check("service.tuned_this_boot", "major", "what was applied was applied since the boot",
       "The reboot has put back what tune had set, and nobody has set it again.",
       "appliance tune apply; systemctl enable appliance-tune.service does it at each boot")
def tuned_this_boot(case: Case) -> Finding:
    try:
        records = _journal(case).standing
    except HostError as error:
        return absent(str(error))
    if not records:
        return absent("nothing is applied; appliance tune plan says what would be")
    old = sum(record.boot_id != case.host.boot_id for record in records)
    said = f"{len(records) - old} of {len(records)} values"
    return bad(said) if old == len(records) else ok(said)


@check("service.stale_segments", "minor", "none of an engine that has ended",
       "A killed engine leaves its segment: memory that nobody uses. Its orders may live on at the "
       "venue: look there first.", "start that engine again, or remove the file")
def stale_segments(case: Case) -> Finding:
    dead = [each.path for each in case.engines if each.pid and not each.alive]
    said = f"none of {len(segment_names(case.host))}"
    return bad(", ".join(dead), f"rm {' '.join(dead)}, once the venue has none of its orders") \
        if dead else ok(said)


@check("service.version", "critical", f"segments of version {VERSION}",
       "An engine of another version runs: this one's status, kill and exporter cannot speak with "
       "it.", "stop it with the version that started it, and start it again")
def version(case: Case) -> Finding:
    wrong = [f"{each.name} is {each.version}" for each in case.engines
             if each.alive and each.version != VERSION]
    return bad(", ".join(wrong)) if wrong else ok(
        f"{sum(each.alive for each in case.engines)} running engines")


@check("service.other_tuners", "major", "nobody else who changes these settings",
       "A power or profile daemon sets governor, idle states and interrupts back, at a time of its "
       "own.", "systemctl disable --now NAME")
def other_tuners(case: Case) -> Finding:
    found = case.running(*TUNERS)
    return bad(", ".join(found), f"systemctl disable --now {' '.join(found)}") if found else ok(
        "none")


@check("service.upgrades", "minor", "no upgrade by itself",
       "An unattended upgrade takes the disk and the cores for minutes, and restarts services, on "
       "a trading day.", "systemctl disable --now unattended-upgrades apt-daily-upgrade.timer")
def upgrades(case: Case) -> Finding:
    text = case.host.read("/etc/apt/apt.conf.d/20auto-upgrades")
    if text is not None:
        on = any("Unattended-Upgrade" in line and '"0"' not in line
                 for line in text.split("\n") if not line.lstrip().startswith("//"))
        return bad("on (apt)") if on else ok("off")
    dnf = case.host.glob("/etc/systemd/system/*.wants/dnf-automatic*.timer")
    return bad("on (dnf)") if dnf else ok("none is set up")


@check("service.interactive_load", "info", "no desktop",
       "A desktop draws, indexes and plays sound on the cores that housekeeping has.",
       "systemctl set-default multi-user.target")
def interactive_load(case: Case) -> Finding:
    found = case.running("Xorg", "gnome-shell", "kwin_wayland", "Xwayland", "plasmashell", "sway")
    return bad(", ".join(found)) if found else ok("none")
