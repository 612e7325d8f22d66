"""The udp backend: datagrams of plain sockets as frames, whose headers are made here.

It cannot run in the suite of contract_cases, whose frames are of any form: this medium carries
whole datagrams from its own address only. So what the contract promises is held here, with those.
"""

from __future__ import annotations

import errno
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from afpacket_ends import wait_for
from contract_driver import BURST_MAX, Hot, content, fill
from private_network import PrivateNetwork

from dpdk_bindings import PioError, Queue, open_queue

ROOT = Path(__file__).resolve().parents[2]
LEFT, RIGHT, GROUP = "10.1.0.1", "10.1.0.2", "233.54.12.111"
PORT, HEADERS = 26477, 42


def frame(payload: bytes, source: str = LEFT, to: str = RIGHT, ports: tuple[int, int] = (1, PORT),
          mac: bytes = bytes(6)) -> bytes:
    """As a receiver would have it: from no Ethernet address, no UDP checksum."""
    length = 28 + len(payload)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(to))
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    check = ~(total + (total >> 16)) & 0xFFFF
    ip = ip[:10] + struct.pack(">H", check) + ip[12:]
    udp = struct.pack(">HHHH", *ports, length - 20, 0)
    return mac + bytes(6) + b"\x08\x00" + ip + udp + payload


@pytest.fixture
def addressed(network: PrivateNetwork) -> PrivateNetwork:
    """left and right are each other's wire, in namespaces of one kernel: one namespace would
    deliver by itself. So right's own namespace is entered by a second thread."""
    network.address("left", LEFT)
    return network


@pytest.fixture
def wire(network: PrivateNetwork) -> Iterator[tuple[PrivateNetwork, PrivateNetwork]]:
    """Two namespaces, joined; LEFT in one, RIGHT in the other."""
    with PrivateNetwork() as far:
        pid = far.call(lambda: os.readlink("/proc/thread-self"))
        handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            network.link("set", index=network.index("right"), net_ns_fd=handle)
        finally:
            os.close(handle)
        far.set("right", state="up")
        network.address("left", LEFT)
        far.address("right", RIGHT)
        yield network, far


def open_ends(
    wire: tuple[PrivateNetwork, PrivateNetwork], options: str = ""
) -> tuple[Queue, Queue]:
    near, far = wire
    left = near.open_queue(f"udp:left,address={LEFT},port=1000{options}")
    right = far.open_queue(f"udp:right,address={RIGHT},port={PORT}{options}")
    wait_for(lambda: left.link == right.link == "up" or not (
        Hot(left).service(time.time_ns()) or Hot(right).service(time.time_ns())))
    return left, right


def to_right(payload: bytes, ports: tuple[int, int] = (1000, PORT)) -> bytes:
    return frame(payload, ports=ports)


def with_mac(data: bytes, queue: Queue) -> bytes:
    return bytes.fromhex(queue.mac.replace(":", "")) + data[6:]


def test_datagrams_arrive_bit_for_bit_in_order(wire: tuple[PrivateNetwork, PrivateNetwork]) -> None:
    left, right = open_ends(wire)
    rng = random.Random(5)
    frames = [to_right(rng.randbytes(rng.choice((0, 1, 20, rng.randrange(1472), 1472))))
              for _ in range(5000)]
    arrived: list[bytes] = []
    sender, receiver = Hot(left), Hot(right)
    at = 0
    while at < len(frames):
        at += sender.send(frames[at:at + BURST_MAX])
        arrived += receiver.take()
    deadline = time.monotonic() + 5
    while len(arrived) < len(frames) and time.monotonic() < deadline:
        arrived += receiver.take()
    assert arrived == [with_mac(data, right) for data in frames]
    sent, got = left.stats(), right.stats()
    assert sent["tx_frames"] == got["rx_frames"] == len(frames)
    assert sent["tx_bytes"] == got["rx_bytes"] == sum(map(len, frames))
    left.close(), right.close()


