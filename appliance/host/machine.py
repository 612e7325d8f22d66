"""What no file under the root shows: the kernel's clock, this process's limits, this build.

Injectable, as the root is: of a tree that is not this machine there is no answer
(:class:`NoMachine`), and tests give their own.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.config import Config
from appliance.host.check import Unknown
from dpdk_bindings import BackendInfo, PioError, backends, dpdk_memory

# linux/timex.h
STA_INSERT, STA_DELETE, STA_UNSYNC, STA_NANO = 0x0010, 0x0020, 0x0040, 0x2000
MODULES = (
    "dpdk_bindings._core", "itch_ouch.itch", "itch_ouch.mold", "itch_ouch.net", "itch_ouch.ouch",
    "appliance.tile", "appliance.replay", "appliance.core.engine", "appliance.core.book",
    "appliance.core.feed", "appliance.core.risk", "appliance.core.oms", "appliance.core.orders",
    "appliance.core.channel", "appliance.journal.drain",
)


@dataclass(frozen=True)
class ClockState:
    """What adjtimex(2) says."""

    synchronised: bool
    offset_ns: int
    error_ns_max: int
    leap_pending: bool


@dataclass(frozen=True)
class Build:
    """The Python that runs and what is built for it."""

    python: str
    debug: bool
    machine: str  # as in uname: x86_64
    missing: tuple[str, ...]  # of MODULES
    elf_machines: frozenset[int]  # of those that are there


class Machine(Protocol):
    """The questions; each raises Unknown where there is no answer."""

    def clock(self) -> ClockState: ...

    def now_s(self) -> float:
        """The wall clock; of another root, Unknown."""
        ...

    def wait(self, seconds: float) -> float:
        """Lets the host go on for so long; how long it was."""
        ...

    def limit(self, name: str) -> tuple[int, int]:
        """A resource limit, soft and hard, by its name in resource; RLIM_INFINITY is -1."""
        ...

    def build(self) -> Build: ...

    def backends(self) -> list[BackendInfo]: ...

    def dpdk_memory(self) -> str: ...

    def dpdk_version(self) -> str: ...

    def package(self, name: str) -> str:
        """The version of an installed Python package; "" when it is not."""
        ...


class NoMachine:
    """Of a tree that is not this machine."""

    def _none(self) -> Unknown:
        return Unknown("this root is not the machine that doctor runs on")

    def clock(self) -> ClockState:
        raise self._none()

    def now_s(self) -> float:
        raise self._none()

    def wait(self, seconds: float) -> float:
        raise self._none()

    def limit(self, name: str) -> tuple[int, int]:
        raise self._none()

    def build(self) -> Build:
        raise self._none()

    def backends(self) -> list[BackendInfo]:
        raise self._none()

    def dpdk_memory(self) -> str:
        raise self._none()

    def dpdk_version(self) -> str:
        raise self._none()

    def package(self, name: str) -> str:
        raise self._none()


class _Timex(ctypes.Structure):
    """struct timex of linux/timex.h, on 64 bits."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
        ("rest", ctypes.c_long * 32),
    )


class KernelMachine:
    """This machine, and this process on it."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def clock(self) -> ClockState:
        state = _Timex()  # modes 0: only look
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) < 0:
            raise Unknown(f"adjtimex is refused here (errno {ctypes.get_errno()})")
        unit = 1 if state.status & STA_NANO else 1000
        return ClockState(not state.status & STA_UNSYNC, state.offset * unit,
                          state.maxerror * 1000, bool(state.status & (STA_INSERT | STA_DELETE)))

    def now_s(self) -> float:
        return time.time()

    def wait(self, seconds: float) -> float:
        began = time.monotonic()
        time.sleep(seconds)
        return time.monotonic() - began

    def limit(self, name: str) -> tuple[int, int]:
        return resource.getrlimit(getattr(resource, name))

    def build(self) -> Build:
        files = {name: _file(name) for name in MODULES}
        debug = hasattr(sys, "gettotalrefcount") or sys.flags.dev_mode
        return Build(platform.python_version(), debug, platform.machine(),
                     tuple(name for name, file in files.items() if not file),
                     frozenset(_elf_machine(file) for file in files.values() if file))

    def backends(self) -> list[BackendInfo]:
        return backends()

    def dpdk_memory(self) -> str:
        try:
            return dpdk_memory(self._config.dpdk)
        except PioError as error:
            raise Unknown(str(error)) from None

    def dpdk_version(self) -> str:
        try:
            from dpdk_bindings.dpdk import version
        except ImportError:
            raise Unknown("this build has no DPDK; see `appliance backends`") from None
        return version()

    def package(self, name: str) -> str:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return ""


def _file(name: str) -> str:
    """The file of a module, which is not imported; "" when there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        return ""
    return spec.origin or "" if spec else ""


def _elf_machine(file: str) -> int:
    """e_machine of a library (elf.h); 0 of what is none."""
    with open(file, "rb") as library:
        head = library.read(20)
    return int.from_bytes(head[18:20], "little") if head[:4] == b"\x7fELF" else 0


def free_bytes(folder: Path) -> tuple[int, int]:
    """Free bytes for ordinary users and all bytes of a file system; raises OSError."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
