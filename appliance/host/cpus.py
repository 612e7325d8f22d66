"""Sets of cores as the kernel writes them: lists ("1-3,5") and masks ("ff,ffffffff")."""

from __future__ import annotations

from collections.abc import Iterable

CORES_MAX = 8192  # CONFIG_NR_CPUS of the largest x86-64 kernels


def parse_list(text: str) -> frozenset[int]:
    """The cores of a list as in ``/sys/devices/system/cpu/online``; raises ValueError."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        part = part.strip()
        if not part:
            continue
        first, dash, last = part.partition("-")
        digits = (first, last) if dash else (first,)
        if not all(word.isascii() and word.isdigit() for word in digits):
            raise ValueError(f"'{text}' is not a list of cores; write numbers and ranges, as in "
                             f"2-5,8")
        low, high = int(first), int(last if dash else first)
        if low > high or high >= CORES_MAX:
            raise ValueError(f"'{part}' is not a range of cores; the lower one comes first, and "
                             f"{CORES_MAX - 1} is the highest")
        cores.update(range(low, high + 1))
    return frozenset(cores)


def format_list(cores: Iterable[int]) -> str:
    """The shortest list, as the kernel prints it."""
    runs: list[list[int]] = []
    for core in sorted(set(cores)):
        if runs and core == runs[-1][1] + 1:
            runs[-1][1] = core
        else:
            runs.append([core, core])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def parse_mask(text: str) -> frozenset[int]:
    """The cores of a mask: hex digits in groups of 32 bits, highest first; raises ValueError."""
    value = 0
    for group in text.strip().split(","):
        value = value << 32 | int(group, 16)
    return frozenset(bit for bit in range(value.bit_length()) if value >> bit & 1)


def format_mask(cores: Iterable[int]) -> str:
    """The mask of the cores, groups of 32 bits as the kernel prints them, no leading zeros."""
    value = sum(1 << core for core in set(cores))
    groups = []
    while True:
        groups.append(value & 0xFFFFFFFF)
        value >>= 32
        if not value:
            break
    words = [f"{groups[-1]:x}"] + [f"{group:08x}" for group in reversed(groups[:-1])]
    return ",".join(words)
