"""The environment around moving frames: clock, shared memory, rings, pools, histograms, pinning.

Each is a small C header that the loop inlines (``csrc/tp_*.h``, ``env/*.pxd``) and a class here
for everybody else.
"""

from dpdk_bindings.env.clock import Clock
from dpdk_bindings.env.histogram import Histogram
from dpdk_bindings.env.mpsc import Mpsc
from dpdk_bindings.env.pin import Core, core_facts, pin_to_core
from dpdk_bindings.env.pool import Pool
from dpdk_bindings.env.ring import Ring
from dpdk_bindings.env.segment import Segment
from dpdk_bindings.env.statistics import STATISTICS_DTYPE, read_statistics
from dpdk_bindings.env.stop import StopWord

__all__ = [
    "STATISTICS_DTYPE",
    "Clock",
    "Core",
    "Histogram",
    "Mpsc",
    "Pool",
    "Ring",
    "Segment",
    "StopWord",
    "core_facts",
    "pin_to_core",
    "read_statistics",
]
