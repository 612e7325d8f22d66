"""The folder that the journal is written to: its file system, its disk, and room on them.

Sources: proc(5) (mountinfo), Linux Documentation/ABI/stable/sysfs-block, open(2) (O_DIRECT).
"""

from __future__ import annotations

import os
import time
from pathlib import PurePosixPath
from typing import NamedTuple

from appliance.host.case import Case
from appliance.host.check import Finding, Unknown, absent, bad, check, ok, warn
from appliance.host.machine import free_bytes

GIB = 1 << 30
# A recorded day of a full feed, ITCH with headers, is about 20 GB.
FREE_BYTES_MIN, FREE_BYTES_WANTED = 2 * GIB, 20 * GIB
INODES_FREE_MIN = 1000
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "fuse.sshfs", "afs")
VOLATILE = ("tmpfs", "ramfs", "overlay")
DIRECT = ("ext4", "xfs", "btrfs", "f2fs", "bcachefs", "ext2", "ext3", "nfs", "nfs4")
OPPOSITE = {"sync": "async", "strictatime": "relatime", "discard": "nodiscard"}
PRESSURE_MAX = 5.0  # percent
STATE = "/var/lib/tickpath"


class Mount(NamedTuple):
    device: str  # MAJOR:MINOR
    point: str
    options: tuple[str, ...]
    kind: str
    source: str


def _folder(case: Case) -> str:
    """Where the journal goes; raises Unknown when there is none."""
    path = case.config.journal.path
    if not path:
        raise Unknown("no journal is configured ([journal] path); give -c FILE")
    return os.path.dirname(os.path.abspath(time.strftime(path)))  # as the engine's start does


def _mount(case: Case, folder: str) -> Mount:
    """The file system that a folder lies on, the last mounted of the deepest."""
    best = None
    for line in case.text("/proc/self/mountinfo").split("\n"):
        left, _, right = line.partition(" - ")
        fields, rest = left.split(), right.split()
        if len(fields) < 6 or len(rest) < 2 or not PurePosixPath(folder).is_relative_to(fields[4]):
            continue
        if best is None or len(fields[4]) >= len(best.point):
            options = (*fields[5].split(","), *(rest[2].split(",") if len(rest) > 2 else ()))
            best = Mount(fields[2], fields[4], options, rest[0], rest[1])
    if best is None:
        raise Unknown(f"no file system in /proc/self/mountinfo has {folder}")
    return best


def _queue(case: Case) -> str:
    """The block device's queue folder, a partition's being its disk's."""
    mount = _mount(case, _folder(case))
    for folder in (f"/sys/dev/block/{mount.device}", f"/sys/dev/block/{mount.device}/.."):
        if case.host.exists(f"{folder}/queue"):
            return f"{folder}/queue"
    raise Unknown(f"{mount.source} is no block device of this host")


@check("storage.folder", "critical", "a folder that can be written to",
       "Trading halts at once when the journal cannot be written.",
       "install -d -o tickpath FOLDER, or mend [journal] path")
def folder(case: Case) -> Finding:
    path = _folder(case)
    if not case.host.path(path).is_dir():
        return bad(f"there is no {path}", f"install -d -o tickpath {path}")
    if "ro" in _mount(case, path).options:
        return bad(f"{path} is mounted read-only", f"mount -o remount,rw {path}")
    return ok(path)


@check("storage.filesystem", "major", "a local file system on a disk",
       "A network's file system stalls with its server; one in memory is gone at the next boot.",
       "put [journal] path on ext4 or xfs on a disk of this host")
def filesystem(case: Case) -> Finding:
    kind = _mount(case, _folder(case)).kind
    if kind in VOLATILE:
        return warn(f"{kind}, gone with the next boot or container")
    return bad(f"{kind}, over a network") if kind in REMOTE else ok(kind)


@check("storage.free", "critical", f"{FREE_BYTES_WANTED // GIB} GiB; {FREE_BYTES_MIN // GIB} GiB "
       "at the least",
       "A full disk ends the recording, and with it trading. A recorded day of a full feed takes "
       "20 GB.", "move recordings that are done, or name a larger disk in [journal] path")
def free(case: Case) -> Finding:
    room, _ = free_bytes(case.host.path(_folder(case)))
    said = f"{room / GIB:,.1f} GiB"
    if room < FREE_BYTES_MIN:
        return bad(said)
    return warn(said) if room < FREE_BYTES_WANTED else ok(said)


@check("storage.inodes", "minor", f"{INODES_FREE_MIN:,} or more",
       "A file system without free inodes refuses new files while bytes are free.",
       "remove small files (df -i; du --inodes)")
