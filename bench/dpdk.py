"""DPDK beside DPDK: bursts through ``pio.h`` against dpdk-testpmd, on the same devices and cores.

Both are started as processes of their own, one after the other within a round. testpmd's figure is
the median of what it prints every second; ours is frames over time. memif has a testpmd on the
other core as its peer, the same for both contenders. Without dpdk-testpmd (Debian: dpdk-dev) our
own figures come alone.
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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row
from bench.settings import Absent, Settings, first_core, last_core

RUN_S = 3.0
SETTLE_S = 1.5  # until memif's ends have found each other and a second's figure is a whole one's
START_S = 20.0
MEMORY_MIB = 256
RING_FRAMES = 32  # what testpmd's tx-first puts into a ring that it then forwards from for ever
FRAME_BYTES = 64
LEVEL = ">= 0.95"


@dataclass(frozen=True)
class Contest:
    """One device, one way to use it."""

    name: str
    device: str  # SOCKET stands for a memif socket of this run
    forwards: bool
    peer: str = ""  # testpmd's forwarding mode at the other end of a memif


MEMIF = "net_memif0,role={role},socket-abstract=yes,socket=SOCKET"
CONTESTS = (
    Contest("net_null, receive", "net_null0", forwards=False),
    Contest("net_null, mac-swap", "net_null0", forwards=True),
    Contest("net_ring, mac-swap", "net_ring0", forwards=True),
    Contest("net_memif, receive", MEMIF.format(role="server"), forwards=False, peer="txonly"),
    Contest("net_memif, mac-swap", MEMIF.format(role="server"), forwards=True, peer="flowgen"),
)


def cores() -> tuple[int, int]:
    """The peer's and the contender's."""
    return first_core(), last_core()


def _testpmd(device: str, mode: str, polling: int, other: int, *more: str) -> list[str]:
    return [
        "dpdk-testpmd", "-l", f"{min(polling, other)},{max(polling, other)}",
        "--main-lcore", str(other), "--no-huge", "-m", str(MEMORY_MIB), "--no-telemetry",
        "--no-shconf", "--no-pci", f"--file-prefix=bench{polling}", "--vdev", device, "--",
        "--nb-cores=1", f"--forward-mode={mode}", "--auto-start", "--total-num-mbufs=16384",
        "--stats-period=1", *more,
    ]


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, errors="replace")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _await_server(socket: str) -> None:
    """testpmd's memif client connects when it starts, or never: the server must be there."""
    deadline = time.monotonic() + START_S
    while f"@{socket}" not in Path("/proc/net/unix").read_text():
        if time.monotonic() > deadline:
            raise SystemExit(f"no memif server on {socket} after {START_S:.0f} s")
        time.sleep(0.01)


@contextlib.contextmanager
def _peer(contest: Contest, socket: str) -> Iterator[None]:
    """testpmd as memif's other end, a client: it sends once the contender serves."""
    if not contest.peer:
        yield
        return
    _await_server(socket)
    polling, other = cores()
    device = MEMIF.format(role="client").replace("SOCKET", socket)
    with _running(_testpmd(device, contest.peer, polling, other)):
        yield


def theirs(contest: Contest, socket: str) -> float:
    """Million frames a second that testpmd receives."""
    other, polling = cores()
    mode = "macswap" if contest.forwards else "rxonly"
    first = ["--tx-first"] if contest.device == "net_ring0" else []
    device = contest.device.replace("SOCKET", socket)
    with _running(_testpmd(device, mode, polling, other, *first)) as process:
        with _peer(contest, socket):
            time.sleep(SETTLE_S + RUN_S)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=10)
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", said)]
    rates = [rate for rate in rates[1:] if rate]
    if not rates:
        raise SystemExit(f"dpdk-testpmd received nothing from {device}:\n{said[-1500:]}")
    return statistics.median(rates) / 1e6


def ours(contest: Contest, socket: str) -> float:
    """Million frames a second through pio.h, from a Cython loop."""
    device = contest.device.replace("SOCKET", socket)
    words = [sys.executable, "-m", "bench.dpdk", device, "swap" if contest.forwards else "sink"]
    with _running(words) as process, _peer(contest, socket):
        said, _ = process.communicate(timeout=60)
    if process.returncode:
        raise SystemExit(f"our side of {contest.name} ended with {process.returncode}: {said}")
    return float(json.loads(said)["frames_per_us"])


