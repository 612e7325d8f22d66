"""One host, as the files it shows: everything that tuning reads or writes goes through here.

The root is injectable, so that every stage runs against a tree under a temporary folder. A name is
always the absolute path on a real host ("/sys/kernel/mm/..."); :meth:`Host.path` puts the root in
front. Reading never raises: a file that is not there, or not for us, is None, and
:meth:`Host.why_not` says why.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import RunError
from appliance.host.cpus import parse_list

if TYPE_CHECKING:
    from appliance.host.links import Links

STATE_FOLDER = "/var/lib/tickpath/tune"
CPU = "/sys/devices/system/cpu"
FIXED = f"{STATE_FOLDER}/fixed"
READ_BYTES_MAX = 1 << 20  # far above any file of /sys and /proc that is read here


class HostError(RunError):
    """The host refuses something; one sentence with its remedy."""


class NotHere(HostError):
    """Written to, a knob turned out to be none: the kernel keeps the value to itself."""


class Host:
    """The host under ``root``; ``links`` answers for its network interfaces.

    Only kinds write (:meth:`write`, :meth:`make_folder`, :meth:`remove_folder`), and only after
    the journal has the former value; stages and checks read.
    """

    def __init__(self, root: Path = Path("/"), links: Links | None = None) -> None:
        self.root = root
        self._links = links

    @property
    def real(self) -> bool:
        """Whether this is the machine itself and no tree of a test or image."""
        return self.root == Path("/")

    @property
    def links(self) -> Links:
        """The network interfaces, through netlink; of another root, through what was injected."""
        if self._links is None:
            from appliance.host.links import KernelLinks, NoLinks

            self._links = KernelLinks() if self.real else NoLinks()
        return self._links

    def path(self, name: str) -> Path:
        """Where ``name`` is under this root."""
        return self.root / name.lstrip("/")

    def exists(self, name: str) -> bool:
        return os.path.lexists(self.path(name))

    def read(self, name: str) -> str | None:
        """The text of a file without its last newline; None when it cannot be had."""
        try:
            with open(self.path(name), "rb") as file:
                data = file.read(READ_BYTES_MAX)
        except OSError:
            return None
        return data.decode("utf-8", "replace").removesuffix("\n")

    def number(self, name: str) -> int | None:
        """The whole number in a file; None when there is none."""
        text = self.read(name)
        try:
            return int(text, 0) if text is not None else None
        except ValueError:
            return None

    def why_not(self, name: str) -> str:
        """Why ``name`` cannot be read, as part of a sentence."""
        try:
            with open(self.path(name), "rb") as file:
                file.read(1)
        except FileNotFoundError:
            return f"this kernel has no {name}"
        except PermissionError:
            return f"only root may read {name}"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        return f"{name} is not what was expected"

    def glob(self, pattern: str) -> list[str]:
        """The names that match, sorted, numbers by their value."""
        found = (f"/{path.relative_to(self.root)}" for path in self.root.glob(pattern.lstrip("/")))
        return sorted(found, key=_by_number)

    def target(self, name: str) -> str | None:
        """The last part of what a symbolic link points to; None when it is none."""
        try:
            return os.readlink(self.path(name)).rstrip("/").rsplit("/", 1)[-1]
        except OSError:
            return None

    def write(self, name: str, text: str) -> None:
        """Writes a value in one write(2), as /sys and /proc want it; raises OSError."""
        # Never creates: a knob the kernel lacks must fail, and not become a file of a tree.
        handle = os.open(self.path(name), os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(handle, text.encode() + b"\n")
        finally:
            os.close(handle)

    def make_folder(self, name: str) -> None:
        """Makes a cgroup; raises OSError, but not where there is one."""
        self.path(name).mkdir(exist_ok=True)

    def remove_folder(self, name: str) -> None:
        """Removes a cgroup, whose files go with it; raises OSError, but not where there is none."""
        if self.exists(name):
            self.path(name).rmdir()

    # ---- what cannot be written ------------------------------------------------------------------

    def fixed(self, name: str) -> bool:
        """Whether nobody may write ``name``: its mode says so, or a write of this boot did."""
        try:
            if not self.path(name).stat().st_mode & 0o200:
                return True
        except OSError:
            return False
        return f"{self.boot_id} {name}" in (self.read(FIXED) or "").split("\n")

    def note_fixed(self, name: str) -> None:
        """Notes that ``name`` refused to be written, so that nobody tries again until a reboot."""
        noted = (self.read(FIXED) or "").split("\n")
        lines = [line for line in noted if line.startswith(f"{self.boot_id} ")]
        with contextlib.suppress(OSError):  # then it is only tried again
            self.path(FIXED).write_text("\n".join([*lines, f"{self.boot_id} {name}"]) + "\n")

    # ---- what many stages ask --------------------------------------------------------------------

    @cached_property
    def boot_id(self) -> str:
        """Changes with every boot; values of /sys and /proc do not outlive it."""
        return self.read("/proc/sys/kernel/random/boot_id") or "unknown"

    def cores(self, which: str = "online") -> frozenset[int]:
        """Cores that are ``online``, ``present``, ``isolated`` or ``nohz_full``."""
        try:
            return parse_list(self.read(f"{CPU}/{which}") or "")
        except ValueError:
            return frozenset()

    def nodes(self) -> list[int]:
        """The NUMA nodes; a kernel without NUMA has one, 0."""
        names = self.glob("/sys/devices/system/node/node[0-9]*")
        return [int(name.rpartition("node")[2]) for name in names] or [0]

    def nodes_of(self, cores: frozenset[int]) -> list[int]:
        """The NUMA nodes of these cores; of none, all nodes."""
        lists = {node: self.read(f"/sys/devices/system/node/node{node}/cpulist") or ""
                 for node in self.nodes()}
        try:
            near = [node for node, text in lists.items() if parse_list(text) & cores]
        except ValueError:
            near = []
        return near or list(lists)

    def programs(self) -> dict[int, str]:
        """What runs: the names, as in /proc/PID/comm, by process."""
        found = {}
        for name in self.glob("/proc/[0-9]*/comm"):
            program = self.read(name)  # None of one that ended meanwhile
            if program:
                found[int(name.split("/")[2])] = program
        return found

    @cached_property
    def flags(self) -> frozenset[str]:
        """The first processor's flags (x86-64)."""
        found = re.search(r"^flags\s*:(.*)$", self.read("/proc/cpuinfo") or "", re.M)
        return frozenset(found[1].split() if found else ())

    @cached_property
    def command_line(self) -> dict[str, str]:
        """The kernel's parameters, the last of a name; a bare word is its own value."""
        words = (self.read("/proc/cmdline") or "").split()
        return {word.partition("=")[0]: word.partition("=")[2] or word for word in words}


