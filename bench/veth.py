"""A 64-byte datagram there and back over a veth pair, between two network namespaces, for each
backend over the kernel, beside sockperf.

veth hands a frame over on its sender's core, up to the receiver's ring: a round trip is two
senders' system calls.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable

from bench.rows import Row, percentiles
from bench.settings import Absent, Settings, first_core, last_core
from bench.veth_ends import (
    ADDRESSES,
    FAR,
    GROUP,
    LINE,
    NEAR,
    PAYLOAD_BYTES,
    PORT,
    RUN_S,
    START_S,
    Process,
    Wire,
    end,
    told,
)

STEER = f"steer={GROUP}:{PORT},join=0"
SOCKPERF_PORT = "11111"


def _rows(name: str, ping: Process) -> list[Row]:
    found = told(ping)
    return [*percentiles(f"round trip, {name}", found["summary"], curve=found["curve"]),
            Row(f"round trip, {name}, lost", "", found["lost"], better="")]


def _contender(name: str, queue: str) -> Callable[[Settings], list[Row]]:
    """The same queue at both ends, and frames for the feed's group."""
    def contend(_: Settings) -> list[Row]:
        with Wire() as wire, wire.running(FAR, "echo", queue), \
                wire.running(NEAR, "ping", queue) as ping:
            return _rows(name, ping)

    return contend


afpacket = _contender("afpacket", f"afpacket:{LINE}")
afxdp_skb = _contender("afxdp skb", f"afxdp:{LINE},{STEER},mode=skb")
afxdp_native = _contender("afxdp native", f"afxdp:{LINE},{STEER},mode=copy")


def udp(_: Settings) -> list[Row]:
    near, far = (f"udp:{LINE},port={PORT},address={ADDRESSES[side]}" for side in (NEAR, FAR))
    with Wire() as wire:
        wire.give_addresses()
        with wire.running(FAR, "echo", far, FAR), wire.running(NEAR, "ping", near, NEAR) as ping:
            return _rows("udp", ping)


def afxdp_native_busy_polled(_: Settings) -> list[Row]:
    """Each end opens while it hears datagrams, which tell it what to poll (busy_poll_wait_ms)."""
    near, far = (f"afxdp:{LINE},steer={ADDRESSES[side]}:{PORT},mode=copy,busy_poll_us=20,"
                 f"busy_poll_wait_ms=1500" for side in (NEAR, FAR))
    with Wire() as wire, contextlib.ExitStack() as stack:
        wire.give_addresses()
        for side in (NEAR, FAR):
            wire.defer_interrupts(side)
        with wire.running(NEAR, "flood", f"afpacket:{LINE}", NEAR):
            stack.enter_context(wire.running(FAR, "echo", far, FAR))
        with wire.running(FAR, "flood", f"afpacket:{LINE}", FAR):
            ping = stack.enter_context(wire.running(NEAR, "ping", near, NEAR))
        return _rows("afxdp native, busy polling", ping)


def af_xdp_of_dpdk(settings: Settings) -> list[Row]:
    from bench.dpdk import wanted

    wanted()
    return _contender("DPDK's net_af_xdp", f"dpdk:net_af_xdp0,iface={LINE}")(settings)


def sockperf(_: Settings) -> list[Row]:
    """Plain sockets that never sleep, and ask the driver themselves where it lets them."""
    if shutil.which("sockperf") is None:
        raise Absent("sockperf is not installed (Debian: apt-get install sockperf)")
    polls = ["--nonblocked", "--lls", "50"]
    cores = [["taskset", "-c", str(core)] for core in (first_core(), last_core())]
    with Wire() as wire:
        wire.give_addresses()
        there = ["-i", ADDRESSES[FAR], "-p", SOCKPERF_PORT, *polls]
        server = wire.start(FAR, *cores[1], "sockperf", "server", *there)
        time.sleep(START_S)
        client = wire.start(NEAR, *cores[0], "sockperf", "ping-pong", *there, "-t",
                            str(int(RUN_S)), "-m", PAYLOAD_BYTES, "--full-rtt")
        said = client.communicate(timeout=60)[0]
        end(server)
    found = {key: 1e3 * float(value)
             for key, value in re.findall(r"percentile ([\d.]+) += +([\d.]+)", said)}
    if "50.000" not in found:
        raise SystemExit(f"sockperf: {said}")
    return [Row(f"round trip, sockperf busy polling p{p}", "ns", found[key], better="")
            for p, key in (("50", "50.000"), ("99", "99.000"), ("99.9", "99.900"))]
