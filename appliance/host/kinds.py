"""Kinds: how one sort of setting is read, written, compared, and written by a shell script.

A kind is stateless; the journal names it, so a name never changes its meaning. ``ABSENT`` stands
for "there is no such thing", which for some kinds (a file of /etc, a cpuset) is a value like any
other: undo then takes the thing away.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import ClassVar

from appliance.host.cpus import parse_list, parse_mask
from appliance.host.host import Host

ABSENT = "\x00absent"


class Kind:
    """A one-value file of /sys or /proc. The other kinds differ in one thing each."""

    name: ClassVar[str] = "value"
    # Whether the value outlives a reboot.
    persistent: ClassVar[bool] = False

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

    def shell(self, target: str, value: str) -> str:
        """The line of a shell script that journals and writes it (``shell.py``)."""
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

    def same(self, one: str, other: str) -> bool:
        try:
            return parse_list(one) == parse_list(other)
        except ValueError:
            return False


class CoreMask(Kind):
    """A mask of cores, "ff,ffffffff"."""

    name = "mask"

    def same(self, one: str, other: str) -> bool:
        try:
            return parse_mask(one) == parse_mask(other)
        except ValueError:
            return False


class OwnFile(Kind):
    """A whole file of ours under /etc; its content is the value, and it may be absent."""

    name = "file"
    persistent = True

    def read(self, host: Host, target: str) -> str | None:
        return host.read(target) if host.exists(target) else ABSENT

    def write(self, host: Host, target: str, value: str) -> None:
        path = host.path(target)
        # A write that was cut short may have left it; whatever comes now replaces it.
        beside = path.with_name(f".{path.name}.tickpath")
        if value == ABSENT:
            beside.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            return
        with open(beside, "w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)

    def same(self, one: str, other: str) -> bool:
        return one == other


VALUE, CHOICE, CORE_LIST, CORE_MASK, OWN_FILE = (
    Kind(), Choice(), CoreList(), CoreMask(), OwnFile())
