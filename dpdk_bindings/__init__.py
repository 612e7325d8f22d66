"""Packet I/O without a kernel in the way, and the environment that moving frames needs.

Three nouns: a *backend* is one way to move frames, a *queue* is one RX/TX pair of it, a *frame* is
one Ethernet frame. ``csrc/pio.h`` is the contract; this package knows frames and no markets.
"""

from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import (
    BackendInfo,
    Frame,
    Queue,
    backends,
    configure_dpdk,
    dpdk_memory,
    innermost_backend,
    names_dpdk,
    open_queue,
    wrapping,
)

__all__ = [
    "BackendInfo",
    "Frame",
    "PioError",
    "Queue",
    "backends",
    "configure_dpdk",
    "dpdk_memory",
    "innermost_backend",
    "names_dpdk",
    "open_queue",
    "wrapping",
]
