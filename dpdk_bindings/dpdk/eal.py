"""DPDK's environment abstraction layer (EAL), started once a process.

``open_queue("dpdk:...")`` starts it with what was said to :func:`configure`, or with defaults that
work on a laptop without huge pages and on a tuned host.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from dpdk_bindings._dpdk import ffi, lib
from dpdk_bindings.dpdk import diagnose_start
from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.errors import PioError, check, text

HUGE_PAGES = Path("/sys/kernel/mm/hugepages")
# An address no machine has: with it in the allow list, nothing is taken before it is named.
NO_DEVICE = "ffff:ff:1f.7"
LOG_TEXT_BYTES = 8193

_configured = EalOptions()
_started: EalOptions | None = None


def huge_bytes_free(folder: Path = HUGE_PAGES) -> int:
    """Bytes in huge pages, of all sizes and nodes, that nobody has taken."""
    free = 0
    for size in folder.glob("hugepages-*kB"):
        kib = int(size.name.removeprefix("hugepages-").removesuffix("kB"))
        pages = int((size / "free_hugepages").read_text())
        free += pages * kib * 1024
    return free


def huge_pages_taken(folder: Path = HUGE_PAGES) -> int:
    """Pages of 2 MiB that others hold: what is set aside must be as many more."""
    pool = folder / "hugepages-2048kB"
    if not pool.exists():
        return 0
    held = int((pool / "nr_hugepages").read_text()) - int((pool / "free_hugepages").read_text())
    return max(held, 0)


def arguments(options: EalOptions, huge: bool, core: int) -> list[str]:
    """EAL's argument vector; ``huge`` says whether memory is taken in huge pages."""
    words = ["tickpath", "-l", str(core), f"--file-prefix={options.file_prefix}"]
    if huge:
        # Taken at the start, so that what is missing is missed then.
        words += [f"--socket-mem={options.memory_mib}"] if options.in_memory else []
        words += ["--in-memory"] if options.in_memory else ["--huge-unlink"]
    else:
        words += ["--no-huge", "-m", str(options.memory_mib)]
        words += ["--no-shconf"] if options.in_memory else []
    words += [] if options.iova == "auto" else [f"--iova-mode={options.iova}"]
    for device in options.allow or (NO_DEVICE,):
        words += ["-a", device]
    words += ["-d", options.plugins] if options.plugins else []
    words += [] if options.telemetry else ["--no-telemetry"]
    level = "warning" if options.log_level == "quiet" else options.log_level
    return [*words, f"--log-level={level}", *options.extra]


def takes_huge_pages(options: EalOptions) -> bool:
    """Whether to take huge pages; raises PioError when they are demanded and not there."""
    if options.huge_pages == "off":
        diagnose_start.memory_check(options)
        return False
    wanted, free = options.memory_mib << 20, huge_bytes_free()
    if free >= wanted:
        return True
    if options.huge_pages == "on":
        pages = -(-wanted // (2 << 20)) + huge_pages_taken()
        raise PioError(
            12,
            f"DPDK wants {options.memory_mib} MiB in huge pages and {free >> 20} MiB are free",
            f'set them aside: echo {pages} > /proc/sys/vm/nr_hugepages, or lower memory_mib, or '
            f'do without: huge_pages = "off"',
        )
    diagnose_start.memory_check(options)
    return False


def configure(options: EalOptions, core: int = -1) -> None:
    """Says how DPDK is to be started; ``core`` stands in where the options name none.

    Raises PioError when it runs already with other options.
    """
    global _configured
    if options.core < 0 and core >= 0:
        options = msgspec.structs.replace(options, core=core)
    if _started is not None and options != _started:
        raise PioError(114, "DPDK runs in this process with other options",
                       "configure it before the first queue is opened")
    _configured = options


def _spare_threads() -> None:
    """Has DPDK's memory stay mapped at exit when daemon threads go on: one may be in a burst."""
    if len(sys._current_frames()) > 1:
        lib.dpdk_eal_leave_running()


def start(**options: Any) -> None:
    """Starts DPDK unless it runs; ``options`` are the fields of :class:`EalOptions`.

    Without any, it is as :func:`configure` was told, or by default. The caller's affinity stays.
    Raises PioError, a sentence with its remedy, also when it runs with other options; ValueError
    when an option is none, or its value is.
    """
    global _configured, _started
    former = _configured
    if options:
        configure(msgspec.convert(options, EalOptions))
    if lib.dpdk_eal_running():
        return
    try:
        _start(_configured)
    except PioError:
        _configured = former
        raise
    _started = _configured
    atexit.register(_spare_threads)


def _start(chosen: EalOptions) -> None:
    core = chosen.core if chosen.core >= 0 else min(os.sched_getaffinity(0))
    lib.dpdk_log_echo(chosen.log_level != "quiet")
    words = [ffi.new("char[]", word.encode()) for word in
             arguments(chosen, takes_huge_pages(chosen), core)]
    error = ffi.new("struct pio_error *")
    try:
        check(lib.dpdk_eal_start(len(words), ffi.new("char *[]", words), error), error)
    except PioError as refusal:
        raise diagnose_start.explained(refusal, log(), chosen) from None


def running() -> bool:
    return bool(lib.dpdk_eal_running())


def huge_pages() -> bool:
    """Whether this process's DPDK memory is in huge pages."""
    return bool(lib.dpdk_eal_huge_pages())


def version() -> str:
    """Of the linked DPDK, as in "DPDK 22.11.11"."""
    return text(lib.dpdk_eal_version())


def log() -> str:
    """What DPDK has said lately."""
    buffer: Any = ffi.new("char[]", LOG_TEXT_BYTES)
    lib.dpdk_log_text(buffer, LOG_TEXT_BYTES)
    return text(buffer)


def mbufs_missing() -> int:
    """Mbufs of closed ports that have not come back to their pools."""
    return int(lib.dpdk_pools_missing())
