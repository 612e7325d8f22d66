"""What DPDK's devices offer beyond moving frames: queues, chains, clocks, checksums, groups."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from afpacket_ends import wait_for
from contract_driver import Hot, datagram, fill
from dpdk_cases import FRAME_BYTES, device, memif_ends, missing, missing_or_no_network
from private_network import PrivateNetwork
from pyroute2 import IPRoute

from dpdk_bindings import Queue, open_queue
from dpdk_bindings._core import ffi, lib

GROUP, OTHER_GROUP = bytes.fromhex("01005e360c6f"), bytes.fromhex("01005e7f0001")


@pytest.fixture(autouse=True)
def dpdk() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture
def network() -> Iterator[PrivateNetwork]:
    if reason := missing_or_no_network():
        pytest.skip(reason)
    with PrivateNetwork() as network:
        yield network


def udp(address: tuple[int, int, int, int], port: int, payload: bytes, mac: bytes = GROUP) -> bytes:
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0, bytes((10, 0, 0, 1)),
        bytes(address),
    )  # fmt: skip
    udp = struct.pack(">HHHH", 9000, port, 8 + len(payload), 0)
    return mac + bytes.fromhex("020000000009") + b"\x08\x00" + ip + udp + payload


def ones_sum(data: bytes) -> int:
    """RFC 1071: 0xffff over what carries its own checksum."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_chained_frames_arrive_whole_and_are_counted() -> None:
    server, client = memif_ends("(segment_bytes=256)")
    frames = [bytes([length % 251]) * length for length in (60, 256, 400, 512, 1514, 2048)]
    assert client.send(frames) == len(frames)
    assert server.receive(10, timeout_s=1.0) == frames
    assert server.stats()["rx_chained"] == 4
    client.close()
    server.close()


@pytest.mark.parametrize("driver", ["net_ring", "net_null"])
def test_two_queues_of_a_device_are_two_queues(driver: str) -> None:
    name = device(driver)
    queues = [open_queue(f"dpdk(queues=2,queue={i}):{name}") for i in range(2)]
    for i, queue in enumerate(queues):
        assert queue.send([bytes([i]) * 60] * (3 + i)) == 3 + i
    if driver == "net_ring":
        for i, queue in enumerate(queues):
            assert queue.receive(10) == [bytes([i]) * 60] * (3 + i)
    queues[0].close()
    assert queues[1].send([bytes(60)]) == 1  # the other one lives on
    assert queues[1].receive(1)
    queues[1].close()


def test_a_tap_spreads_flows_over_two_queues(network: PrivateNetwork) -> None:
    name = f"{device('net_tap')},iface=flows"
    options = f"queues=2,frame_bytes={FRAME_BYTES}"
    queues = [network.open_queue(f"dpdk({options},queue={i}):{name}") for i in range(2)]
    kernel = network.open_queue(f"afpacket:flows,frame_bytes={FRAME_BYTES}")
    wait_for(lambda: kernel.link == queues[0].link == "up")
    frames = [udp((233, 54, 12, 111), port, b"%d" % port) for port in range(9000, 9064)]
    kernel.send(frames)
    got: list[bytes] = []

    def all_of_them() -> bool:
        for queue in queues:
            got.extend(queue.receive(64))
        return len(got) >= len(frames)

    wait_for(all_of_them)
    assert sorted(got) == sorted(frames)
    for queue in (*queues, kernel):
        queue.close()


def test_what_a_device_cannot_steer_the_queue_filters(network: PrivateNetwork) -> None:
    """This kernel may lack the classifier that net_tap's rules need: then the mode says so."""
    wanted = [udp((233, 54, 12, 111), 26477, b"feed"), udp((10, 0, 0, 2), 5, b"any port")]
    others = [udp((233, 54, 12, 111), 26478, b"port"), udp((233, 54, 12, 112), 26477, b"group")]
    arp = bytes.fromhex("ffffffffffff0200000000090806") + bytes(46)
    steer = "steer=233.54.12.111:26477+10.0.0.2"
    with open_queue(f"dpdk({steer}):{device('net_ring')}") as queue:
        assert queue.mode.endswith("-software-filter")
        queue.send([others[0], wanted[0], arp, others[1], wanted[1]])
        assert queue.receive(10) == [wanted[0], arp, wanted[1]]
        assert queue.stats()["rx_filtered"] == 2
    options = f"{steer},frame_bytes={FRAME_BYTES}"
    with network.open_queue(f"dpdk({options}):{device('net_tap')},iface=steered") as queue:
        kernel = network.open_queue(f"afpacket:steered,frame_bytes={FRAME_BYTES}")
        wait_for(lambda: kernel.link == queue.link == "up")
        kernel.send([others[0], wanted[0], others[1], wanted[1]])
        if queue.mode.endswith("-software-filter"):
            assert queue.receive(10, timeout_s=1.0) == wanted
            assert queue.stats()["rx_filtered"] == 2
        else:
            assert queue.receive(10, timeout_s=1.0)[:1] == wanted[:1]
        kernel.close()


