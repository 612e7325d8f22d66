"""What a port says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpdk_bindings._dpdk import lib
from dpdk_bindings.errors import text

SPEED_UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True)
class Link:
    """State of a port's link. ``speed_mbps`` is 0 when the device does not know it."""

    up: bool
    speed_mbps: int
    full_duplex: bool
    autonegotiated: bool


@dataclass(frozen=True)
class PortInfo:
    """What a device is and could do. Offloads have DPDK's names, as in "UDP_CKSUM"."""

    device: str
    driver: str
    mac: str
    numa_node: int  # -1: no particular one
    queues: int  # receiving and sending, each
    rx_queues_max: int
    tx_queues_max: int
    rx_slots: int  # descriptors of a queue
    tx_slots: int
    mtu: int  # bytes of an Ethernet frame's payload
    mtu_min: int
    mtu_max: int
    rx_offloads: tuple[str, ...]
    tx_offloads: tuple[str, ...]
    rss_types: tuple[str, ...]
    rss_table_size: int
    rss_key_bytes: int


def mac_text(mac: bytes) -> str:
    """As in "02:00:00:00:00:01"."""
    return mac.hex(":")


def mac_bytes(mac: str) -> bytes:
    """Its six bytes; ValueError."""
    data = bytes.fromhex(mac.replace(":", ""))
    if len(data) != 6:
        raise ValueError(f"no Ethernet address: {mac!r}")
    return data


def bit_names(value: int, name: Any, *leading: int) -> tuple[str, ...]:
    """The names of the bits that are set, those that ``name`` knows."""
    names = (text(name(*leading, bit)) for bit in range(64) if value >> bit & 1)
    return tuple(name for name in names if name)


def info_of(device: str, queues: int, raw: Any) -> PortInfo:
    """From a ``struct dpdk_device_info``."""
    return PortInfo(
        device=device,
        driver=text(raw.driver),
        mac=mac_text(bytes(raw.mac)),
        numa_node=raw.numa_node,
        queues=queues,
        rx_queues_max=raw.rx_queues_max,
        tx_queues_max=raw.tx_queues_max,
        rx_slots=raw.rx_slots,
        tx_slots=raw.tx_slots,
        mtu=raw.mtu,
        mtu_min=raw.mtu_min,
        mtu_max=raw.mtu_max,
        rx_offloads=bit_names(raw.rx_offloads, lib.dpdk_offload_name, 0),
        tx_offloads=bit_names(raw.tx_offloads, lib.dpdk_offload_name, 1),
        rss_types=bit_names(raw.rss_types, lib.dpdk_rss_name),
        rss_table_size=raw.rss_table_size,
        rss_key_bytes=raw.rss_key_bytes,
    )


def link_of(raw: Any) -> Link:
    """From a ``struct dpdk_link_state``."""
    speed = 0 if raw.speed_mbps == SPEED_UNKNOWN else raw.speed_mbps
    return Link(bool(raw.up), speed, bool(raw.full_duplex), bool(raw.autonegotiated))
