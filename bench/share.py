"""What sharing a queue costs a frame: a memory queue drained by itself, and as one of two members.

On one core, frames in the nearest cache, one way after the other: medians, and of differences.
Asked in turn, the other member finds frames that are not its own, and sets them aside.
"""

from __future__ import annotations

import os
from statistics import median

from bench import kernels_share
from bench.parse import sample_frame
from bench.rows import Row
from bench.settings import Settings, last_core
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock, pin_to_core

PAIRS, ROUNDS = 61, 2000
HEARS = "share(hears=233.54.12.111:26477)"


def share(_: Settings) -> list[Row]:
    names = [f"memory:bench-{os.getpid()}-{which},slots=64" for which in "ab"]
    clock, frame = Clock(), sample_frame()
    with (open_queue(names[0]) as far, open_queue(names[0]) as alone,
          open_queue(names[1]) as beyond, open_queue(f"{HEARS}:{names[1]}") as member,
          open_queue(f"share:{names[1]}") as other):
        pin_to_core(last_core())
        ways = ((far, alone, 0), (beyond, member, 0), (beyond, member, other.address))
        rounds = [[kernels_share.taken_ns(out.address, into.address, clock.address, frame, ROUNDS,
                                          asked) for out, into, asked in ways]
                  for _ in range(PAIRS)]
    return [
        Row("a frame of a memory queue", "ns", median(plain for plain, _, _ in rounds)),
        Row("the same, shared", "ns", median(shared for _, shared, _ in rounds)),
        Row("the same, both members asked in turn", "ns", median(turns for *_, turns in rounds)),
        Row("sharing it", "ns", median(shared - plain for plain, shared, _ in rounds), "<= 10"),
        Row("sharing it, both asked", "ns", median(turns - plain for plain, _, turns in rounds),
            "<= 10"),
    ]
