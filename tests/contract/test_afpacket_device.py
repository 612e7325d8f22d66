"""AF_PACKET queues and their interface: what is heard of it, wrong input, privileges."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from afpacket_ends import (
    RING_SMALL,
    numbered,
    receive_all,
)
from contract_driver import Hot
from private_network import PrivateNetwork
from pyroute2 import IPRoute

from dpdk_bindings._core import ffi
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import backends, open_queue

ROOT = Path(__file__).resolve().parents[2]


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
