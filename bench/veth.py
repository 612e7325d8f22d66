"""Two network namespaces joined by a veth pair: a 64-byte datagram there and back, and how many a
second arrive, for each backend over the kernel, beside sockperf and xdp-bench.

Each end is a process of its own, pinned: who answers or receives on the last core, the other on the
first. The sender of the rates is always the same, an afxdp queue in the driver's own mode, so that
only the receiver differs. veth hands frames over on the sender's core, up to the receiver's ring.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.dpdk import heartbeat
from bench.rows import Row, curve_of, percentiles
from bench.settings import Absent, Settings, first_core, last_core
from bench.xdp_drop import Dropper
from dpdk_bindings.env.namespaces import Networks

RUN_S = 3.0
START_S = 1.5  # until sockperf's server is there; ours says when it is
READY = "ready"
PATIENCE_S = 30.0  # for the first frame
SIDES = ("near", "far")
WIRE = "wire"
STEER = "steer=233.54.12.111:26477,join=0"
QUEUES = {
    "afpacket": f"afpacket:{WIRE}",
    "afxdp skb": f"afxdp:{WIRE},{STEER},mode=skb",
    "afxdp native": f"afxdp:{WIRE},{STEER},mode=copy",
    "DPDK's net_af_xdp": f"dpdk:net_af_xdp0,iface={WIRE}",
    "udp": f"udp:{WIRE},port=26477,address=",  # each side has its own
}
ADDRESSES = {"near": "10.9.0.1", "far": "10.9.0.2"}
PORT = "11111"
SENDER = "afxdp native"
Process = subprocess.Popen[str]
PAYLOAD_BYTES = "22"  # 64 with the headers of Ethernet, IP and UDP
# Ours at the median are held to sockperf's, and rates to xdp-bench's and to a million.
RATE_TARGET = ">= 1"


def _networks() -> Networks:
    try:
        return Networks(SIDES, (WIRE,))
    except OSError as error:
        raise Absent(f"no network namespaces: {error.strerror}; run the bench as root") from None


def _start(networks: Networks, side: str, *words: str) -> Process:
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            preexec_fn=networks.entering(side))


def _end(process: Process) -> str:
    """Interrupts it if it still runs; what it said."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _await(process: Process, name: str) -> None:
    """Until our process has its queue; drivers may say something before."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        if line.strip() == READY:
            return
        said += line
    raise SystemExit(f"{name}: {said}")


def _told(process: Process, name: str) -> dict[str, Any]:
    """What our process found out."""
    said = process.communicate(timeout=4 * PATIENCE_S)[0]
    if process.returncode:
        raise SystemExit(f"{name}: {said}")
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


@contextlib.contextmanager
def _running(networks: Networks, side: str, role: str, name: str) -> Iterator[Process]:
    """One end, until the block is left."""
    queue = QUEUES[name] + (ADDRESSES[side] if name == "udp" else "")
    process = _start(networks, side, sys.executable, "-m", "bench.veth", role, queue)
    try:
        _await(process, name)
        yield process
    finally:
        process.kill()
        process.communicate()


# ---- contenders ----------------------------------------------------------------------------------


def _addressed(networks: Networks) -> None:
    for side, address in ADDRESSES.items():
        networks.address(side, WIRE, address)


def _round_trip(name: str) -> list[Row]:
    with _networks() as networks, contextlib.ExitStack() as stack:
        if name == "udp":
            _addressed(networks)
        stack.enter_context(_running(networks, "far", "echo", name))
        near = stack.enter_context(_running(networks, "near", "ping", name))
        found = _told(near, name)
    return [*percentiles(f"round trip, {name}", found["summary"], curve=found["curve"]),
            Row(f"round trip, {name}, lost", "", found["lost"], better="")]


def _rate(name: str) -> Row:
    with (
        _networks() as networks,
        _running(networks, "far", "sink", name) as far,
        _running(networks, "near", "flood", SENDER),
    ):
        rate = _told(far, name)["rate"]
    return Row(f"receive, {name}", "M frames/s", rate, RATE_TARGET, better="higher")


def _most(mode: str) -> Row:
    """What the same sender gets to a program that only drops."""
    with (
        _networks() as networks,
        _running(networks, "far", f"drop-{mode}", SENDER) as far,
        _running(networks, "near", "flood", SENDER),
    ):
        rate = _told(far, f"drop, {mode}")["rate"]
    return Row(f"receive, a program that only drops, {mode}", "M frames/s", rate, better="")


def _contend(name: str) -> Callable[[Settings], list[Row]]:
    def contender(_: Settings) -> list[Row]:
        rows = [*_round_trip(name), _rate(name)]
        if name.startswith("afxdp"):
            most = _most(name.split()[-1])
            share = rows[-1].value / most.value
            rows += [most, Row(f"receive, {name} / only drops", "", share, ">= 0.9",
                               better="higher")]
        return rows

    return contender


afpacket = _contend("afpacket")
afxdp_skb = _contend("afxdp skb")
afxdp_native = _contend("afxdp native")


def udp(_: Settings) -> list[Row]:
    return _round_trip("udp")


def af_xdp_of_dpdk(_: Settings) -> list[Row]:
    from bench.dpdk import wanted

    wanted()
    return _round_trip("DPDK's net_af_xdp")


def sockperf(_: Settings) -> list[Row]:
    """Plain sockets that never sleep, and ask the driver themselves where it lets them."""
    if shutil.which("sockperf") is None:
        raise Absent("sockperf is not installed (Debian: apt-get install sockperf)")
    polls = ["--nonblocked", "--lls", "50"]
    cores = [["taskset", "-c", str(core)] for core in (first_core(), last_core())]
    with _networks() as networks:
        _addressed(networks)
        there = ["-i", ADDRESSES["far"], "-p", PORT, *polls]
        server = _start(networks, "far", *cores[1], "sockperf", "server", *there)
        time.sleep(START_S)
        client = _start(networks, "near", *cores[0], "sockperf", "ping-pong", *there, "-t",
                        str(int(RUN_S)), "-m", PAYLOAD_BYTES, "--full-rtt")
        said = client.communicate(timeout=60)[0]
        _end(server)
    found = {key: 1e3 * float(value)
             for key, value in re.findall(r"percentile ([\d.]+) += +([\d.]+)", said)}
    if "50.000" not in found:
        raise SystemExit(f"sockperf: {said}")
    rows = [Row(f"round trip, sockperf busy polling p{p}", "ns", found[key], better="")
            for p, key in (("50", "50.000"), ("99", "99.000"), ("99.9", "99.900"))]
    return rows


def xdp_bench(_: Settings) -> list[Row]:
    """What a program that only drops frames gets, per mode: the most that there is to receive."""
    if shutil.which("xdp-bench") is None:
        raise Absent("xdp-bench is not installed (Debian: apt-get install xdp-tools)")
    rows = []
    for mode in ("skb", "native"):
        with _networks() as networks:
            drop = _start(networks, "far", "xdp-bench", "drop", "-m", mode, WIRE)
            time.sleep(START_S)
            with _running(networks, "near", "flood", SENDER):
                time.sleep(RUN_S + START_S)
                said = _end(drop)
        rates = [int(rate.replace(",", "")) for rate in re.findall(r"([\d,]+) rx/s", said)]
        rates = [rate for rate in rates[:-1] if rate]
        if not rates:
            raise Absent(f"xdp-bench dropped nothing here: {said.strip()[-160:]!r}; see xdp-bench")
        rows.append(Row(f"receive, xdp-bench drop, {mode}", "M frames/s",
                        statistics.median(rates) / 1e6, better=""))
    return rows


# ---- the processes -------------------------------------------------------------------------------


def datagram() -> bytes:
    """64 bytes from one side to the other, for a queue that has the kernel find the way."""
    from scapy.all import IP, UDP, Ether

    ethernet = Ether(dst="00:00:00:00:00:00", src="00:00:00:00:00:00")
    ip = IP(src=ADDRESSES["near"], dst=ADDRESSES["far"])
    return bytes(ethernet / ip / UDP(sport=26477, dport=26477) / bytes(int(PAYLOAD_BYTES)))


def _child(role: str, name: str) -> None:
    """One end: does one thing for RUN_S and tells what came of it."""
    from bench import kernels, kernels_wire
    from dpdk_bindings import configure_dpdk, open_queue
    from dpdk_bindings.dpdk.options import EalOptions
    from dpdk_bindings.env import Clock, Histogram, pin_to_core

    core = first_core() if role in ("ping", "flood") else last_core()
    if role.startswith("drop-"):
        dropper = Dropper(WIRE, role.removeprefix("drop-"))
        print(READY, flush=True)
        print(json.dumps({"rate": dropper.rate(RUN_S, PATIENCE_S)}), flush=True)
        return
    configure_dpdk([name], EalOptions(core=core, huge_pages="off", memory_mib=256))
    with open_queue(name) as queue:
        pin_to_core(core)
        clock = Clock()
        result: dict[str, Any] = {}
        print(READY, flush=True)
        if role == "flood":
            kernels.flood(queue.address, clock.address, heartbeat(), PATIENCE_S)
        elif role == "echo" and name.startswith("udp:"):
            kernels_wire.answer(queue.address, clock.address, PATIENCE_S)
        elif role == "echo":
            kernels.mac_swap(queue.address, clock.address, PATIENCE_S)
        elif role == "sink":
            # Kernels find their neighbours before the sender has begun.
            while (frames := queue.receive(1, PATIENCE_S)) and frames[0] != heartbeat():
                pass
            count, ns = kernels.sink(queue.address, clock.address, RUN_S)
            result = {"rate": count / ns * 1e3}
        else:
            histogram = Histogram()
            sent = datagram() if name.startswith("udp:") else heartbeat()
            _, lost = kernels_wire.ping(queue.address, clock.address, sent, RUN_S,
                                        histogram.address)
            result = {"summary": histogram.summary(), "curve": curve_of(histogram), "lost": lost}
    print(json.dumps(result), flush=True)
    os._exit(0)  # DPDK's threads need not be waited for


if __name__ == "__main__":
    _child(*sys.argv[1:])
