"""Kinds: how one sort of setting is read, written, compared, and written by a shell script.

A kind is stateless; the journal names it, so a name never changes its meaning. ``ABSENT`` stands
for "there is no such thing", which for some kinds (a file of /etc, a cpuset) is a value like any
other: undo then takes the thing away.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Iterable
from typing import ClassVar

from appliance.host.cpus import format_list, format_mask, parse_list, parse_mask
from appliance.host.host import Host, HostError, NotHere, sync_folder

ABSENT = "\x00absent"
MANAGED = "it is one of a core's own, or managed by its driver, one queue to each core"


class Kind:
    """A one-value file of /sys or /proc. The other kinds differ in one thing each."""

    name: ClassVar[str] = "value"
    # Whether the value outlives a reboot.
    persistent: ClassVar[bool] = False
    # Whether a write that was cut short may not show: undo then writes even what seems to hold.
    late: ClassVar[bool] = False

    def read(self, host: Host, target: str) -> str | None:
        """The value now; None when the host has no such knob."""
        return host.read(target)

    def write(self, host: Host, target: str, value: str) -> None:
        """Sets it; raises OSError, or HostError with a sentence of its own."""
        host.write(target, value)

    def same(self, one: str, other: str) -> bool:
        """Whether two spellings mean the same value."""
        return one.split() == other.split()

    def why_not(self, host: Host, target: str) -> str:
        """Why :meth:`read` gave None, as part of a sentence."""
        return host.why_not(target)

    def between(self, now: str, one: str, other: str) -> bool:
        """Whether ``now`` is where a write from one to the other may have been cut short."""
        return False

    def drifted(self, host: Host, now: str, wanted: str) -> bool:
        """Whether a program, and no operator, made ``now`` of what was set to ``wanted``."""
        return False

    def shell(self, target: str, value: str) -> str:
        """The line of a shell script that journals and writes it (``shell.py``); "" for none.

        A kind of which no part of ``sh/`` has a function has no shell form either.
        """
        return f"put {self.name} {shlex.quote(target)} {shlex.quote(value)}"


class Choice(Kind):
    """A file that shows all choices, the one that holds in brackets: "always [madvise] never"."""

    name = "choice"

    def read(self, host: Host, target: str) -> str | None:
        text = host.read(target)
        if text is None:
            return None
        chosen = re.search(r"\[([^\]]*)\]", text)
        return chosen[1] if chosen else text


class CoreList(Kind):
    """A list of cores, "2-5,8"."""

    name = "cores"

    def parse(self, text: str) -> frozenset[int]:
        """The cores; raises ValueError."""
        return parse_list(text)

    def spell(self, cores: Iterable[int]) -> str:
        return format_list(cores)

    def same(self, one: str, other: str) -> bool:
        try:
            return self.parse(one) == self.parse(other)
        except ValueError:
            return False


class CoreMask(CoreList):
    """A mask of cores, "ff,ffffffff"."""

    name = "mask"

    def parse(self, text: str) -> frozenset[int]:
        return parse_mask(text)

    def spell(self, cores: Iterable[int]) -> str:
        return format_mask(cores)


class IrqCores(CoreList):
    """Where an interrupt may go, a list of cores. The kernel keeps some to itself."""

    name = "irq"

    def drifted(self, host: Host, now: str, wanted: str) -> bool:
        """irqbalance picks one core after the other out of those that it was left."""
        try:
            within = self.parse(now) <= self.parse(wanted)
        except ValueError:
            return False
        return within and "irqbalance" in host.programs().values()

    def write(self, host: Host, target: str, value: str) -> None:
        try:
            host.write(target, value)
        except OSError as error:
            # EIO up to Linux 6.10, EPERM since: irq_can_set_affinity_usr says no.
            if error.errno not in (errno.EIO, errno.EPERM):
                raise
            host.note_fixed(target)
            raise NotHere(f"the kernel keeps this interrupt where it is ({MANAGED})") from None


class Pages(Kind):
    """A number of huge pages, of which the kernel makes as many as it finds room for."""

    name = "pages"

    def between(self, now: str, one: str, other: str) -> bool:
        """Some pages were in use when they were to go."""
        words = (now, one, other)
        return all(word.isdigit() for word in words) and (
            min(int(one), int(other)) <= int(now) <= max(int(one), int(other)))

    def write(self, host: Host, target: str, value: str) -> None:
        host.write(target, value)
        now = self.read(host, target) or "0"
        if not now.isdigit() or not value.isdigit() or int(now) == int(value):
            return
        if int(now) > int(value):
            raise HostError(f"{target}: {now} pages are in use, which is more than {value}; stop "
                            f"what uses them and run this again")
        raise HostError(f"{target}: only {now} of {value} pages were to be had, since memory is "
                        f"short or in fragments; run `sync; echo 1 > /proc/sys/vm/drop_caches; "
                        f"echo 1 > /proc/sys/vm/compact_memory` and apply again, or ask for them "
                        f"at boot with the kernel parameter that `appliance tune plan` prints")


class OwnFile(Kind):
    """A whole file of ours under /etc; its content is the value, and it may be absent."""

    name = "file"
    persistent = True
    late = True  # what a crash left beside it goes, too

    def read(self, host: Host, target: str) -> str | None:
        if not host.exists(target.rpartition("/")[0]):
            return None
        return host.read(target) if host.exists(target) else ABSENT

    def why_not(self, host: Host, target: str) -> str:
        folder = target.rpartition("/")[0]
        return f"this host has no {folder}" if not host.exists(folder) else host.why_not(target)

    def write(self, host: Host, target: str, value: str) -> None:
        path = host.path(target)
        # A write that was cut short may have left it; whatever comes now replaces it.
        beside = path.with_name(f".{path.name}.tickpath")
        if value == ABSENT:
            beside.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            return
        with open(beside, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        sync_folder(path.parent)

    def same(self, one: str, other: str) -> bool:
        return one == other

    def shell(self, target: str, value: str) -> str:
        if value == ABSENT:
            return f"take_away {self.name} {shlex.quote(target)}"
        return super().shell(target, value)


VALUE, CHOICE, CORE_LIST, CORE_MASK, OWN_FILE = (
    Kind(), Choice(), CoreList(), CoreMask(), OwnFile())
IRQ_CORES, PAGES = IrqCores(), Pages()