def test_a_group_is_heard_by_all_who_joined_and_keeps_its_address(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    near, far = wire
    source = near.open_queue(f"udp:left,address={LEFT},port=1000")
    ears = [far.open_queue(f"udp:right,address={GROUP},port={PORT}") for _ in range(2)]
    other = far.open_queue(f"udp:right,address=233.54.12.112,port={PORT}")
    data = frame(b"tick", to=GROUP, ports=(1000, PORT))
    wait_for(lambda: source.send([data]) == 1 and all(ear.receive(1, 0.01) for ear in ears))
    for ear in ears:
        ear.receive(64, 0.05)
    source.send([data])
    group_mac = bytes.fromhex("01005e360c6f")
    for ear in ears:
        assert ear.receive(1, 1.0) == [group_mac + data[6:]]
    assert other.receive(1, 0.02) == []
    for queue in (source, other, *ears):
        queue.close()


def test_what_is_no_datagram_of_ours_is_counted_and_the_rest_goes(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    left, right = open_ends(wire)
    good = to_right(b"good")
    cut = good[:41]
    fragment = good[:20] + b"\x20\x00" + good[22:]
    foreign = [to_right(b"x", ports=(1001, PORT)), frame(b"x", source="10.1.0.9", ports=(1000, 1)),
               good[:12] + b"\x86\xdd" + good[14:], fragment, cut, good[:-1],
               good[:38] + b"\x00\x07" + good[40:]]
    hot = Hot(left)
    assert hot.send([good, *foreign, good]) == len(foreign) + 2
    assert [data[-4:] for data in right.receive(2, 1.0)] == [b"good", b"good"]
    assert right.receive(1, 0.02) == []
    stats = left.stats()
    assert (stats["tx_foreign"], stats["tx_frames"], stats["tx_error"]) == (len(foreign), 2, 0)
    lent = hot.lend(3)
    lent[0].length = left.frame_bytes_max + 1
    lent[1].length = 13
    fill(lent[2], good)
    assert hot.burst(lent) == 3
    stats = left.stats()
    assert (stats["tx_oversize"], stats["tx_undersize"], stats["tx_frames"]) == (1, 1, 3)
    left.close(), right.close()


def test_a_datagram_longer_than_a_frame_is_counted_and_wastes_no_slot(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    near, far = wire
    left = near.open_queue(f"udp:left,address={LEFT},port=1000")
    right = far.open_queue(f"udp:right,address={RIGHT},port={PORT},frame_bytes=100,rx_slots=64")
    long, short = to_right(bytes(59)), to_right(bytes(58))
    for _ in range(5):  # more than there are slots
        for _ in range(40):
            left.send([long])
        left.send([short])
        assert right.receive(1, 1.0) == [with_mac(short, right)]
    assert right.stats()["rx_oversize"] == 200
    left.close(), right.close()


def test_frames_stay_good_until_released_and_a_full_ring_waits_in_the_kernel(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    left, right = open_ends(wire, ",rx_slots=64")
    frames = [to_right(struct.pack(">I", n)) for n in range(200)]
    assert left.send(frames) == 200
    hot, held = Hot(right), []
    wait_for(lambda: bool(held.extend(hot.rx(BURST_MAX)) or len(held) == 64))
    assert hot.rx(BURST_MAX) == []
    assert [content(f) for f in held] == [with_mac(data, right) for data in frames[:64]]
    hot.release(held[:3])
    more = hot.rx(BURST_MAX)
    assert [content(f)[-4:] for f in more] == [data[-4:] for data in frames[64:67]]
    assert content(held[63])[-4:] == frames[63][-4:]
    hot.release(held[3:])
    hot.release(more)
    rest = right.receive(1000, 0.2)
    assert [data[-4:] for data in rest] == [data[-4:] for data in frames[67:]]
    left.close(), right.close()


def test_a_receiver_that_does_not_keep_up_counts_what_the_kernel_dropped(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    near, far = wire
    left = near.open_queue(f"udp:left,address={LEFT},port=1000")
    right = far.open_queue(f"udp:right,address={RIGHT},port={PORT},rx_kib=4,rx_slots=64")
    frames = [to_right(bytes(1000))] * 500
    assert left.send(frames) == 500
    got = 0
    while more := right.receive(64, 0.1):
        got += len(more)
    Hot(right).service(time.time_ns())
    assert got + right.stats()["rx_missed"] == 500 and right.stats()["rx_missed"] > 0
    left.close(), right.close()


def test_a_vanished_interface_is_a_named_state(wire: tuple[PrivateNetwork, PrivateNetwork]) -> None:
    left, right = open_ends(wire)
    wire[0].set("left", state="down")
    wait_for(lambda: Hot(left).service(time.time_ns()) is None and left.link == "down")
    left.send([to_right(b"x")], timeout_s=0.05)
    assert left.stats()["tx_frames"] == 0
    wire[0].delete("left")
    for queue in (left, right):
        wait_for(lambda q=queue: Hot(q).service(time.time_ns()) is None and q.link == "gone")
    assert right.receive(1, 0.01) == []
    left.close(), right.close()


def test_a_received_frame_has_the_kernels_time_unless_that_is_not_wanted(
    wire: tuple[PrivateNetwork, PrivateNetwork],
) -> None:
    for options, timed in (("", True), (",timestamps=0", False)):
        left, right = open_ends(wire, options)
        before = time.time_ns()
        left.send([to_right(b"when")])
        hot = Hot(right)
        deadline = time.monotonic() + 5
        while not (frames := hot.rx(1)):
            assert time.monotonic() < deadline
        stamp = int(frames[0].timestamp_ns)
        assert (before <= stamp <= time.time_ns()) if timed else stamp == 0
        hot.release(frames)
        left.close(), right.close()


def test_wrong_input_is_refused_with_a_remedy(addressed: PrivateNetwork) -> None:
    network = addressed
    network.veth("down-a", "down-b")
    network.set("down-a", state="down")
    at = f"address={LEFT},port={PORT}"
    taken = network.open_queue(f"udp:left,{at}")
    cases = [
        (f"udp:nope,{at}", errno.ENODEV, "no network interface 'nope'", "left"),
        (f"udp:,{at}", errno.ENODEV, "no network interface ''", "right"),
        (f"udp:down-a,{at}", errno.ENETDOWN, "is down", "ip link set down-a up"),
        ("udp:left", errno.EINVAL, "needs the address and port", "udp:eth0,address="),
        (f"udp:left,address={LEFT}", errno.EINVAL, "needs the address and port", "port="),
        ("udp:left,address=1.2.3,port=1", errno.EINVAL, "is not an IPv4 address", "four numbers"),
        ("udp:left,address=10.9.9.9,port=99", errno.EADDRNOTAVAIL, "no address of interface",
         "ip address add 10.9.9.9"),
        (f"udp:left,{at}", errno.EADDRINUSE, "is somebody else's", "ss -ulnp"),
        (f"udp:left,address={LEFT},port=0", errno.EINVAL, "out of range", "from 1"),
        (f"udp:left,{at},rx_slots=65", errno.EINVAL, "not a power of two", "power of two"),
        (f"udp:left,{at},speed=1", errno.EINVAL, "unknown queue option 'speed=1'", "rx_slots"),
    ]
    for name, number, why, remedy in cases:
        with pytest.raises(PioError) as caught:
            network.open_queue(name)
        assert caught.value.errno == number, name
        assert why in caught.value.why and remedy in caught.value.remedy, str(caught.value)
    taken.close()


UNPRIVILEGED = """
import os, sys
from dpdk_bindings import PioError, open_queue
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
with open_queue(sys.argv[1]) as queue:
    print(queue.mode)
try:
    open_queue(sys.argv[1] + ",busy_poll_us=50")
except PioError as error:
    print(error)
"""


def test_no_privilege_is_needed_but_to_poll_the_device(addressed: PrivateNetwork) -> None:
    name = f"udp:left,address={LEFT},port={PORT}"
    child = addressed.call(subprocess.run, [sys.executable, "-c", UNPRIVILEGED, name], cwd=ROOT,
                           capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    mode, *refusals = child.stdout.splitlines()
    # Newer kernels let anybody poll; where they do not, the default does without and says so.
    assert (mode, len(refusals)) in (("busy-poll", 0), ("plain", 1))
    for refusal in refusals:
        assert "does not let this process poll" in refusal and "CAP_NET_ADMIN" in refusal
    with addressed.open_queue(name) as queue:
        assert queue.mode == "busy-poll"
    with addressed.open_queue(name + ",busy_poll_us=0") as queue:
        assert queue.mode == "plain"


def test_an_unknown_interface_is_refused_outside_a_namespace_too() -> None:
    with pytest.raises(PioError, match="no network interface"):
        open_queue("udp:tickpath-none,address=10.0.0.1,port=1")
