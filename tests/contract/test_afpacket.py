"""AF_PACKET queues over veth pairs in a private namespace: what the contract suite cannot ask.

Every test runs with both TPACKET versions unless it is about one of them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from private_network import PrivateNetwork
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from dpdk_bindings._core import ffi, lib
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import Queue, backends, open_queue

ROOT = Path(__file__).resolve().parents[2]
RING_SMALL = {2: "rx_slots=64,tx_slots=64", 3: "blocks=2,block_kib=64,tx_slots=64"}
# A kernel timer of 1 ms at 250 Hz fires within 8 ms; the rest is for a busy machine.
ARRIVAL_S = 1.0
QUIET_S = 0.05
EXPERIMENTAL = b"\x88\xb5"  # the ethertype for local experiments
# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NAPI, IFF_NO_PI = 0x1, 0x2, 0x10, 0x1000


@pytest.fixture
def network() -> Iterator[PrivateNetwork]:
    try:
        network = PrivateNetwork()
    except OSError as error:
        pytest.skip(f"a private network namespace needs CAP_SYS_ADMIN: {error}")
    with network:
        network.veth("left", "right")
        yield network


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


class Ends:
    """A queue on each end of the wire."""

    def __init__(self, network: PrivateNetwork, options: str) -> None:
        self.left = network.open_queue(f"afpacket:left,{options}")
        self.right = network.open_queue(f"afpacket:right,{options}")
        wait_for(lambda: self.left.link == self.right.link == "up")

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *_: object) -> None:
        self.left.close()
        self.right.close()


class Hot:
    """The hot functions of a queue, bare."""

    def __init__(self, queue: Queue) -> None:
        self.queue = ffi.cast("struct pio_queue *", queue.address)
        self.frames = ffi.new("struct pio_frame[]", 4 * lib.PIO_BURST_MAX)

    def lend(self, count: int, at: int = 0) -> int:
        return int(self.queue.tx_lend(self.queue, self.frames + at, count))

    def send(self, count: int, at: int = 0) -> int:
        return int(self.queue.tx_burst(self.queue, self.frames + at, count))

    def receive(self, count: int, at: int = 0) -> int:
        return int(self.queue.rx_burst(self.queue, self.frames + at, count))

    def release(self, count: int, at: int = 0) -> None:
        self.queue.rx_release(self.queue, self.frames + at, count)

    def fill(self, at: int, data: bytes) -> None:
        ffi.memmove(self.frames[at].data, data, min(len(data), self.frames[at].length))
        self.frames[at].length = len(data)

    def data(self, at: int) -> bytes:
        return bytes(ffi.buffer(self.frames[at].data, self.frames[at].length))


def wait_for(condition: Any, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def tap_make(network: PrivateNetwork, fd: int, name: str, flags: int) -> None:
    """An interface whose wire is ``fd``; it goes when that is closed."""
    network.call(fcntl.ioctl, fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    network.set(name, state="up")


def numbered(number: int, length: int = 60) -> bytes:
    return (b"\xff" * 12 + EXPERIMENTAL + struct.pack(">I", number)).ljust(length, b"\0")


def receive_all(queue: Queue, quiet_s: float = QUIET_S) -> list[bytes]:
    frames: list[bytes] = []
    while more := queue.receive(256, timeout_s=quiet_s):
        frames += more
    return frames


def random_frame(rng: random.Random) -> bytes:
    """Any length, any bytes; one in three carries a tag, one in nine two of them."""
    tags = b""
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 1, 2))):
        tags += rng.choice((b"\x81\x00", b"\x88\xa8")) + rng.randbytes(2)
    # Only an 802.1Q tag outermost may lengthen a frame beyond the MTU.
    room = 1500 + (4 if tags[:2] == b"\x81\x00" else 0) - len(tags)
    # The kernel itself drops a tagged frame of fewer than 20 bytes, which no wire carries.
    least = 2 if tags else 0
    payload = rng.randbytes(rng.choice((rng.randint(least, 60), rng.randint(least, room), room)))
    return rng.randbytes(12) + tags + EXPERIMENTAL + payload


def test_frames_are_equal_bit_by_bit_in_both_directions(
    network: PrivateNetwork, version: int
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with Ends(network, f"version={version}") as ends:
        for sender, receiver in ((ends.left, ends.right), (ends.right, ends.left)):
            sent, received = [random_frame(rng) for _ in range(10_000)], []
            for at in range(0, len(sent), 500):
                assert sender.send(sent[at : at + 500]) == len(sent[at : at + 500])
                received += receiver.receive(500)
            received += receive_all(receiver)
            assert len(received) == len(sent)
            assert received == sent
            assert sender.stats()["tx_bytes"] == sum(map(len, sent))
            assert receiver.stats()["rx_bytes"] == sum(map(len, sent))
            assert receiver.stats()["rx_missed"] == 0
            assert sender.stats()["tx_error"] == 0


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


def test_version_2_hands_a_frame_over_at_once(network: PrivateNetwork) -> None:
    with Ends(network, "version=2") as ends:
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
        hot = Hot(ends.right)
        ends.left.send(numbered(n) for n in range(32))
        held = 0
        deadline = time.monotonic() + ARRIVAL_S
        while held < 32 and time.monotonic() < deadline:
            held += hot.receive(32 - held, held)
        assert held == 32
        ends.left.send(numbered(n) for n in range(32, 5000))
        assert [hot.data(at) for at in range(32)] == [numbered(n) for n in range(32)]
        later = 0
        while later < lib.PIO_BURST_MAX:  # until every other block of the ring is lent out too
            count = hot.receive(lib.PIO_BURST_MAX - later, 32 + later)
            if not count:
                break
            later += count
        assert [hot.data(at) for at in range(32)] == [numbered(n) for n in range(32)]
        hot.release(16)
        hot.release(16 + later, 16)
        while count := hot.receive(64):
            hot.release(count)
        ends.left.send([numbered(7)])
        assert ends.right.receive(1, ARRIVAL_S) == [numbered(7)]


def test_no_room_is_counted_and_returned_frames_are_lent_again(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version},{RING_SMALL[version]}") as ends:
        hot = Hot(ends.left)
        assert hot.lend(64) == 64
        assert hot.lend(8, 64) == 0
        assert ends.left.stats()["tx_full"] == 8
        hot.fill(0, numbered(0))
        hot.fill(1, numbered(1))
        assert hot.send(2) == 2
        hot.queue.tx_return(hot.queue, hot.frames + 2, 62)
        assert hot.lend(64) == 64
        hot.fill(0, numbered(2))
        assert hot.send(1, 1) == 0, "not in the order lent"
        assert hot.send(1) == 1
        received = receive_all(ends.right)
        assert received == [numbered(n) for n in range(3)]


def test_a_frame_that_cannot_be_sent_does_not_hold_up_the_rest(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version},frame_bytes=4096") as ends:
        hot = Hot(ends.left)
        assert hot.lend(8) == 8
        lengths = (60, 5000, 13, 1515, 1518, 1519, 4096, 1514)
        for at, length in enumerate(lengths):
            hot.fill(at, numbered(at, min(length, 4096)))
            hot.frames[at].length = length
        hot.frames[4].data[12:14] = b"\x81\x00"
        assert hot.send(8) == 8
        assert [len(frame) for frame in receive_all(ends.right)] == [60, 1518, 1514]
        stats = ends.left.stats()
        assert (stats["tx_oversize"], stats["tx_undersize"], stats["tx_error"]) == (1, 1, 3)
        assert (stats["tx_frames"], stats["tx_bytes"]) == (3, 60 + 1518 + 1514)


def test_the_shortest_frame_passes(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version}") as ends:
        shortest = numbered(0)[: lib.PIO_FRAME_BYTES_MIN]
        ends.left.send([shortest])
        assert ends.right.receive(1, ARRIVAL_S) == [shortest]


def test_an_mtu_lowered_meanwhile_is_an_error_of_its_frames_alone(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version}") as ends:
        hot = Hot(ends.left)
        assert hot.lend(3) == 3
        for at, length in enumerate((100, 1000, 200)):
            hot.fill(at, numbered(at, length))
        hot.queue.service(hot.queue, time.time_ns())
        network.set("left", mtu=500)
        assert hot.send(3) == 3  # no service between: the queue still believes in 1500
        assert [len(frame) for frame in receive_all(ends.right)] == [100, 200]
        stats = ends.left.stats()
        assert (stats["tx_frames"], stats["tx_bytes"], stats["tx_error"]) == (2, 300, 1)


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
        good = bytes(Ether() / IP(src="192.0.2.1", dst="192.0.2.2") / UDP() / b"payload")
        wrong = good[:-1] + b"?"
        with network.open_queue(f"afpacket:tap,version={version}") as queue:
            os.write(tap, good)
            os.write(tap, wrong)
            frames = queue.receive_frames(1, ARRIVAL_S) + queue.receive_frames(1, ARRIVAL_S)
            assert [frame.data for frame in frames] == [good, wrong]
            assert [frame.flags for frame in frames] == [lib.PIO_FRAME_CHECKSUM_GOOD, 0]
    finally:
        os.close(tap)


def test_nothing_is_heard_from_other_interfaces(network: PrivateNetwork, version: int) -> None:
    network.veth("noise-a", "noise-b")
    noise = [numbered(n) for n in range(20)]
    with network.open_queue("afpacket:noise-a,tx_slots=64") as source:
        for _ in range(20):
            future = network._thread.submit(
                open_queue, f"afpacket:left,version={version},{RING_SMALL[version]}"
            )
            while not future.done():
                source.send(noise)
            with future.result() as queue:
                source.send(noise)
                assert receive_all(queue, 0.005) == []


def test_a_link_that_goes_down_loses_frames_by_count_and_comes_back(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version},tx_slots=64") as ends:
        network.set("left", state="down")
        began = time.monotonic()
        assert ends.left.send(numbered(n) for n in range(10)) == 10
        assert time.monotonic() - began < 0.5
        assert ends.left.link == "down"
        assert ends.left.stats()["tx_error"] == 10
        assert ends.left.receive() == []
        network.set("left", state="up")
        wait_for(lambda: ends.left.link == ends.right.link == "up")
        # The stale frames never appear, and the ring is whole again.
        for n in range(100, 300):
            assert ends.left.send([numbered(n)]) == 1
        assert receive_all(ends.right)[-1] == numbered(299)
        stats = ends.left.stats()
        assert stats["tx_error"] + stats["tx_frames"] == 210
        assert ends.right.stats()["rx_frames"] == stats["tx_frames"] >= 199


def test_a_wire_without_carrier_sends_nothing_late(network: PrivateNetwork, version: int) -> None:
    with Ends(network, f"version={version}") as ends:
        network.set("right", state="down")
        wait_for(lambda: ends.left.link == "down")
        assert ends.left.send(numbered(n) for n in range(10)) == 10
        assert ends.left.stats()["tx_error"] == 10
        network.set("right", state="up")
        wait_for(lambda: ends.left.link == ends.right.link == "up")
        ends.left.send([numbered(10)])
        assert receive_all(ends.right) == [numbered(10)]


def test_an_interface_that_vanishes_leaves_a_queue_that_says_so(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version},{RING_SMALL[version]}") as ends:
        ends.right.send([numbered(1)])
        wait_for(lambda: ends.left.receive(1) == [numbered(1)])
        network.delete("left")
        began = time.monotonic()
        ends.left.send((numbered(n) for n in range(100)), timeout_s=0.1)
        assert ends.left.receive(timeout_s=0.01) == []
        assert time.monotonic() - began < 1.0
        assert (ends.left.link, ends.right.link) == ("gone", "gone")
        assert ends.left.stats()["tx_error"] == 64
        assert ends.left.stats()["tx_full"] > 0
        network.veth("left", "right")  # the same names are not the same interfaces
        time.sleep(0.02)
        assert ends.left.link == "gone"


def test_wrong_input_is_refused_with_a_remedy(network: PrivateNetwork) -> None:
    network.veth("down-a", "down-b")
    network.set("down-a", state="down")
    cases = [
        ("afpacket:nope", errno.ENODEV, "no network interface 'nope'", "left"),
        ("afpacket:", errno.ENODEV, "no network interface ''", "right"),
        ("afpacket:a-name-that-is-too-long", errno.ENAMETOOLONG, "longer than 15", "shorter"),
        ("afpacket:down-a", errno.ENETDOWN, "is down", "ip link set down-a up"),
        ("afpacket:left,speed=1", errno.EINVAL, "unknown queue option 'speed=1'", "blocks"),
        ("afpacket:left,rx_slots=64", errno.EINVAL, "unknown queue option 'rx_slots", "blocks"),
        ("afpacket:left,version=2,blocks=4", errno.EINVAL, "option 'blocks=4'", "rx_slots"),
        ("afpacket:left,version=1", errno.EINVAL, "version=1 is out of range", "from 2 to 3"),
        ("afpacket:left,blocks=3", errno.EINVAL, "not a power of two", "power of two"),
        ("afpacket:left,block_kib=32", errno.EINVAL, "out of range", "from 64"),
        ("afpacket:left,promiscuous=2", errno.EINVAL, "out of range", "from 0 to 1"),
    ]
    for name, number, why, remedy in cases:
        with pytest.raises(PioError) as caught:
            network.open_queue(name)
        assert caught.value.errno == number, name
        assert why in caught.value.why and remedy in caught.value.remedy, str(caught.value)


def test_an_interface_without_ethernet_is_refused(network: PrivateNetwork) -> None:
    try:
        tun = network.call(os.open, "/dev/net/tun", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no TUN device here: {error}")
    try:
        tap_make(network, tun, "tun", IFF_TUN | IFF_NO_PI)
        with pytest.raises(PioError, match="does not carry Ethernet"):
            network.open_queue("afpacket:tun")
    finally:
        os.close(tun)


# Drops to an ordinary user after the queues are open, then sends and receives.
UNPRIVILEGED = """
import os, sys, time
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import backends, open_queue
left, right = open_queue(sys.argv[1]), open_queue(sys.argv[2])
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
frame = bytes(60)
assert left.send([frame] * 100) == 100
received = []
while more := right.receive(100, 0.2):
    received += more
