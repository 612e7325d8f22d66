"""The least that an XDP program can do with a frame: two instructions that drop it.

What xdp-bench measures, for kernels on which that does not load: nothing that receives frames in
the same mode can receive more.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time

from pyroute2 import IPRoute

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD, BPF_PROG_TYPE_XDP, XDP_DROP = 5, 6, 1
ATTRIBUTE_BYTES = 128
MODE_FLAGS = {"skb": 1 << 1, "native": 1 << 2}  # XDP_FLAGS_*
OPEN_FRAMES = 1000  # by now they are the sender's
LOOK_S = 0.01


def _load() -> int:
    """The program's file descriptor. Raises OSError."""
    instructions = ctypes.create_string_buffer(
        struct.pack("<BBhi", 0xB7, 0, 0, XDP_DROP) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    )
    license_ = ctypes.create_string_buffer(b"unlisted")
    attributes = ctypes.create_string_buffer(
        struct.pack("<IIQQ", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(instructions),
                    ctypes.addressof(license_)),
        ATTRIBUTE_BYTES,
    )
    libc = ctypes.CDLL(None, use_errno=True)
    number = SYS_BPF[os.uname().machine]
    fd = int(libc.syscall(number, BPF_PROG_LOAD, attributes, ATTRIBUTE_BYTES))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


class Dropper:
    """A program on an interface of this namespace until the process ends, or the namespace."""

    def __init__(self, interface: str, mode: str) -> None:
        self._interface = interface
        self._route = IPRoute()
        index = self._route.link_lookup(ifname=interface)[0]
        self._route.link("set", index=index,
                         xdp={"attrs": [("IFLA_XDP_FD", _load()),
                                        ("IFLA_XDP_FLAGS", MODE_FLAGS[mode])]})

    def _received(self) -> int:
        link = self._route.get_links(ifname=self._interface)[0]
        return int(link.get_attr("IFLA_STATS64")["rx_packets"])

    def rate(self, seconds: float, patience_s: float) -> float:
        """Million frames a second, from when they come."""
        deadline = time.monotonic() + patience_s
        while self._received() < OPEN_FRAMES and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        before, began = self._received(), time.monotonic()
        time.sleep(seconds)
        return (self._received() - before) / (time.monotonic() - began) / 1e6
