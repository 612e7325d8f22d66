"""Locked memory: the user who runs the appliance may lock all that it has."""

from __future__ import annotations

import re
from dataclasses import replace

from appliance.host.host import Host
from appliance.host.kinds import ABSENT, OWN_FILE
from appliance.host.stage import Knob, Setting, Stage, absent, compare
from appliance.host.wish import Wish

FILE = "/etc/security/limits.d/tickpath.conf"
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
                "/lib/systemd/system")
MARK = "# By appliance tune apply; appliance tune undo takes it away."
ENOUGH = ("infinity", "unlimited")


class Memlock(Stage):
    """Tables, rings and AF_XDP's frames are locked: a page fault in the loop is never the disk's.
    """

    name = "memlock"
    title = "Locked memory"
    knobs = (
        Knob("memlock.limits", "How much memory the appliance's user may lock, logged in",
             "The default is 8 MiB or less: the engine then runs with pages that can be swapped, "
             "or AF_XDP refuses to open. Costs: that user can take all memory from the host.",
             "limits.conf(5), memlock; mlock(2)", FILE),
        Knob("memlock.unit", "The same for the engine as a service",
             "systemd does not look at limits.conf. Costs the same.",
             "systemd.exec(5), LimitMEMLOCK=",
             "/etc/systemd/system/appliance*.service, LimitMEMLOCK=", reported=True),
    )

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        return [_limits(host, wish.section.user), *_units(host)]


def _limits(host: Host, user: str) -> Setting:
    knob = "memlock.limits"
    if not user:
        return absent(knob, FILE, "host.user names nobody")
    users = (host.read("/etc/passwd") or "").split("\n")
    if not any(line.startswith(f"{user}:") for line in users):
        return absent(knob, FILE, f"there is no user {user} (host.user); `appliance install` "
                                  f"makes it")
    if OWN_FILE.read(host, FILE) is None:
        return absent(knob, FILE, "this host has no /etc/security/limits.d")
    setting = compare(host, knob, FILE, f"{MARK}\n{user} - memlock unlimited", OWN_FILE)
    if setting.verdict == "change" and not setting.found.startswith((ABSENT, MARK)):
        return replace(setting, verdict="manual", reason="somebody else wrote this file",
                       remedy=f"add to it: {user} - memlock unlimited")
    return setting


def _units(host: Host) -> list[Setting]:
    rows = []
    for folder in UNIT_FOLDERS:
        for target in host.glob(f"{folder}/appliance*.service"):
            text = host.read(target) or ""
            if "appliance" not in text or "exporter" in target:
                continue
            given = re.findall(r"^LimitMEMLOCK=(.*)$", text, re.M)
            found = given[-1].strip() if given else "systemd's default"
            if found in ENOUGH:
                rows.append(Setting("memlock.unit", target, found, found, "ok"))
            else:
                rows.append(Setting("memlock.unit", target, found, "infinity", "manual",
                                    reason="the unit limits what the engine may lock",
                                    remedy="LimitMEMLOCK=infinity under [Service], then "
                                           "systemctl daemon-reload"))
    return rows or [absent("memlock.unit", UNIT_FOLDERS[0], "no unit of the appliance is here")]
