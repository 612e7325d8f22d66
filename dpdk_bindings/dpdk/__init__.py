"""DPDK from Python, beyond the ``dpdk`` backend: docs/dpdk.md.

    from dpdk_bindings import dpdk

    dpdk.start()
    with dpdk.Port("net_ring0") as port:
        burst = port.receive()

Three nouns: a *port* is a device with its queues, a *pool* lends empty frames, a *burst* is some
frames that are yours until it is released or sent. Using a name of this package needs a build with
libdpdk, and raises ImportError with the remedy where there is none; ``dpdk.options`` does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpdk_bindings.dpdk.burst import Burst
    from dpdk_bindings.dpdk.eal import huge_pages, log, mbufs_missing, running, start, version
    from dpdk_bindings.dpdk.flow import FlowRule
    from dpdk_bindings.dpdk.pool import Mempool, PoolCounts
    from dpdk_bindings.dpdk.port import Port
    from dpdk_bindings.dpdk.port_info import Link, PortInfo
    from dpdk_bindings.dpdk.telemetry_socket import telemetry

__all__ = [
    "Burst",
    "FlowRule",
    "Link",
    "Mempool",
    "PoolCounts",
    "Port",
    "PortInfo",
    "huge_pages",
    "log",
    "mbufs_missing",
    "running",
    "start",
    "telemetry",
    "version",
]

_HOMES = {
    "burst": ("Burst",),
    "eal": ("huge_pages", "log", "mbufs_missing", "running", "start", "version"),
    "flow": ("FlowRule",),
    "pool": ("Mempool", "PoolCounts"),
    "port": ("Port",),
    "port_info": ("Link", "PortInfo"),
    "telemetry_socket": ("telemetry",),
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, so that a configuration can be read without libdpdk."""
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import_module("dpdk_bindings._dpdk")
    except ImportError as error:
        raise ImportError(
            f"dpdk_bindings.dpdk.{name} needs DPDK, which this build does not have ({error}); "
            "install libdpdk (Debian: apt-get install libdpdk-dev dpdk) and build again: "
            "pip install ."
        ) from error
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
