"""The matrix's rows of DPDK's virtual devices.

TICKPATH_TEST_HUGE_PAGES=1 in the environment has DPDK take huge pages, or fail; a process's DPDK is
started once, so both are tested by a process each (test_dpdk_huge_pages.py).
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from afpacket_ends import wait_for
from contract_cases import AFPACKET_SETTLE_S, Case, Pair, no_private_network
from private_network import PrivateNetwork

from dpdk_bindings import Queue, open_queue

# What an Ethernet interface of the usual MTU carries.
FRAME_BYTES = 1514
HUGE_PAGES = "TICKPATH_TEST_HUGE_PAGES"

_numbers = itertools.count()


def missing() -> str:
    """Why no DPDK queue can be opened at all, or ""."""
    if find_spec("dpdk_bindings._dpdk") is None:
        return "this build has no DPDK backend (Debian: apt-get install libdpdk-dev)"
    from dpdk_bindings.dpdk import eal
    from dpdk_bindings.dpdk.options import EalOptions

    if os.environ.get(HUGE_PAGES) and not eal.running():
        eal.configure(EalOptions(huge_pages="on"))
    return ""


def missing_or_no_network() -> str:
    return missing() or no_private_network()


def device(driver: str) -> str:
    """A name that no other device of this process has."""
    return f"{driver}{next(_numbers)}"


def _ring(path: Path) -> Pair:
    """A ring that its own device reads: one queue is both ends."""
    queue = open_queue(f"dpdk:{device('net_ring')}")
    return Pair(queue, lambda: queue, live=True)


@cache
def memif_folder() -> str:
    folder = tempfile.mkdtemp(prefix="tickpath-memif-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def memif_ends(options: str = "", more: str = "") -> tuple[Queue, Queue]:
    """Server and client, connected, both in this process."""
    # One socket for all: each that a process has served takes a port for as long as it lives.
    socket = f"socket={memif_folder()}/memif.sock,socket-abstract=no{more}"
    server = open_queue(f"dpdk{options}:{device('net_memif')},role=server,{socket}")
    client = open_queue(f"dpdk{options}:{device('net_memif')},role=client,{socket}")
    wait_for(lambda: server.link == client.link == "up")
    return server, client


def _memif(sender: str, options: str = "", more: str = "") -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        server, client = memif_ends(options, more)
        if sender == "client":
            return Pair(client, lambda: server, live=True)
        client.receive()  # its first poll is what gives the server slots to write to
        return Pair(server, lambda: client, live=True)

    return opened


def _pcap(path: Path) -> Pair:
    file = path / f"frames-{next(_numbers)}.pcap"
    sender = open_queue(f"dpdk:{device('net_pcap')},tx_pcap={file}")
    return Pair(
        sender, lambda: open_queue(f"dpdk:{device('net_pcap')},rx_pcap={file}"), live=False
    )


def _tap(sends: bool) -> Callable[[Path], Pair]:
    """A tap, and at its kernel's end a queue of the AF_PACKET backend."""

    def opened(path: Path) -> Pair:
        with PrivateNetwork() as network:
            options = f"(frame_bytes={FRAME_BYTES})"
            tap = network.open_queue(f"dpdk{options}:{device('net_tap')},iface=dpdk-tap")
            kernel = network.open_queue(f"afpacket:dpdk-tap,frame_bytes={FRAME_BYTES}")
        wait_for(lambda: tap.link == kernel.link == "up")
        ends = (tap, kernel) if sends else (kernel, tap)
        return Pair(ends[0], lambda: ends[1], live=True, settle_s=AFPACKET_SETTLE_S)

    return opened


def _veth(driver: str, more: str = "") -> Callable[[Path], Pair]:
    def opened(path: Path) -> Pair:
        with PrivateNetwork() as network:
            network.veth("left", "right")
            left, right = (
                network.open_queue(
                    f"dpdk(frame_bytes={FRAME_BYTES}):{device(driver)},iface={end}{more}"
                )
                for end in ("left", "right")
            )
        wait_for(lambda: left.link == right.link == "up")
        return Pair(left, lambda: right, live=True, settle_s=AFPACKET_SETTLE_S)

    return opened


def _case(name: str, opened: Callable[[Path], Pair], live: bool = True) -> Case:
    return Case(f"dpdk-{name}", opened, live=live, keeps_timestamps=False, skip=missing)


def _kernel_case(name: str, opened: Callable[[Path], Pair]) -> Case:
    return Case(
        f"dpdk-{name}",
        opened,
        keeps_timestamps=False,
        holds_up=False,  # the kernel drops what a full ring has no room for
        skip=missing_or_no_network,
    )


def no_fragment(frame: bytes) -> bool:
    """DPDK's AF_PACKET driver asks the kernel to put fragments together (PACKET_FANOUT_FLAG_DEFRAG,
    always), which then keeps those whose other parts never come."""
    is_ip = frame[12:14] == b"\x08\x00"
    return not is_ip or len(frame) < 22 or frame[20] & 0x3F == 0 == frame[21]


DPDK_CASES = [
    _case("ring", _ring),
    _case("memif", _memif("client")),
    _case("memif-to-client", _memif("server")),
    _case("memif-chained", _memif("client", "(segment_bytes=256)")),
    _case("pcap", _pcap, live=False),
    _kernel_case("tap", _tap(sends=True)),
    _kernel_case("tap-receives", _tap(sends=False)),
    replace(_kernel_case("af-packet", _veth("net_af_packet")), carries=no_fragment),
    _kernel_case("af-xdp", _veth("net_af_xdp")),
]
