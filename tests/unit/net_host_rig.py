"""The protocol logic of csrc/net_host.h from Python: frames in, frames out, time told."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from scapy.contrib.igmp import IGMP
from scapy.contrib.igmpv3 import IGMPv3
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from dpdk_bindings._core import ffi, lib

MAC, ADDRESS = "02:00:00:00:00:02", "10.0.0.2"
PEER_MAC, PEER = "02:00:00:00:00:01", "10.0.0.1"
GROUPS = ("233.54.12.111", "233.49.196.111")
EVERYBODY = "ff:ff:ff:ff:ff:ff"
SECOND = 10**9


def number(address: str) -> int:
    return int(IPv4Address(address))


class Host:
    """One host whose link is up; the announcements and joins of the start are in ``first``."""

    def __init__(self, groups: tuple[str, ...] = GROUPS, up: bool = True, **config: Any) -> None:
        c = ffi.new("struct net_host_config *")
        c.mac = bytes.fromhex(MAC.replace(":", ""))
        c.address, c.prefix_bits, c.frame_bytes_max = number(ADDRESS), 24, 2048
        c.group_count = len(groups)
        for i, group in enumerate(groups):
            c.groups[i] = number(group)
        for key, value in config.items():
            setattr(c, key, value)
        self.c = ffi.new("struct net_host *")
        lib.net_host_init(self.c, c)
        self.now = SECOND
        self.first: list[bytes] = []
        if up:
            lib.net_host_link(self.c, 1, self.now)
            self.first = self.tick()

    def out(self) -> list[bytes]:
        """Empties the outbox."""
        frames = []
        while (frame := lib.net_host_outbox(self.c)) != ffi.NULL:
            frames.append(bytes(ffi.buffer(frame.data, frame.length)))
            self.c.outbox_head += 1
        return frames

    def tick(self, seconds: float = 0.0) -> list[bytes]:
        """Lets that much time pass, in tenths of seconds, and returns all that was sent."""
        frames = self.out()
        end = self.now + round(seconds * SECOND)
        while True:
            if self.c.next_due_ns <= self.now:
                lib.net_host_tick(self.c, self.now)
            frames += self.out()
            if self.now >= end:
                return frames
            self.now = min(end, self.now + SECOND // 10)

    def quiet(self) -> Host:
        """Lets what the start brings be over."""
        self.tick(30)
        return self

    def receive(self, frame: bytes | Packet) -> list[bytes]:
        data = bytes(frame)
        lib.net_host_receive(self.c, data, len(data), self.now)
        return self.out()

    def resolve(self, address: str) -> tuple[int, str]:
        mac = ffi.new("uint8_t[6]")
        error = lib.net_host_resolve(self.c, number(address), mac, self.now)
        return error, bytes(ffi.buffer(mac)).hex(":")

    def link(self, up: bool) -> None:
        lib.net_host_link(self.c, up, self.now)

    def drops(self) -> dict[str, int]:
        """The reasons that counted anything."""
        counts, index = {}, 0
        while (name := lib.net_host_drop_name(index)) != ffi.NULL:
            if self.c.drops[index]:
                counts[ffi.string(name).decode()] = int(self.c.drops[index])
            index += 1
        return counts

    def state(self) -> bytes:
        return bytes(ffi.buffer(self.c))


def igmp_of(frame: bytes) -> Packet:
    """What IGMP message a frame of ours carries, its IP header checked."""
    ip = Ether(frame)[IP]
    assert (ip.ttl, ip.proto, ip.ihl, ip.src) == (1, 2, 6, ADDRESS)
    assert ip.options[0].option == 20, "the router alert"
    assert bytes(ip)[:24] == bytes(remade(ip))[:24], "the header's checksum"
    data = bytes(ip)[24:]
    message: Packet = (IGMPv3 if data[0] == 0x22 else IGMP)(data)
    return message


def remade(ip: Packet) -> Packet:
    copy = ip.copy()
    del copy.chksum
    return IP(bytes(copy))


def query(
    group: str = "0.0.0.0",
    code: int = 100,
    length: int = 12,
    sources: tuple[str, ...] = (),
    destination: str = "",
    robustness: int = 2,
) -> Packet:
    """An IGMP query: of version 3, or with 8 bytes of 2, or of 1 when the code is 0."""
    body = bytes([0x11, code, 0, 0]) + IPv4Address(group).packed
    if length > 8:
        body += bytes([robustness, 125]) + len(sources).to_bytes(2, "big")
        body += b"".join(IPv4Address(source).packed for source in sources)
    body = body[:length] if length < 12 else body
    return igmp_frame(body, destination or ("224.0.0.1" if group == "0.0.0.0" else group))


def igmp_frame(body: bytes, destination: str) -> Packet:
    total = sum(
        int.from_bytes(body[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(body), 2)
    )
    total = (total & 0xFFFF) + (total >> 16)
    body = body[:2] + (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big") + body[4:]
    low = number(destination) & 0x7FFFFF
    mac = (0x01005E000000 | low).to_bytes(6, "big").hex(":")
    return Ether(dst=mac, src=PEER_MAC) / IP(src=PEER, dst=destination, ttl=1, proto=2) / body
