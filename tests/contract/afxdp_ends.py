"""Both ends of a wire made of AF_XDP queues, frames to send over it, and programs on interfaces."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from afpacket_ends import Ends
from private_network import PrivateNetwork
from pyroute2 import IPRoute

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_PROG_LOAD, BPF_PROG_TYPE_XDP = 5, 6
BPF_LINK_GET_FD_BY_ID, BPF_LINK_DETACH = 30, 34
SIOCETHTOOL, ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS = 0x8946, 0x3C, 0x3D
GROUP, STATION = "233.54.12.111", "10.0.0.2"
STEER = f"steer={GROUP}:26477+{STATION}:26400"


class XdpEnds(Ends):
    """An AF_XDP queue on each end of the wire."""

    def __init__(self, network: PrivateNetwork, mode: str, options: str = "steer=all") -> None:
        super().__init__(network, f"mode={mode},{options}", "afxdp")


def program_load(name: bytes) -> int:
    """The smallest XDP program there is, which passes everything; a file descriptor."""
    code = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    kept = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    attr = ctypes.create_string_buffer(
        struct.pack("<IIQQIIQII16s", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(kept[0]),
                    ctypes.addressof(kept[1]), 0, 0, 0, 0, 0, name), 128)  # fmt: skip
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.syscall(SYS_BPF, BPF_PROG_LOAD, attr, 128))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def program_on(network: PrivateNetwork, name: str) -> int:
    """The id of the XDP program on an interface; 0: there is none."""

    def find() -> int:
        with IPRoute() as route:
            xdp = route.get_links(ifname=name)[0].get_attr("IFLA_XDP")
            return int((xdp and xdp.get_attr("IFLA_XDP_PROG_ID")) or 0)

    return network.call(find)


def udp(
    address: str,
    port: int,
    tags: bytes = b"",
    options: bytes = b"",
    fragment: int = 0,
    protocol: int = 17,
    payload: bytes = b"payload!",
) -> bytes:
    """A datagram's frame, to be passed by or taken."""
    to = bytes(map(int, address.split(".")))
    length = 20 + len(options) + 8 + len(payload)
    ip = struct.pack(">BBHHHBBH4s", 0x45 + len(options) // 4, 0, length, 7, fragment, 64, protocol,
                     0, bytes((10, 0, 0, 1))) + to + options  # fmt: skip
    header = struct.pack(">HHHH", 9000, port, 8 + len(payload), 0)
    return b"\xff" * 6 + bytes(6) + tags + b"\x08\x00" + ip + header + payload


def veth_queues(network: PrivateNetwork, first: str, second: str, count: int) -> None:
    """As PrivateNetwork.veth, with several queues a side."""
    queues = {"num_rx_queues": count, "num_tx_queues": count}
    network.link("add", ifname=first, kind="veth", **queues, peer={"ifname": second, **queues})
    network.set(first, state="up")
    network.set(second, state="up")


def link_detach(owner_pid: int, interface_index: int) -> int:
    """Takes a process's own programs off an interface, as `bpftool link detach`; how many."""
    libc, links = ctypes.CDLL(None, use_errno=True), set()
    for entry in Path(f"/proc/{owner_pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # our own look at the folder
            lines = [line.partition(":\t") for line in entry.read_text().splitlines()]
        fields = {key: value for key, _, value in lines}
        if fields.get("link_type") == "xdp" and int(fields["ifindex"]) == interface_index:
            links.add(int(fields["link_id"]))
    for link in links:
        attr = ctypes.create_string_buffer(struct.pack("<I", link), 128)
        fd = int(libc.syscall(SYS_BPF, BPF_LINK_GET_FD_BY_ID, attr, 128))
        attr = ctypes.create_string_buffer(struct.pack("<I", fd), 128)
        assert libc.syscall(SYS_BPF, BPF_LINK_DETACH, attr, 128) == 0, ctypes.get_errno()
        os.close(fd)
    return len(links)


def channels_set(network: PrivateNetwork, name: str, count: int) -> None:
    """As `ethtool -L NAME rx COUNT tx COUNT`. Raises OSError."""
    request = ctypes.create_string_buffer(struct.pack("<I", ETHTOOL_GCHANNELS), 36)
    carrier = struct.pack("<16sQ16x", name.encode(), ctypes.addressof(request))

    def change() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
            fcntl.ioctl(asks, SIOCETHTOOL, carrier)
            struct.pack_into("<I", request, 0, ETHTOOL_SCHANNELS)
            struct.pack_into("<2I", request, 20, count, count)
            fcntl.ioctl(asks, SIOCETHTOOL, carrier)

    network.call(change)
