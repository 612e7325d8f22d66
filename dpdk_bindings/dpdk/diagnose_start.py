"""Why DPDK did not start, and what mends it: one sentence each, as diagnose.py for devices."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from dpdk_bindings.dpdk.options import EalOptions
from dpdk_bindings.errors import PioError

MEMINFO = Path("/proc/meminfo")

Sentences = tuple[str, str]


def memory_check(options: EalOptions, meminfo: Path = MEMINFO) -> None:
    """Raises PioError for more ordinary memory than there is: DPDK itself dies of that."""
    free = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    if free and options.memory_mib > int(free[1]) >> 10:
        raise PioError(
            12,
            f"DPDK wants {options.memory_mib} MiB of memory and {int(free[1]) >> 10} MiB are free",
            "lower memory_mib in [dpdk]",
        )


def _cores() -> str:
    return ", ".join(map(str, sorted(os.sched_getaffinity(0))))


def _prefix_taken(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"another DPDK process uses the file prefix '{options.file_prefix}'",
        f"find it and end it: fuser -v {found[1]}; or give this one a file_prefix of its own in "
        "[dpdk]",
    )


def _core_missing(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"there is no core {options.core} for DPDK",
        f"give core in [dpdk] one of those that there are: {_cores()}",
    )


def _no_plugins(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"there are no drivers of DPDK's in '{options.plugins}'",
        "name their folder in plugins of [dpdk]: find / -name 'librte_net_*.so*'",
    )


def _bad_allow(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"'{found[1]}' in allow of [dpdk] is no device",
        "write PCI addresses there, as in 0000:03:00.0: dpdk-devbind.py --status-dev net",
    )


def _no_physical(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        "this process may not know physical addresses",
        'run as root, or leave addresses to the IOMMU: iova = "va" in [dpdk]',
    )


def _no_folder(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"DPDK cannot keep its files in '{found[1]}'",
        "run as root, or set XDG_RUNTIME_DIR to a folder of this user's, or keep no files: "
        "in_memory = true in [dpdk]",
    )


def _no_memory(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"DPDK does not get its {options.memory_mib} MiB of memory",
        f"set aside huge pages: echo {-(-options.memory_mib // 2)} > /proc/sys/vm/nr_hugepages; "
        "or lower memory_mib in [dpdk]",
    )


def _bad_argument(found: re.Match[str], options: EalOptions) -> Sentences:
    return (
        f"DPDK refuses its arguments '{' '.join(options.extra)}'"
        if options.extra
        else "DPDK refuses the arguments that [dpdk] makes",
        "take them out of extra in [dpdk], or mend them: dpdk-testpmd --help lists those that "
        "there are",
    )


# What DPDK logged, and what it means; the first that is found counts.
MEANINGS: list[tuple[str, Callable[[re.Match[str], EalOptions], Sentences]]] = [
    (r"Cannot create lock on '([^']*)'", _prefix_taken),
    (r"lcore \d+ (?:unavailable|>=)|invalid core list|[Ii]nvalid lcore", _core_missing),
    (r"cannot open shared object file|Cannot init plugins", _no_plugins),
    (r'failed to parse device "([^"]*)"', _bad_allow),
    (r"Cannot use IOVA as 'PA'", _no_physical),
    (r"Error creating '([^']*)'", _no_folder),
    (r"Cannot (?:init|get) (?:huge|memory)|Not enough memory|Cannot allocate memory", _no_memory),
    (r"Invalid 'command line' arguments", _bad_argument),
]


def explained(error: PioError, log: str, options: EalOptions) -> PioError:
    """The refusal in words that help, where the log shows why; else as it was."""
    for pattern, meaning in MEANINGS:
        if found := re.search(pattern, log):
            return PioError(error.errno or 5, *meaning(found, options))
    return error