def test_a_captures_timestamps(tmp_path: Path) -> None:
    path = tmp_path / "stamped.pcap"
    stamps = [(1, 1), (1_700_000_000, 999_999), (2_147_483_647, 0)]
    records = (struct.pack("<IIII", second, us, 60, 60) + bytes(60) for second, us in stamps)
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(head + b"".join(records))
    with open_queue(f"dpdk(hardware_timestamps=1):{device('net_pcap')},rx_pcap={path}") as queue:
        got = queue.receive_frames(10, timeout_s=1.0)
    assert [frame.timestamp_ns for frame in got] == [s * 10**9 + us * 1000 for s, us in stamps]
    with open_queue(f"dpdk:{device('net_pcap')},rx_pcap={path}") as queue:
        assert [frame.timestamp_ns for frame in queue.receive_frames(10, timeout_s=1.0)] == [0] * 3


def checksummed(queue: Queue, receiver: Queue, frame: bytes) -> bytes:
    hot = Hot(queue)
    (lent,) = hot.lend(1)
    fill(lent, frame)
    lent.flags = lib.PIO_FRAME_CHECKSUM_PARTIAL
    assert hot.burst([lent]) == 1
    (got,) = receiver.receive(1, timeout_s=1.0)
    return got


@pytest.mark.parametrize("tag", [b"", b"\x81\x00\x00\x07"], ids=["plain", "tagged"])
@pytest.mark.parametrize("payload", [b"", b"odd", b"even" * 100])
def test_checksums_left_to_the_sender_are_made(
    network: PrivateNetwork, payload: bytes, tag: bytes
) -> None:
    """By the device (net_tap offers it) and by us (net_ring does not), alike."""
    frame = udp((10, 0, 0, 2), 5, payload)
    frame = frame[:12] + tag + frame[12:]
    with open_queue(f"dpdk:{device('net_ring')}") as ring:
        ours = checksummed(ring, ring, frame)
        assert checksummed(ring, ring, frame[:-1]) == frame[:-1] or not payload
    at = 14 + len(tag)
    ip, datagram = ours[at : at + 20], ours[at + 20 :]
    assert ones_sum(ip) == 0xFFFF
    pseudo = ip[12:20] + struct.pack(">HH", 17, len(datagram))
    assert ones_sum(pseudo + datagram) == 0xFFFF and datagram[6:8] != b"\0\0"
    assert ours[:at] == frame[:at] and ours[at + 28 :] == payload
    name = f"dpdk(frame_bytes={FRAME_BYTES}):{device('net_tap')},iface=sums"
    with network.open_queue(name) as tap:
        kernel = network.open_queue(f"afpacket:sums,frame_bytes={FRAME_BYTES}")
        wait_for(lambda: kernel.link == tap.link == "up")
        assert checksummed(tap, kernel, frame) == ours or tag  # its driver knows no tags
        kernel.close()


def test_a_group_is_heard_by_a_queue_that_is_not_promiscuous(network: PrivateNetwork) -> None:
    name = f"dpdk(promiscuous=0,frame_bytes={FRAME_BYTES}):{device('net_tap')},iface=groups"
    with network.open_queue(name) as queue:
        hot, error = Hot(queue), ffi.new("struct pio_error *")
        for group in (GROUP, OTHER_GROUP, GROUP):
            assert hot.c.info.backend.hear(hot.c, group, error) == 0
        kernel = network.open_queue(f"afpacket:groups,frame_bytes={FRAME_BYTES}")
        wait_for(lambda: kernel.link == queue.link == "up")
        kernel.send([udp((233, 54, 12, 111), 1, b"heard")])
        assert queue.receive(1, timeout_s=1.0) == [udp((233, 54, 12, 111), 1, b"heard")]
        kernel.close()


def test_groups_have_an_end() -> None:
    with open_queue(f"dpdk(promiscuous=0):{device('net_ring')}") as queue:
        hot, error = Hot(queue), ffi.new("struct pio_error *")
        numbers = [
            hot.c.info.backend.hear(hot.c, bytes((1, 0, 0x5E, 0, 1, i)), error) for i in range(65)
        ]
    assert numbers[:64] == [0] * 64 and numbers[64] != 0
    assert b"64 groups" in ffi.string(error.why) and ffi.string(error.remedy)


def test_opening_leaves_an_interfaces_mtu_alone(network: PrivateNetwork) -> None:
    network.veth("left", "right", mtu=3000)
    for driver in ("net_af_packet", "net_af_xdp"):
        with network.open_queue(f"dpdk:{device(driver)},iface=left"):
            assert network.call(mtu_of, "left") == 3000


def mtu_of(name: str) -> int:
    with IPRoute() as route:
        return int(route.get_links(route.link_lookup(ifname=name)[0])[0].get_attr("IFLA_MTU"))


def test_a_thread_that_ends_gives_its_place_back() -> None:
    """DPDK knows 128 threads at most, and gives those a cache of frames; here are 300."""
    from dpdk_bindings import _dpdk

    for _ in range(300):
        thread = threading.Thread(target=lambda: open_queue("dpdk:net_null77").close())
        thread.start()
        thread.join()
    known: list[int] = []

    def last() -> None:
        with open_queue("dpdk:net_null77") as queue:
            assert queue.send([datagram(b"x")]) == 1
            known.append(_dpdk.lib.dpdk_thread_known())

    thread = threading.Thread(target=last)
    thread.start()
    thread.join()
    assert known == [1]
