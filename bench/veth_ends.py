"""Two network namespaces joined by a veth pair, and a process of ours at either end: what veth.py
and veth_rates.py measure with.

Processes are pinned: who answers or receives on the last core, the other on the first.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench.dpdk import heartbeat
from bench.rows import curve_of
from bench.settings import Absent, first_core, last_core
from bench.xdp_drop import Dropper
from dpdk_bindings.env.namespaces import Networks

RUN_S = 3.0
START_S = 1.5  # until somebody else's program is there; ours say when they are
READY = "ready"
PATIENCE_S = 30.0  # for the first frame
NEAR, FAR = "near", "far"
LINE = "wire"
ADDRESSES = {NEAR: "10.9.0.1", FAR: "10.9.0.2"}
PORT = 26477
GROUP, GROUP_MAC = "233.54.12.111", bytes.fromhex("01005e360c6f")
PAYLOAD_BYTES = "22"  # 64 with the headers of Ethernet, IP and UDP
PAYLOAD = slice(42, 62)  # of a heartbeat's frame: the rest is padding
Process = subprocess.Popen[str]


class Wire:
    """The pair and its namespaces, for the length of a ``with`` block."""

    def __init__(self) -> None:
        try:
            self._networks = Networks((NEAR, FAR), (LINE,))
        except OSError as error:
            why = f"no network namespaces: {error.strerror}; run the bench as root"
            raise Absent(why) from None

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._networks.close()

    def give_addresses(self) -> None:
        for side, address in ADDRESSES.items():
            self._networks.address(side, LINE, address)

    def receive_on_last_core(self) -> None:
        """Has the far end's frames received there (receive packet steering), not where they are
        sent: as with a card, whose sender is another machine. For the kernel's generic path."""
        self._write(FAR, {"queues/rx-0/rps_cpus": f"{1 << last_core():x}"})

    def defer_interrupts(self, side: str) -> None:
        """Leaves a driver's polls to who asks for them (docs/tuning.md, busy_poll)."""
        self._write(side, {"napi_defer_hard_irqs": "2", "gro_flush_timeout": "10000000"})

    def _write(self, side: str, values: dict[str, str]) -> None:
        """To the interface's files, which show the namespace that they are mounted in."""
        writes = (f"echo {value} > /sys/class/net/{LINE}/{name}" for name, value in values.items())
        script = " && ".join(("mount -t sysfs none /sys", *writes))
        setter = self.start(side, "unshare", "--mount", "sh", "-c", script)
        said = setter.communicate()[0]
        if setter.returncode:
            raise Absent(f"{LINE} cannot be set: {said.strip()}; run the bench as root")

    def start(self, side: str, *words: str) -> Process:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                preexec_fn=self._networks.entering(side))

    @contextlib.contextmanager
    def running(self, side: str, role: str, queue: str, *more: str) -> Iterator[Process]:
        """One end in a role of `_child`, from when it is ready until the block is left."""
        process = self.start(side, sys.executable, "-m", "bench.veth_ends", role, queue, *more)
        try:
            _await_ready(process, f"{role} {queue}")
            yield process
        finally:
            process.kill()
            process.wait()


def _await_ready(process: Process, name: str) -> None:
    """Until our process has its queue; drivers may say something before."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        if line.strip() == READY:
            return
        said += line
    raise SystemExit(f"{name}: {said}")


def end(process: Process) -> str:
    """Interrupts it if it still runs; what it said."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def told(process: Process) -> dict[str, Any]:
    """What our process found out."""
    said = process.communicate(timeout=4 * PATIENCE_S)[0]
    if process.returncode:
        raise SystemExit(said)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


# ---- the processes -------------------------------------------------------------------------------


def feed_frame() -> bytes:
    """64 bytes to the feed's group: a heartbeat."""
    return GROUP_MAC + heartbeat()[len(GROUP_MAC):]


def datagram(side: str) -> bytes:
    """64 bytes to the other side; as a broadcast, so that any kernel takes it for its own."""
    from scapy.all import IP, UDP, Ether

    other = FAR if side == NEAR else NEAR
    ethernet = Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:01")
    ip = IP(src=ADDRESSES[side], dst=ADDRESSES[other])
    return bytes(ethernet / ip / UDP(sport=PORT, dport=PORT) / bytes(int(PAYLOAD_BYTES)))


def _drop(mode: str) -> None:
    dropper = Dropper(LINE, mode)
    print(READY, flush=True)
    print(json.dumps({"rate": dropper.rate(RUN_S, PATIENCE_S)}), flush=True)


def _child(role: str, name: str, side: str = "") -> None:
    """One end: does one thing for RUN_S and tells what came of it. With a side given, datagrams go
    from station to station, and otherwise to the feed's group."""
    from bench import kernels, kernels_wire
    from dpdk_bindings import configure_dpdk, open_queue
    from dpdk_bindings.dpdk.options import EalOptions
    from dpdk_bindings.env import Clock, Histogram, pin_to_core

    core = first_core() if role in ("ping", "flood") else last_core()
    if role == "drop":
        _drop(name)
        return
    frame = datagram(side) if side else feed_frame()
    configure_dpdk([name], EalOptions(core=core, huge_pages="off", memory_mib=256))
    with open_queue(name) as queue:
        pin_to_core(core)
        clock = Clock()
        result: dict[str, Any] = {}
        print(READY, flush=True)
        if role == "flood":
            kernels.flood(queue.address, clock.address, frame, PATIENCE_S)
        elif role == "echo" and side:
            kernels_wire.answer(queue.address, clock.address, PATIENCE_S)
        elif role == "echo":
            kernels.mac_swap(queue.address, clock.address, PATIENCE_S)
        elif role == "sink":
            # Kernels find their neighbours before the sender has begun.
            while (frames := queue.receive(1, PATIENCE_S)) and \
                    frames[0][PAYLOAD] != frame[PAYLOAD]:
                pass
            count, ns = kernels.sink(queue.address, clock.address, RUN_S)
            result = {"rate": count / ns * 1e3}
        else:
            histogram = Histogram()
            _, lost = kernels_wire.ping(queue.address, clock.address, frame, RUN_S,
                                        histogram.address)
            result = {"summary": histogram.summary(), "curve": curve_of(histogram), "lost": lost}
    print(json.dumps(result), flush=True)
    os._exit(0)  # DPDK's threads need not be waited for


if __name__ == "__main__":
    _child(*sys.argv[1:])