def inodes(case: Case) -> Finding:
    found = os.statvfs(case.host.path(_folder(case)))
    if not found.f_files:
        return absent("this file system does not count them")
    return bad(found.f_favail) if found.f_favail < INODES_FREE_MIN else ok(f"{found.f_favail:,}")


@check("storage.direct_io", "minor", "O_DIRECT works",
       "Past the page cache, the writer's pace is the disk's own and no write-back storm follows.",
       "put [journal] path on ext4 or xfs")
def direct_io(case: Case) -> Finding:
    kind = _mount(case, _folder(case)).kind
    return ok(f"{kind} has it") if kind in DIRECT else bad(f"{kind} has it not, or not surely")


@check("storage.mount_options", "minor", "neither sync nor strictatime nor discard",
       "On a sync mount every small write waits for the disk; discard trims in the middle of "
       "writing; strictatime writes at each read.",
       "mount -o remount with the opposite, and in /etc/fstab; trim by fstrim.timer")
def mount_options(case: Case) -> Finding:
    mount = _mount(case, _folder(case))
    found = [word for word in OPPOSITE if word in mount.options]
    options = ",".join(OPPOSITE[word] for word in found)
    fix = f"mount -o remount,{options} {mount.point}, and in /etc/fstab"
    return bad(f"{', '.join(found)} on {mount.point}", fix) if found else ok("none of them")


@check("storage.rotational", "major", "a disk without moving parts",
       "A spinning disk seeks for 10 ms; a burst of the feed fills the journal ring meanwhile.",
       "put [journal] path on an NVMe disk")
def rotational(case: Case) -> Finding:
    value = case.host.number(f"{_queue(case)}/rotational")
    if value is None:
        return absent(case.host.why_not(f"{_queue(case)}/rotational"))
    if value and case.virtual:
        return warn("it spins, says the hypervisor")
    return bad("it spins") if value else ok("it does not spin")


@check("storage.scheduler", "minor", "none, or mq-deadline",
       "Fair schedulers hold requests back for others' sake; a fast disk needs no order.",
       "echo none > /sys/block/DISK/queue/scheduler")
def scheduler(case: Case) -> Finding:
    folder = _queue(case)
    text = case.host.read(f"{folder}/scheduler") or ""
    chosen = text.partition("[")[2].partition("]")[0] or text
    return ok(chosen) if chosen in ("none", "mq-deadline", "noop", "deadline") else bad(
        chosen or "unknown", f"echo none > {folder}/scheduler")


@check("storage.write_cache", "info", "write through, or a cache that outlives a power cut",
       "With a volatile cache each fsync waits for the disk to empty it, milliseconds.",
       "use a disk with power-loss protection")
def write_cache(case: Case) -> Finding:
    path = f"{_queue(case)}/write_cache"
    text = case.host.read(path)
    if text is None:
        return absent(case.host.why_not(path))
    return ok(text) if text == "write through" else bad(text)


@check("storage.disk_errors", "critical", "the file system has seen none",
       "The file system has noted an error: recordings on it may be damaged.",
       "journalctl -k -g 'I/O error|EXT4-fs error'; unmount, fsck, and replace the disk")
def disk_errors(case: Case) -> Finding:
    mount = _mount(case, _folder(case))
    disk = mount.source.rpartition("/")[2]
    count = case.host.number(f"/sys/fs/ext4/{disk}/errors_count")
    if count is None:
        return absent(f"{mount.kind} on {mount.source} does not count them")
    return bad(f"{count} on {disk}") if count else ok("0")


@check("storage.pressure", "minor", f"below {PRESSURE_MAX} % of the last minute",
       "While tasks wait for disks, so does the journal's writer; the ring fills.",
       "iotop -o, or pidstat -d 1, names who writes")
def pressure(case: Case) -> Finding:
    share = case.pressure("io")
    return bad(f"{share} %") if share >= PRESSURE_MAX else ok(f"{share} %")


@check("storage.state_room", "major", "100 MiB free for /var/lib/tickpath",
       "Nothing is tuned unless the former value can be written there first.",
       "free some space (du -xh / | sort -h | tail)")
def state_room(case: Case) -> Finding:
    folder = STATE if case.host.exists(STATE) else "/var/lib"
    if not case.host.exists(folder):
        return absent(case.host.why_not(folder))
    room, _ = free_bytes(case.host.path(folder))
    said = f"{room >> 20:,} MiB"
    return bad(said) if room < 100 << 20 else ok(said)