assert received == [frame] * 100
time.sleep(0.02)
assert (left.link, right.link) == ("up", "up")
try:
    open_queue(sys.argv[1])
except PioError as error:
    print(error.errno, error)
(row,) = [row for row in backends() if row.name == "afpacket"]
print(row.usable, row.remedy)
"""


def test_no_privilege_is_needed_after_open_and_its_lack_is_explained(
    network: PrivateNetwork, version: int
) -> None:
    names = [f"afpacket:{end},version={version}" for end in ("left", "right")]
    child = network.call(
        subprocess.run,
        [sys.executable, "-c", UNPRIVILEGED, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    refusal, probe = child.stdout.splitlines()
    assert refusal.startswith(f"{errno.EPERM} no permission to open a packet socket; run as root")
    assert probe.startswith("False") and "CAP_NET_RAW" in probe


def test_the_probe_says_what_can_be_had(network: PrivateNetwork) -> None:
    (row,) = [row for row in network.call(backends) if row.name == "afpacket"]
    assert (row.usable, row.mode, row.why) == (True, "mmap-v3", "")
    for version in (2, 3):
        with network.open_queue(f"afpacket:left,version={version}") as queue:
            assert queue.mode == f"mmap-v{version}"
            assert queue.frame_bytes_max == 1518


def test_opening_and_closing_leaks_nothing(network: PrivateNetwork, version: int) -> None:
    def held() -> tuple[int, int]:
        maps = Path("/proc/self/maps").read_text()
        return len(os.listdir("/proc/self/fd")), maps.count("socket:[")

    name = f"afpacket:left,version={version},{RING_SMALL[version]}"
    network.open_queue(name).close()
    before = held()
    for _ in range(100):  # 200 with both versions
        with network.open_queue(name) as queue:
            assert held()[1] == before[1] + 1
            assert queue.receive() == []
        with pytest.raises(PioError):
            network.open_queue("afpacket:nope")
    assert held() == before