def heartbeat() -> bytes:
    """A MoldUDP64 heartbeat, padded to the 64 bytes of the shortest Ethernet frame."""
    from scapy.all import IP, UDP, Ether

    from itch_ouch.layers import MoldUDP64

    # Both addresses named: scapy would ask the network for a missing one.
    ethernet = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
    mold = MoldUDP64(session=b"BENCH00001", sequence_number=1, messages=[])
    frame = bytes(ethernet / IP(src="10.0.0.1", dst="233.54.12.111")
                  / UDP(sport=1, dport=26477) / mold)
    return frame.ljust(FRAME_BYTES, b"\0")


def parse(socket: str) -> float:
    """Million 64-byte frames a second: memif, two processes, validated and parsed."""
    devices = [MEMIF.format(role=role).replace("SOCKET", socket) for role in ("server", "client")]
    words = [sys.executable, "-m", "bench.dpdk"]
    with _running([*words, devices[0], "parse"]) as receiver:
        _await_server(socket)
        with _running([*words, devices[1], "flood"]):
            said, _ = receiver.communicate(timeout=60)
    return float(json.loads(said)["frames_per_us"])


def wanted() -> None:
    """Absent, with what helps, where there is no DPDK."""
    from dpdk_bindings import backends

    for backend in backends():
        if backend.name == "dpdk" and not backend.usable:
            raise Absent(f"dpdk: {backend.why}; {backend.remedy}")


def dpdk(_: Settings) -> list[Row]:
    """One round: every contest, ours and theirs, and MoldUDP64 over memif."""
    wanted()
    rows: list[Row] = []
    there = shutil.which("dpdk-testpmd") is not None
    for number, contest in enumerate(CONTESTS):
        socket = f"tickpath-bench-{os.getpid()}-{number}"
        we = ours(contest, socket + "-we")
        rows.append(Row(f"{contest.name}, pio.h", "M frames/s", we, better="higher"))
        if there:
            they = theirs(contest, socket + "-they")
            rows.append(Row(f"{contest.name}, testpmd", "M frames/s", they, better=""))
            rows.append(Row(f"{contest.name}, pio.h / testpmd", "", we / they, LEVEL,
                            better="higher"))
    rows.append(Row("memif to parsed MoldUDP64, 64-byte frames", "M packets/s",
                    parse(f"tickpath-bench-{os.getpid()}-parse"), ">= 15",
                    better="higher"))
    return rows


def _child(device: str, mode: str) -> None:
    """One process with a queue of its own: does one thing for RUN_S and tells how fast."""
    from bench import kernels
    from dpdk_bindings import open_queue
    from dpdk_bindings.dpdk import eal
    from dpdk_bindings.dpdk.options import EalOptions
    from dpdk_bindings.env import Clock, pin_to_core

    core = cores()[0 if mode == "flood" else 1]
    eal.configure(EalOptions(core=core, huge_pages="off", memory_mib=MEMORY_MIB))
    with open_queue(f"dpdk:{device}") as queue:
        pin_to_core(core)
        clock = Clock()
        deadline = time.monotonic() + 10.0
        while queue.link != "up" and time.monotonic() < deadline:
            time.sleep(0.01)
        if mode == "flood":
            kernels.flood(queue.address, clock.address, heartbeat(), RUN_S + SETTLE_S)
            return
        if device == "net_ring0":
            queue.send([bytes(FRAME_BYTES)] * RING_FRAMES)
        if mode == "parse":
            frames, _, ns = kernels.drain(queue.address, clock.address, RUN_S)
        elif mode == "swap":
            frames, _, ns = kernels.mac_swap(queue.address, clock.address, RUN_S)
        else:
            frames, ns = kernels.sink(queue.address, clock.address, RUN_S)
    print(json.dumps({"frames_per_us": frames / ns * 1e3}))


if __name__ == "__main__":
    _child(*sys.argv[1:])
