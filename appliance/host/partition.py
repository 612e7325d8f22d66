"""A cpuset partition: cores taken out of everybody else's scheduling, at run time.

cgroup v2 only (Linux Documentation/admin-guide/cgroup-v2.rst, Cpuset). Two kinds: whether the
controller is handed down from the root group, and the group itself, which is ours alone.
"""

from __future__ import annotations

import errno
from pathlib import Path

from appliance.host.cpus import parse_list
from appliance.host.host import Host, HostError
from appliance.host.kinds import ABSENT, Kind

ROOT = "/sys/fs/cgroup"
GROUP = f"{ROOT}/tickpath"
CONTROL = f"{ROOT}/cgroup.subtree_control"
NO_CPUSETS = f"there is no cgroup v2 with a cpuset controller at {ROOT}"


class Controller(Kind):
    """Whether groups below the root have cpusets: "cpuset" or "-"."""

    name = "controller"

    def read(self, host: Host, target: str) -> str | None:
        if "cpuset" not in (host.read(f"{ROOT}/cgroup.controllers") or "").split():
            return None
        text = host.read(target)
        if text is None:
            return None
        return "cpuset" if "cpuset" in text.split() else "-"

    def why_not(self, host: Host, target: str) -> str:
        return NO_CPUSETS

    def write(self, host: Host, target: str, value: str) -> None:
        try:
            host.write(target, "+cpuset" if value == "cpuset" else "-cpuset")
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise HostError(f"{target}: another group has cpusets by now, and keeps them; that "
                            f"harms nothing") from None


class Partition(Kind):
    """The group: its cores and its sort, "2-3 isolated", or nothing at all."""

    name = "partition"

    def read(self, host: Host, target: str) -> str | None:
        if not host.exists(CONTROL):
            return None
        if not host.exists(target):
            return ABSENT
        cores = host.read(f"{target}/cpuset.cpus") or ""
        sort = host.read(f"{target}/cpuset.cpus.partition") or "member"
        return f"{cores or '-'} {sort}"

    def why_not(self, host: Host, target: str) -> str:
        return NO_CPUSETS

    def write(self, host: Host, target: str, value: str) -> None:
        sort_of = f"{target}/cpuset.cpus.partition"
        if value == ABSENT:
            if not host.exists(target):
                return
            if host.exists(sort_of):
                host.write(sort_of, "member")  # its cores go back even if it cannot go
            try:
                host.remove_folder(target)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                raise HostError(f"{target}: processes are in it; stop the appliance and run this "
                                f"again") from None
            return
        cores, _, sort = value.partition(" ")
        host.make_folder(target)
        host.write(f"{target}/cpuset.cpus", "" if cores == "-" else cores)
        host.write(sort_of, sort)
        now = host.read(sort_of) or ""
        if "invalid" in now:
            why = now.partition("(")[2].rstrip(")") or "no reason given"
            raise HostError(f"{target}: the kernel refuses the partition ({why}); see which group "
                            f"claims these cores: grep . {ROOT}/*/cpuset.cpus")

    def between(self, now: str, one: str, other: str) -> bool:
        """The group is there, and its cores are everybody's still, or again."""
        return now != ABSENT and now.endswith(" member") and ABSENT in (one, other)

    def same(self, one: str, other: str) -> bool:
        if ABSENT in (one, other):
            return one == other
        (cores, _, sort), (other_cores, _, other_sort) = one.partition(" "), other.partition(" ")
        try:
            return sort == other_sort and parse_list(cores.strip("-")) == parse_list(
                other_cores.strip("-"))
        except ValueError:
            return False


CONTROLLER, PARTITION = Controller(), Partition()


def join(core: int, group: Path = Path(GROUP)) -> None:
    """Takes this process into the partition, if there is one and ``core`` is its.

    Nobody else may run there. Raises HostError when that is not allowed.
    """
    try:
        cores = parse_list((group / "cpuset.cpus").read_text())
    except (OSError, ValueError):
        return
    if core not in cores:
        return
    try:
        (group / "cgroup.procs").write_text("0\n")
    except OSError as error:
        raise HostError(f"core {core} belongs to the cpuset partition {GROUP}, which this process "
                        f"may not enter ({error.strerror}); run as root, or take it back with "
                        f"`appliance tune undo --only isolation`") from None