def refusal(name: str, error: OSError) -> str:
    """What an error of a write to ``name`` means to the operator; one sentence."""
    meanings = {
        errno.ENOENT: f"this kernel has no {name}; leave the knob out with --skip",
        errno.EROFS: f"{name} is read-only here, as in a container; run this on the host itself",
        errno.EACCES: f"{name} may not be written; run this as root on the host itself",
        errno.EPERM: f"{name} may not be written, even by root (kernel lockdown, or a container); "
                     f"see `appliance doctor`",
        errno.EINVAL: f"{name} does not take that value; see `appliance tune explain`",
        errno.EIO: f"{name}: the kernel does not let that be set; leave the knob out with --skip",
        errno.ENOSPC: f"{name}: there is no room for that any more; leave the knob out with --skip",
        errno.EBUSY: f"{name} is in use; stop what uses it and try again",
        errno.ENOMEM: f"{name}: the kernel has no memory for that; free some, or ask at boot time",
        errno.ENODEV: f"{name}: there is no such device any more; look at `appliance tune plan`",
        errno.EOPNOTSUPP: f"{name}: the driver cannot do that; leave the knob out with --skip",
    }
    number = error.errno or 0
    return meanings.get(number, f"{name}: {error.strerror}; see `appliance tune explain`")


def sync_folder(folder: Path) -> None:
    """Names in it are on disk when this returns; raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _by_number(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]
