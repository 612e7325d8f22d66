"""AF_PACKET queues over veth pairs in a private namespace: what becomes of frames.

Every test runs with both TPACKET versions unless it is about one of them.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any

import pytest
from afpacket_ends import (
    ARRIVAL_S,
    IFF_NAPI,
    IFF_NO_PI,
    IFF_TAP,
    QUIET_S,
    RING_SMALL,
    Ends,
    numbered,
    receive_all,
    tap_make,
)
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot, content
from private_network import PrivateNetwork
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from dpdk_bindings._core import lib


def test_timestamps_are_the_kernels_nanoseconds(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version}") as ends:
        before = time.time_ns()
        ends.left.send(numbered(n) for n in range(200))
        after = time.time_ns()
        frames = ends.right.receive_frames(200, ARRIVAL_S)
        frames += ends.right.receive_frames(200, QUIET_S)
        stamps = [frame.timestamp_ns for frame in frames]
        assert len(stamps) == 200
        assert stamps == sorted(stamps)
        assert before <= stamps[0] and stamps[-1] <= after
        assert any(stamp % 1000 for stamp in stamps), "microseconds, not nanoseconds"


def test_the_default_hands_a_frame_over_at_once(network: PrivateNetwork) -> None:
    with Ends(network, "rx_slots=64") as ends:  # an option of version 2 alone
        ends.left.send([numbered(1)])
        # veth delivers within the send itself, so there is nothing to wait for.
        assert ends.right.receive(1) == [numbered(1)]


def test_kernel_drops_are_counted(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version},{RING_SMALL[version]}") as ends:
        sent = 5000
        assert ends.left.send(numbered(n) for n in range(sent)) == sent
        received = [struct.unpack_from(">I", f, 14)[0] for f in receive_all(ends.right)]
        assert received == sorted(received)
        time.sleep(0.02)  # beyond the housekeeping interval
        assert ends.right.link == "up"
        stats = ends.right.stats()
        assert 0 < len(received) < sent
        assert stats["rx_frames"] == len(received)
        assert stats["rx_frames"] + stats["rx_missed"] == sent
        if version == 3:
            assert stats["rx_freezes"] > 0
        # The queue recovers.
        ends.left.send([numbered(sent)])
        assert ends.right.receive(1, ARRIVAL_S) == [numbered(sent)]


def test_held_frames_are_not_overwritten(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version},{RING_SMALL[version]}") as ends:
        hot, deadline = Hot(ends.right), time.monotonic() + ARRIVAL_S
        ends.left.send(numbered(n) for n in range(32))
        held: list[Any] = []
        while len(held) < 32 and time.monotonic() < deadline:
            held += hot.rx(32 - len(held))
        assert len(held) == 32
        ends.left.send(numbered(n) for n in range(32, 5000))
        assert [content(frame) for frame in held] == [numbered(n) for n in range(32)]
        later: list[Any] = []
        while (more := hot.rx(BURST_MAX)) and len(later) < 5000:
            later += more
        assert more == [], "every other block of the ring is lent out too"
        assert [content(frame) for frame in held] == [numbered(n) for n in range(32)]
        ends.left.send([numbered(6)])
        assert hot.rx(BURST_MAX) == []
        hot.release(held[:16])
        hot.release(held[16:] + later)
        receive_all(ends.right)
        ends.left.send([numbered(7)])
        assert ends.right.receive(1, ARRIVAL_S) == [numbered(7)]


def test_the_shortest_frame_passes(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version}") as ends:
        shortest = numbered(0)[:FRAME_BYTES_MIN]
        ends.left.send([shortest])
        assert ends.right.receive(1, ARRIVAL_S) == [shortest]


def test_frames_longer_than_the_queue_takes_are_counted(
    network: PrivateNetwork, version: int
) -> None:
    with (
        network.open_queue("afpacket:left,tx_slots=64") as sender,
        network.open_queue(f"afpacket:right,version={version},frame_bytes=200") as receiver,
    ):
        assert receiver.frame_bytes_max == 200
        tagged = numbered(0, 197)[:12] + b"\x81\x00\x00\x05" + numbered(0, 197)[12:]
        sender.send([numbered(1, 200), numbered(2, 201), tagged, numbered(3, 1514), numbered(4)])
        assert receive_all(receiver) == [numbered(1, 200), numbered(4)]
        assert receiver.stats()["rx_oversize"] == 3


def test_a_sockets_frame_carries_a_partial_checksum(network: PrivateNetwork, version: int) -> None:
    network.address("right", "192.0.2.1")
    with (
        Ends(network, f"version={version}") as ends,
        network.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.sendto(b"from a socket", ("192.0.2.255", 9))
        (frame,) = ends.left.receive_frames(1, ARRIVAL_S)
        assert frame.flags == lib.PIO_FRAME_CHECKSUM_PARTIAL
        assert frame.data.endswith(b"from a socket")
        ends.right.send([frame.data])
        (echo,) = ends.left.receive_frames(1, ARRIVAL_S)
        assert (echo.data, echo.flags) == (frame.data, 0)


def test_what_the_host_itself_sends_is_not_received(network: PrivateNetwork, version: int) -> None:
    network.address("left", "192.0.2.1")
    with (
        Ends(network, f"version={version}") as ends,
        network.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as udp,
        network.open_queue("afpacket:left,qdisc_bypass=0") as neighbour,
    ):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.sendto(b"outgoing", ("192.0.2.255", 9))
        neighbour.send([numbered(1)])
        assert len(ends.right.receive(2, ARRIVAL_S)) + len(receive_all(ends.right)) == 2
        assert receive_all(ends.left) == []


def test_a_verified_checksum_is_flagged(network: PrivateNetwork, version: int) -> None:
    """A TAP device that hands its frames to GRO, which verifies UDP checksums on the way."""
    try:
        tap = network.call(os.open, "/dev/net/tun", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no TAP device here: {error}")
    try:
        tap_make(network, tap, "tap", IFF_TAP | IFF_NO_PI | IFF_NAPI)
        # With every address given, scapy has nothing to ask the network for.
        ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        good = bytes(ether / IP(src="192.0.2.1", dst="192.0.2.2") / UDP() / b"payload")
        wrong = good[:-1] + b"?"
        with network.open_queue(f"afpacket:tap,version={version}") as queue:
            os.write(tap, good)
            os.write(tap, wrong)
            frames = queue.receive_frames(1, ARRIVAL_S) + queue.receive_frames(1, ARRIVAL_S)
            assert [frame.data for frame in frames] == [good, wrong]
            assert [frame.flags for frame in frames] == [lib.PIO_FRAME_CHECKSUM_GOOD, 0]
    finally:
        os.close(tap)


def test_a_congested_device_is_asked_again_and_loses_nothing(
    network: PrivateNetwork, version: int
) -> None:
    """A TAP device whose reader is slow takes no more frames than its queue is long."""
    try:
        tap = network.call(os.open, "/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        pytest.skip(f"no TAP device here: {error}")
    try:
        tap_make(network, tap, "tap", IFF_TAP | IFF_NO_PI)
        network.set("tap", txqlen=8)
        with network.open_queue(f"afpacket:tap,version={version}") as queue:
            hot, sent = Hot(queue), [numbered(n) for n in range(50)]
            assert hot.send(sent) == len(sent)
            first = queue.stats()
            assert 0 < first["tx_frames"] < len(sent)
            read: list[bytes] = []
            while len(read) < len(sent):
                hot.service(time.time_ns())
                read.append(os.read(tap, 2048))
            assert read == sent
            last = queue.stats()
            assert (last["tx_frames"], last["tx_error"]) == (len(sent), 0)
            assert last["tx_retries"] >= first["tx_retries"] > 0
    finally:
        os.close(tap)
