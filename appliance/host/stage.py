"""What a stage is: one area of the host, its knobs, and how it compares with what the loop wants.

A stage is stateless. :meth:`Stage.check` reads and never writes; applying and undoing are the same
for all (``tuner.py``), because a setting carries the kind that knows how it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from appliance.host.host import Host
from appliance.host.kinds import VALUE, CoreList, Kind
from appliance.host.wish import Wish

# ok: as wanted. change: apply would set it. boot: only the kernel's command line or the firmware
# can. manual: the operator must do it, or say that he wants it. absent: not here. refused: asked
# for by name, and impossible or unsafe; apply and verify fail by it.
Verdict = Literal["ok", "change", "boot", "manual", "absent", "refused"]
ONE_CORE = "there is only one core, which everything runs on"


@dataclass(frozen=True)
class Knob:
    """What there is to know about a knob, for ``appliance tune explain`` and docs/tuning.md."""

    id: str
    title: str
    why: str  # what it does to the loop, with the cost of setting it
    source: str  # the document that says so
    path: str  # the file, or "netlink: ..."; placeholders in capitals
    reported: bool = False  # only ever looked at; apply never sets it


@dataclass(frozen=True)
class Setting:
    """One knob of one target, as found and as wanted."""

    knob: str
    target: str  # what the kind writes to, as "/sys/..." or "eth0 ring rx"
    found: str
    wanted: str
    verdict: Verdict
    kind: Kind = VALUE
    reason: str = ""  # of absent, manual, refused and boot: why, as part of a sentence
    remedy: str = ""  # of boot, manual and refused: the kernel parameter or command


class Stage:
    """One area of the host. Subclasses give ``name``, ``knobs`` and :meth:`check`."""

    name: ClassVar[str]
    title: ClassVar[str]
    knobs: ClassVar[tuple[Knob, ...]]

    def check(self, host: Host, wish: Wish) -> list[Setting]:
        """Every setting of this area, in the order in which they must be applied."""
        raise NotImplementedError


def compare(host: Host, knob: str, target: str, wanted: str, kind: Kind = VALUE) -> Setting:
    """A setting by what its kind reads: ok, change, or absent with the reason."""
    found = kind.read(host, target)
    if found is None:
        return Setting(knob, target, "", wanted, "absent", kind, kind.why_not(host, target))
    if kind.same(found, wanted):
        return Setting(knob, target, found, wanted, "ok", kind)
    if not found and target.startswith(("/sys/", "/proc/")):
        # Nothing could be written that would put nothing back.
        return Setting(knob, target, found, wanted, "absent", kind, f"{target} is empty")
    if host.fixed(target):
        return Setting(knob, target, found, wanted, "absent", kind,
                       f"the kernel does not let {target} be set")
    return Setting(knob, target, found, wanted, "change", kind)


def keep_off(host: Host, knob: str, target: str, wish: Wish, kind: CoreList) -> Setting:
    """A set of cores without the loops': what it was, less those, or else the housekeeping ones."""
    found = kind.read(host, target)
    if found is None:
        return absent(knob, target, kind.why_not(host, target))
    if not wish.cores:
        return absent(knob, target, ONE_CORE)
    try:
        others = kind.parse(found) - wish.cores
    except ValueError:
        return absent(knob, target, f"{target} is {found!r}, which is no set of cores")
    wanted = others if others & host.cores("online") else wish.housekeeping
    return compare(host, knob, target, kind.spell(wanted), kind)


def absent(knob: str, target: str, reason: str) -> Setting:
    """A knob that is not here, and why, as part of a sentence."""
    return Setting(knob, target, "", "", "absent", reason=reason)


def refused(knob: str, target: str, wanted: str, reason: str, remedy: str) -> Setting:
    """What the operator asked for and cannot have: why, and what to do instead."""
    return Setting(knob, target, "", wanted, "refused", reason=reason, remedy=remedy)
