"""Captures written by hand, field by field, in every form that the formats allow."""

from __future__ import annotations

import struct

from contract_driver import datagram

A, B, C = datagram(b"first"), datagram(b"second, of another length"), datagram(b"")
Packet = tuple[int, bytes]  # ns since the epoch, frame


def pcap(
    packets: list[Packet], order: str = "<", nanoseconds: bool = False, link: int = 1
) -> bytes:
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    for stamp, data in packets:
        seconds, fraction = divmod(stamp, 10**9)
        out += struct.pack(order + "IIII", seconds, fraction // unit, len(data), len(data)) + data
    return out


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    body = padded(body)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(
    order: str,
    resolution: int | None = None,
    offset_s: int | None = None,
    snap: int = 0,
    link: int = 1,
) -> bytes:
    body = struct.pack(order + "HHI", link, 0, snap) + option(order, 2, b"feed-a")
    if resolution is not None:
        body += option(order, 9, bytes([resolution]))
    if offset_s is not None:
        body += option(order, 14, struct.pack(order + "q", offset_s))
    return block(order, 1, body + option(order, 0, b""))


def enhanced(
    order: str, ticks: int, data: bytes, interface_index: int = 0, wire: int | None = None
) -> bytes:
    fields = (interface_index, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire or len(data))
    comment = option(order, 1, b"a comment") + option(order, 0, b"")
    return block(order, 6, struct.pack(order + "IIIII", *fields) + padded(data) + comment)


def simple(order: str, data: bytes, wire: int | None = None) -> bytes:
    return block(order, 3, struct.pack(order + "I", wire or len(data)) + data)


def obsolete(order: str, ticks: int, data: bytes, interface_index: int = 0) -> bytes:
    fields = (interface_index, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(order, 2, struct.pack(order + "HHIIII", *fields) + data)


def unknown(order: str) -> bytes:
    return block(order, 0x0BAD, b"anybody's own")


# One of each form, to be cut and changed anywhere.
SMALL = {
    "pcap": pcap([(1, A), (2, B)], ">"),
    "pcapng": section("<")
    + interface("<", 9)
    + enhanced("<", 1, A)
    + section(">")
    + interface(">", 9)
    + simple(">", B)
    + obsolete(">", 5, C),
}
