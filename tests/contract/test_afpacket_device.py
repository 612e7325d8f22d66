"""AF_PACKET queues and their interface: links that fail, wrong input, privileges, leaks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from afpacket_ends import (
    IFF_NO_PI,
    IFF_TUN,
    RING_SMALL,
    Ends,
    numbered,
    receive_all,
    tap_make,
    wait_for,
)
from contract_driver import Hot
from private_network import PrivateNetwork
from pyroute2 import IPRoute

from dpdk_bindings._core import ffi
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import backends, open_queue

ROOT = Path(__file__).resolve().parents[2]


def test_an_mtu_lowered_meanwhile_is_an_error_of_its_frames_alone(
    network: PrivateNetwork, version: int
) -> None:
    with Ends(network, f"version={version}") as ends:
        hot = Hot(ends.left)
        hot.service(time.time_ns())
        network.set("left", mtu=500)
        # No service between: the queue still believes in 1500.
        assert hot.send([numbered(0, length) for length in (100, 1000, 200)]) == 3
        assert [len(frame) for frame in receive_all(ends.right)] == [100, 200]
        stats = ends.left.stats()
        assert (stats["tx_frames"], stats["tx_bytes"], stats["tx_error"]) == (2, 300, 1)


def test_nothing_is_heard_from_other_interfaces(network: PrivateNetwork, version: int) -> None:
    network.veth("noise-a", "noise-b")
    noise = [numbered(n) for n in range(20)]
    with network.open_queue("afpacket:noise-a,tx_slots=64") as source:
        for _ in range(20):
            future = network.submit(
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
        ("afpacket:left,speed=1", errno.EINVAL, "unknown queue option 'speed=1'", "rx_slots"),
        ("afpacket:left,version=3,rx_slots=64", errno.EINVAL, "unknown queue option 'rx_slots",
         "blocks"),
        ("afpacket:left,version=2,blocks=4", errno.EINVAL, "option 'blocks=4'", "rx_slots"),
        ("afpacket:left,version=1", errno.EINVAL, "version=1 is out of range", "from 2 to 3"),
        ("afpacket:left,version=3,blocks=3", errno.EINVAL, "not a power of two", "power of two"),
        ("afpacket:left,version=3,block_kib=32", errno.EINVAL, "out of range", "from 64"),
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
    assert (row.usable, row.mode, row.why) == (True, "mmap-v2", "")
    for version in (2, 3):
        with network.open_queue(f"afpacket:left,version={version}") as queue:
            assert queue.mode == f"mmap-v{version}"
            assert queue.frame_bytes_max == 1518


def test_the_address_is_the_interfaces_own(network: PrivateNetwork, version: int) -> None:
    def address() -> str:
        with IPRoute() as route:
            return str(route.get_links(ifname="left")[0].get_attr("IFLA_ADDRESS"))

    network.set("lo", state="up")
    for name in (f"afpacket:left,version={version}", f"fault:afpacket:left,version={version}"):
        with network.open_queue(name) as queue:
            assert queue.mac == network.call(address)
    with network.open_queue("afpacket:lo,frame_bytes=1518") as queue:
        assert queue.mac == ""


def test_a_group_asked_for_is_heard_without_promiscuous_mode(network: PrivateNetwork) -> None:
    def groups() -> str:
        return Path("/proc/thread-self/net/dev_mcast").read_text()

    group, error = bytes.fromhex("01005e360c6f"), ffi.new("struct pio_error *")
    for name, listed in (("afpacket:left,promiscuous=0", 1), ("afpacket:left", 0)):
        for wrap in ("", "fault:"):
            with network.open_queue(wrap + name) as queue:
                hot = Hot(queue).c
                assert hot.info.backend.hear(hot, group, error) == 0
                assert network.call(groups).count(group.hex()) == listed
            assert network.call(groups).count(group.hex()) == 0
    with network.open_queue("afpacket:left,promiscuous=0") as queue:
        network.delete("left")
        hot = Hot(queue).c
        assert hot.info.backend.hear(hot, group, error) == errno.ENODEV
        assert b"promiscuous=0" in ffi.string(error.remedy)
