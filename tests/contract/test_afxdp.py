"""AF_XDP queues over veth pairs in a private namespace: what becomes of frames.

Every test runs in skb mode and in the driver's own (veth's copies, too: it has no zero-copy).
"""

from __future__ import annotations

import random
import socket
import struct
import time
from pathlib import Path

import pytest
from afpacket_ends import (
    ARRIVAL_S,
    QUIET_S,
    numbered,
    receive_all,
    wait_for,
)
from afxdp_ends import GROUP, STATION, STEER, XdpEnds, program_on, udp, veth_queues
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot, content
from private_network import PrivateNetwork

from dpdk_bindings._core import lib
from dpdk_bindings.afxdp import steered
from dpdk_bindings.queue import Queue

RING_SMALL = "steer=all,rx_slots=64,tx_slots=64"
TAG, SERVICE_TAG = b"\x81\x00\x00\x05", b"\x88\xa8\x00\x06"


@pytest.fixture(params=["skb", "copy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_only_what_is_wanted_is_taken_and_the_rest_is_the_kernels(
    network: PrivateNetwork, mode: str
) -> None:
    wanted = [
        udp(GROUP, 26477),
        udp(STATION, 26400),
        udp(GROUP, 26477, tags=TAG),
        udp(STATION, 26400, tags=SERVICE_TAG + TAG),
        udp(GROUP, 26477, options=bytes(40)),
        udp(GROUP, 26477, fragment=0x2000),
        udp(GROUP, 1, fragment=0x00B9),  # a later fragment to a group: the feed's to refuse
        udp(GROUP, 26477, payload=b""),
        udp(GROUP, 26477, payload=bytes(1400)),
    ]
    others = [
        udp(GROUP, 26478),
        udp(STATION, 26477),
        udp("10.0.0.3", 26400),
        udp(STATION, 26400, fragment=0x00B9),
        udp(STATION, 26400, protocol=6),
        udp(GROUP, 26477, tags=TAG * 3),
        udp(GROUP, 26477).replace(b"\x08\x00\x45", b"\x08\x06\x45"),
        udp(GROUP, 26477).replace(b"\x08\x00\x45", b"\x86\xdd\x45"),
        udp(GROUP, 26477).replace(b"\x08\x00\x45", b"\x08\x00\x44"),
        udp(GROUP, 26477).replace(b"\x08\x00\x45", b"\x08\x00\x65"),
        udp(GROUP, 26477)[:41].replace(b"\x08\x00\x45", b"\x08\x00\x46"),
        numbered(1)[:FRAME_BYTES_MIN],
        numbered(2),
    ]
    with (
        network.open_queue("afpacket:left") as sender,
        network.open_queue(f"afxdp:right,mode={mode},{STEER}") as queue,
        network.open_queue("afpacket:right,promiscuous=0") as kernel,
    ):
        frames = wanted + others
        random.Random(1).shuffle(frames)
        sender.send(frames)
        assert sorted(receive_all(queue)) == sorted(wanted)
        assert sorted(receive_all(kernel)) == sorted(others)
        assert queue.stats()["rx_elsewhere"] == 0


def test_any_port_and_any_address(network: PrivateNetwork, mode: str) -> None:
    frames = [udp(STATION, 1), udp(STATION, 2), udp("10.9.9.9", 9), udp("10.9.9.9", 8)]
    with network.open_queue("afpacket:left") as sender:
        for steer, count in ((STATION, 2), ("0.0.0.0:9", 1), ("0.0.0.0", 4), ("all", 4)):
            with network.open_queue(f"afxdp:right,mode={mode},steer={steer}") as queue:
                sender.send(frames)
                assert len(receive_all(queue)) == count, steer


def test_each_queue_takes_its_own_and_the_others_traffic_is_counted(
    network: PrivateNetwork, mode: str
) -> None:
    veth_queues(network, "west", "east", 3)
    feed, orders = udp(GROUP, 26477), udp(STATION, 26400)
    options = f"mode={mode},rx_slots=256,tx_slots=64,join=0"
    senders = [
        network.open_queue(f"afxdp:west,mode=copy,steer=all,queues=3,queue={n}") for n in range(3)
    ]
    with (
        network.open_queue(f"afxdp:east,{options},queues=2,steer={GROUP}:26477") as first,
        network.open_queue(f"afxdp:east,{options},queues=2,queue=1,steer={STATION}") as second,
    ):
        program = program_on(network, "east")
        assert program
        for sender in senders:
            sender.send([feed, orders])
        by_queue = [receive_all(first), receive_all(second)]
        if mode == "copy":  # in skb mode veth does not tell which queue a frame came in at
            assert by_queue == [[feed], [orders]]
            time.sleep(0.02)
            assert first.link == second.link == "up"
            assert first.stats()["rx_elsewhere"] == 4
            second.send([numbered(7)] * 64)
            assert receive_all(senders[1]) == [numbered(7)] * 64
        first.close()
        assert program_on(network, "east") == program, "the other queue still has it"
        if mode == "copy":
            senders[1].send([feed, orders] * 100)
            assert receive_all(second) == [orders] * 100
    assert program_on(network, "east") == 0
    for sender in senders:
        sender.close()


def test_queues_that_share_their_memory_come_and_go(network: PrivateNetwork) -> None:
    veth_queues(network, "west", "east", 2)

    def opened(side: str, number: int) -> Queue:
        return network.open_queue(f"afxdp:{side},steer=all,mode=copy,queues=2,queue={number}")

    west, east = ([opened(side, number) for number in range(2)] for side in ("west", "east"))
    for turn in range(6):
        east[turn % 2].close()  # the one that registered the memory, and the other, in turn
        east[turn % 2] = opened("east", turn % 2)
        sent = [numbered(1000 * turn + n) for n in range(50)]
        for sender, receiver in zip(west, east, strict=True):
            sender.send(sent)
            assert receive_all(receiver) == sent
    for queue in (*west, *east):
        queue.close()


def test_timestamps_are_the_kernels_nanoseconds(network: PrivateNetwork, mode: str) -> None:
    with XdpEnds(network, mode) as ends:
        before = time.time_ns()
        ends.left.send(numbered(n) for n in range(200))
        frames = ends.right.receive_frames(200, ARRIVAL_S)
        frames += ends.right.receive_frames(200, QUIET_S)
        after = time.time_ns()
        stamps = [frame.timestamp_ns for frame in frames]
        assert len(stamps) == 200
        assert stamps == sorted(stamps)
        assert before <= stamps[0] and stamps[-1] <= after
    with XdpEnds(network, mode, "steer=all,timestamps=0") as ends:
        ends.left.send([numbered(0)])
        assert [f.timestamp_ns for f in ends.right.receive_frames(1, ARRIVAL_S)] == [0]


def test_a_sockets_frame_carries_a_partial_checksum(network: PrivateNetwork, mode: str) -> None:
    network.address("right", "192.0.2.1")
    with (
        XdpEnds(network, mode) as ends,
        network.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"from a socket", ("192.0.2.255", 9))
        (frame,) = ends.left.receive_frames(1, ARRIVAL_S)
        assert frame.flags == lib.PIO_FRAME_CHECKSUM_PARTIAL
        assert frame.data.endswith(b"from a socket")
        sender.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
        sender.sendto(b"without one", ("192.0.2.255", 9))
        assert [f.flags for f in ends.left.receive_frames(1, ARRIVAL_S)] == [0]
    with network.open_queue(f"afxdp:left,mode={mode},steer=all,partial_checksums=0") as queue:
        sender = network.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(b"from a socket", ("192.0.2.255", 9))
        assert [f.flags for f in queue.receive_frames(1, ARRIVAL_S)] == [0]
        sender.close()


def test_kernel_drops_are_counted(network: PrivateNetwork, mode: str) -> None:
    with XdpEnds(network, mode, RING_SMALL) as ends:
        sent = 5000
        assert ends.left.send(numbered(n) for n in range(sent)) == sent
        received = [struct.unpack_from(">I", f, 14)[0] for f in receive_all(ends.right)]
        assert received == sorted(received)
        time.sleep(0.02)  # beyond the housekeeping interval
        assert ends.right.link == "up"
        sender, receiver = ends.left.stats(), ends.right.stats()
        assert 0 < len(received) < sent
        assert receiver["rx_frames"] == len(received)
        assert receiver["rx_frames"] + receiver["rx_missed"] == sender["tx_frames"]
        assert sender["tx_frames"] + sender["tx_error"] == sent
        # The queue recovers.
        ends.left.send([numbered(sent)])
        assert ends.right.receive(1, ARRIVAL_S) == [numbered(sent)]


def test_held_frames_are_not_overwritten(network: PrivateNetwork, mode: str) -> None:
    with XdpEnds(network, mode, RING_SMALL) as ends:
        hot = Hot(ends.right)
        ends.left.send(numbered(n) for n in range(32))
        held: list[object] = []
        wait_for(lambda: len(held) == 32 or bool(held.extend(hot.rx(32 - len(held)))))
        ends.left.send(numbered(n) for n in range(32, 5000))
        assert [content(frame) for frame in held] == [numbered(n) for n in range(32)]
        later: list[object] = []
        while more := hot.rx(BURST_MAX):
            later += more
        assert len(later) == 32, "every frame of the queue is lent out"
        assert [content(frame) for frame in held] == [numbered(n) for n in range(32)]
        hot.release(held[:16])
        hot.release(held[16:] + later)
        ends.left.send([numbered(7)])
        assert ends.right.receive(1, ARRIVAL_S) == [numbered(7)]


def test_frames_longer_than_the_queue_takes_are_counted(
    network: PrivateNetwork, mode: str
) -> None:
    with (
        network.open_queue("afpacket:left,tx_slots=64") as sender,
        network.open_queue(f"afxdp:right,mode={mode},steer=all,frame_bytes=200") as receiver,
    ):
        assert receiver.frame_bytes_max == 200
        sender.send([numbered(1, 200), numbered(2, 201), numbered(3, 1514), numbered(4)])
        assert receive_all(receiver) == [numbered(1, 200), numbered(4)]
        assert receiver.stats()["rx_oversize"] == 2
    network.set("right", mtu=3400)
    network.set("left", mtu=3400)
    with (
        network.open_queue("afpacket:left,tx_slots=64") as sender,
        network.open_queue(f"afxdp:right,mode={mode},steer=all,frame_bytes=1518") as receiver,
    ):
        # Longer than the memory a frame has: the kernel drops it, and counts that.
        sender.send([numbered(1), numbered(2, 3400), numbered(3)])
        assert receive_all(receiver) == [numbered(1), numbered(3)]
        time.sleep(0.02)
        assert receiver.link == "up"
        stats = receiver.stats()
        assert (stats["rx_oversize"], stats["rx_missed"]) == (1, 0)


def test_groups_are_joined_by_the_kernel_while_the_queue_is_open(
    network: PrivateNetwork, mode: str
) -> None:
    def joined() -> bool:
        group = bytes(map(int, GROUP.split(".")))[::-1].hex().upper()
        return group in Path("/proc/thread-self/net/igmp").read_text()

    with network.open_queue(f"afxdp:left,mode={mode},{STEER}"):
        assert network.call(joined)
    assert not network.call(joined)
    with network.open_queue(f"afxdp:left,mode={mode},{STEER},join=0"):
        assert not network.call(joined)


def test_a_name_is_told_what_to_take() -> None:
    to = [(GROUP, 26477), (STATION, 0), (GROUP, 26477)]
    for name, told in (
        ("afxdp:eth0", f"afxdp:eth0,steer={GROUP}:26477+{STATION}"),
        ("afxdp:eth0,queue=1", f"afxdp:eth0,queue=1,steer={GROUP}:26477+{STATION}"),
        ("fault(loss=0.1):afxdp:eth0", f"fault(loss=0.1):afxdp:eth0,steer={GROUP}:26477+{STATION}"),
        ("host(address=10.0.0.2/24):afxdp:eth0", "host(address=10.0.0.2/24):afxdp:eth0,steer=all"),
        ("afxdp:eth0,steer=all", "afxdp:eth0,steer=all"),
        ("afpacket:afxdp", "afpacket:afxdp"),
        ("memory:afxdp:eth0", "memory:afxdp:eth0"),
    ):
        assert steered(name, to) == told
