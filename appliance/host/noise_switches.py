"""Whom a core was given to, and when: the scheduler's switches, as perf events tell them.

This takes root, CAP_PERFMON, or kernel.perf_event_paranoid of 0 or less; without it the meter goes
on and knows only *that* it was switched out. The kernel writes each switch of the core into a
buffer that is mapped before the loop and read after it, so nothing here runs meanwhile. The buffer
is not drained: when it is full, the switches that follow are lost, and that is told.
``perf_event_open(2)`` has the layouts.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

SYSCALL = {"x86_64": 298, "aarch64": 241}  # __NR_perf_event_open
# A switch takes two records of 32 bytes. 65,536 switches where memory may be locked; 8,192 within
# what perf_event_mlock_kb gives everybody (512 KiB and the page in front).
DATA_BYTES = (4 << 20, 512 << 10)
ATTR_BYTES = 112  # PERF_ATTR_SIZE_VER5, as of Linux 4.1 and later
TYPE_SOFTWARE, CONFIG_DUMMY = 1, 9
SAMPLE_TID_TIME = 1 << 1 | 1 << 2
COMM, SAMPLE_ID_ALL, USE_CLOCKID, CONTEXT_SWITCH = 1 << 9, 1 << 18, 1 << 25, 1 << 26
FLAG_CLOSE_ON_EXEC = 1 << 3
HEAD_OFFSET = 1024  # perf_event_mmap_page.data_head
RECORD_COMM, RECORD_SWITCH_CPU_WIDE = 3, 15
MISC_SWITCH_OUT = 1 << 13
HEADER = struct.Struct("=IHH")  # type, misc, size
SWITCH = struct.Struct("=IIIIQ")  # next process and thread; former process, thread and time
NAMED = struct.Struct("=II")  # process and thread; then its name, and SAMPLE_BYTES
SAMPLE_BYTES = 16
RECORD_BYTES_MAX = HEADER.size + NAMED.size + 16 + SAMPLE_BYTES  # a name has 16 bytes at most


class SwitchesAbsent(Exception):
    """Why switches cannot be seen here."""


@dataclass(frozen=True)
class Slice:
    """A thread that had the core, in ns of CLOCK_MONOTONIC_RAW."""

    thread: int
    started_ns: int
    ended_ns: int


@dataclass
class Ran:
    """What one thread took of the core."""

    thread: int
    ran_ns: int = 0
    slices: int = 0


@dataclass(frozen=True)
class Switches:
    """The slices of a core in their order; ``full`` when no more of them found room.

    ``names`` has the threads that took a new name on this core, as a program that starts does.
    """

    slices: list[Slice] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    full: bool = False


class SwitchLog:
    """The switches of ``core`` from now on; raises SwitchesAbsent. Close it."""

    def __init__(self, core: int) -> None:
        number = SYSCALL.get(platform.machine())
        if number is None:
            raise SwitchesAbsent(f"perf events are not known here on {platform.machine()}")
        attr = struct.pack(
            "=IIQQQQQIIQQQQIiQIHH", TYPE_SOFTWARE, ATTR_BYTES, CONFIG_DUMMY, 0, SAMPLE_TID_TIME, 0,
            COMM | SAMPLE_ID_ALL | USE_CLOCKID | CONTEXT_SWITCH, 0, 0, 0, 0, 0, 0, 0,
            time.CLOCK_MONOTONIC_RAW, 0, 0, 0, 0)
        call = ctypes.CDLL(None, use_errno=True).syscall
        every, no_group = ctypes.c_int(-1), ctypes.c_int(-1)
        self._handle = call(ctypes.c_long(number), ctypes.c_char_p(attr), every,
                            ctypes.c_int(core), no_group, ctypes.c_ulong(FLAG_CLOSE_ON_EXEC))
        if self._handle < 0:
            raise SwitchesAbsent(_why_not(ctypes.get_errno()))
        for size in DATA_BYTES:
            try:
                self._pages = mmap.mmap(self._handle, mmap.PAGESIZE + size)
                return
            except OSError as error:
                why = error.strerror
        os.close(self._handle)
        raise SwitchesAbsent(f"there is no memory to lock for the switches ({why}); raise "
                             f"kernel.perf_event_mlock_kb")

    def read(self) -> Switches:
        """What was written so far."""
        head = int.from_bytes(self._pages[HEAD_OFFSET:HEAD_OFFSET + 8], "little")
        room = len(self._pages) - mmap.PAGESIZE
        slices, names = parse(self._pages[mmap.PAGESIZE:mmap.PAGESIZE + min(head, room)])
        return Switches(slices, names, full=head + RECORD_BYTES_MAX > room)

    def close(self) -> None:
        self._pages.close()
        os.close(self._handle)


def _why_not(number: int) -> str:
    if number in (errno.EACCES, errno.EPERM):
        return ("only root, or CAP_PERFMON, may see whom the core was given to "
                "(kernel.perf_event_paranoid)")
    return f"this kernel does not tell whom the core was given to ({os.strerror(number)})"


def parse(data: bytes) -> tuple[list[Slice], dict[int, str]]:
    """The records of a buffer that was never drained: each thread has the core until the next."""
    at = 0
    slices: list[Slice] = []
    names: dict[int, str] = {}
    thread, since = -1, 0
    while at + HEADER.size <= len(data):
        kind, misc, size = HEADER.unpack_from(data, at)
        if size < HEADER.size or at + size > len(data):
            break
        if kind == RECORD_SWITCH_CPU_WIDE and misc & MISC_SWITCH_OUT:
            _, then, _, _, now = SWITCH.unpack_from(data, at + HEADER.size)
            if thread >= 0:
                slices.append(Slice(thread, since, now))
            thread, since = then, now
        elif kind == RECORD_COMM:
            whose = NAMED.unpack_from(data, at + HEADER.size)[1]
            name = data[at + HEADER.size + NAMED.size:at + size - SAMPLE_BYTES]
            names[whose] = name.split(b"\0")[0].decode("utf-8", "replace")
        at += size
    return slices, names


def ran_within(slices: Iterable[Slice], started_ns: int, ended_ns: int, own: int) -> list[Ran]:
    """What other threads took of that time, the most first; idle is no thread."""
    taken: dict[int, Ran] = {}
    for piece in slices:
        ns = min(piece.ended_ns, ended_ns) - max(piece.started_ns, started_ns)
        if ns > 0 and piece.thread not in (0, own):
            ran = taken.setdefault(piece.thread, Ran(piece.thread))
            ran.ran_ns += ns
            ran.slices += 1
    return sorted(taken.values(), key=lambda ran: -ran.ran_ns)
