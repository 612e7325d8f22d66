"""netmap without its module: the backend's own C over a user-space stand-in for the kernel's half.

``netmap_kernel.c`` says what that proves and what it does not. The backend is compiled once more,
with the stand-in linked in front of it, and takes the place of the real one in the registry for as
long as a queue of it is open.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from afpacket_ends import wait_for
from contract_cases import Case, Pair, no_private_network
from private_network import PrivateNetwork

from dpdk_bindings import open_queue
from dpdk_bindings._core import ffi, lib

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "dpdk_bindings/csrc"
KERNEL = [HERE / "netmap_kernel.c", HERE / "netmap_kernel_frames.c"]
WRAP = "-Wl,--wrap=open,--wrap=ioctl,--wrap=close"
DEVICE = Path("/dev/netmap")
# As netmap_kernel.h numbers them.
OPEN_ERRNO, REGISTER_ERRNO, SYNC_ERRNO, RINGS, SLOTS, RESET, LAYOUT = range(7)
LAYOUTS = 7

_numbers = itertools.count()


class AbiSlot(ctypes.Structure):
    _fields_ = (("buffer_index", ctypes.c_uint32), ("length", ctypes.c_uint16),
                ("flags", ctypes.c_uint16), ("pointer", ctypes.c_uint64))


class AbiRing(ctypes.Structure):
    """As much of netmap_abi.h's as a test spoils."""

    _fields_ = (("buffers_offset", ctypes.c_int64), ("slots_count", ctypes.c_uint32),
                ("opaque", ctypes.c_uint8 * 8), ("head", ctypes.c_uint32),
                ("cur", ctypes.c_uint32), ("tail", ctypes.c_uint32),
                ("rest", ctypes.c_uint8 * 224), ("slots", AbiSlot * 1024))


def missing() -> str:
    """Why there is no stand-in here, or ""."""
    return "" if shutil.which("gcc") else "there is no gcc to build netmap's stand-in with"


def not_loaded() -> str:
    """Why netmap itself cannot be tested here, or ""."""
    return "" if DEVICE.exists() else "netmap is not loaded here: there is no /dev/netmap"


@cache
def kernel() -> ctypes.CDLL:
    """The stand-in, and the backend over it."""
    path = Path(tempfile.mkdtemp(prefix="tickpath-netmap-"))
    atexit.register(shutil.rmtree, path)
    sources = [*KERNEL, *CSRC.glob("pio_netmap*.c"), CSRC / "pio_options.c",
               CSRC / "pio_interface.c"]
    command = ["gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
               f"-I{CSRC}", *map(str, sources), WRAP, "-Wl,-Bsymbolic"]
    subprocess.run([*command, "-o", str(path / "netmap.so")], check=True)
    library = ctypes.CDLL(str(path / "netmap.so"))
    library.netmap_kernel_fault.restype = ctypes.c_char_p
    library.netmap_kernel_ring.restype = ctypes.POINTER(AbiRing)
    library.netmap_kernel_dropped.restype = ctypes.c_uint64
    return library


def sanitized(path: Path, flags: list[str]) -> Path:
    """Queues driven at random (backends_driver.c) over the stand-in, with these flags."""
    sources = [HERE / "backends_driver.c", HERE / "netmap_driver.c", *KERNEL,
               *(file for file in CSRC.glob("pio_*.c") if "dpdk" not in file.name),
               *CSRC.glob("net_host*.c"), CSRC / "tp_segment.c"]
    command = ["gcc", "-std=gnu11", "-O1", "-g", *flags, f"-I{CSRC}", *map(str, sources), WRAP]
    subprocess.run([*command, "-o", str(path)], check=True)
    return path


def _registered() -> object:
    index = 0
    while ffi.string((backend := lib.pio_backend_at(index)).name) != b"netmap":
        index += 1
    return backend


@contextmanager
def standing_in(settings: dict[int, int] | None = None) -> Iterator[ctypes.CDLL]:
    """Puts the stand-in in netmap's place; at the end, it must have found no fault."""
    library = kernel()
    ours = ctypes.addressof(ctypes.c_char.in_dll(library, "pio_backend_netmap"))
    former = _registered()
    library.netmap_kernel_forget()
    for setting, value in (settings or {}).items():
        library.netmap_kernel_set(setting, value)
    assert lib.pio_register(ffi.cast("struct pio_backend *", ours)) == 0
    try:
        yield library
        fault = library.netmap_kernel_fault()
        assert fault is None, fault
    finally:
        lib.pio_register(former)


class StandInPair(Pair):
    """Two ends over the stand-in, which leaves with them."""

    def __init__(self, first: str, second: str, settings: dict[int, int], network: bool) -> None:
        with ExitStack() as stack:
            stack.enter_context(standing_in(settings))
            opened = open_queue
            if network:
                inside = stack.enter_context(PrivateNetwork())
                inside.veth("left", "right", mtu=2048 - 14)  # what a buffer holds
                opened = inside.open_queue
            sender = stack.enter_context(opened(first))
            super().__init__(sender, lambda: opened(second), live=True)
            stack.enter_context(self.receiver)
            wait_for(lambda: self.sender.link == self.receiver.link == "up")
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()


def pipe_name() -> str:
    """A pipe that no other test of this machine has; a port's name has 15 letters."""
    return f"t{os.getpid() % 100_000}p{next(_numbers)}"


def _pipe_standin(options: str = "") -> Case:
    def opened(path: Path) -> Pair:
        pipe = pipe_name()
        ends = (f"netmap:{pipe}{{1{options}", f"netmap:{pipe}}}1{options}")
        return StandInPair(*ends, settings={}, network=False)

    name = "netmap-standin-pipe" + ("-small" if options else "")
    return Case(name, opened, keeps_timestamps=False, skip=missing)


def _interface_standin(path: Path) -> Pair:
    """The wire is the stand-in's; the interfaces are there to be looked at."""
    return StandInPair("netmap:left", "netmap:right", settings={}, network=True)


def missing_or_no_network() -> str:
    return missing() or no_private_network()


def _pipe(path: Path) -> Pair:
    pipe = pipe_name()
    sender = open_queue(f"netmap:{pipe}{{1")
    return Pair(sender, lambda: open_queue(f"netmap:{pipe}}}1"), live=True)


NETMAP_CASES = [
    _pipe_standin(),
    _pipe_standin(",rx_slots=80,tx_slots=80"),
    Case("netmap-standin-interface", _interface_standin, keeps_timestamps=False, holds_up=False,
         skip=missing_or_no_network),
    Case("netmap-pipe", _pipe, keeps_timestamps=False, skip=not_loaded),
]
