"""Which core a thread runs on, and what that core is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Core:
    """Facts about one CPU as the kernel tells them."""

    index: int
    numa_node: int
    isolated: bool
    allowed: bool  # for this process, now


def _parse_list(text: str) -> set[int]:
    """The kernel's list format, as in ``0-3,7``."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        if part:
            low, _, high = part.partition("-")
            cores.update(range(int(low), int(high or low) + 1))
    return cores


def core_facts(index: int, sys: Path = Path("/sys")) -> Core:
    """What the kernel says of core ``index``; raises ValueError when there is no such core."""
    cpu = sys / f"devices/system/cpu/cpu{index}"
    if not cpu.exists():
        online = (sys / "devices/system/cpu/online").read_text().strip()
        raise ValueError(f"there is no core {index} on this host; choose one of {online}")
    nodes = [int(p.name[4:]) for p in cpu.glob("node[0-9]*")]
    isolated = sys / "devices/system/cpu/isolated"
    return Core(
        index=index,
        numa_node=nodes[0] if nodes else 0,
        isolated=isolated.exists() and index in _parse_list(isolated.read_text()),
        allowed=index in os.sched_getaffinity(0),
    )


def pin_to_core(index: int) -> Core:
    """Binds the calling thread to one core; raises ValueError with the remedy."""
    facts = core_facts(index)
    try:
        os.sched_setaffinity(0, {index})
    except OSError as error:
        allowed = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise ValueError(
            f"core {index} is not allowed for this process ({error.strerror}); "
            f"choose one of {allowed}, or widen the cpuset it runs in"
        ) from error
    return facts
