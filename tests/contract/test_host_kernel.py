"""Host queues against the Linux kernel's own stack, over a veth and behind a bridge."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

import pytest
from afpacket_ends import wait_for
from private_network import PrivateNetwork
from pyroute2 import IPRoute
from scapy.layers.inet import ICMP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from dpdk_bindings import PioError, Queue

GROUP, KERNEL, OURS = "233.54.12.111", "10.0.0.1", "10.0.0.2"
NUD_REACHABLE = 0x02  # linux/neighbour.h
RTM_GETMDB, NLM_F_DUMP_REQUEST, NLMSG_DONE = 86, 0x301, 3  # linux/rtnetlink.h, netlink.h
# The shortest round of IGMP that a bridge can be told, in its unit of 10 ms.
QUICK = {
    "br_mcast_query_intvl": 50,
    "br_mcast_query_response_intvl": 20,
    "br_mcast_startup_query_intvl": 10,
    "br_mcast_startup_query_cnt": 1,
    "br_mcast_membership_intvl": 120,
    "br_mcast_last_member_cnt": 1,
    "br_mcast_last_member_intvl": 10,
}


@pytest.fixture
def bare() -> Iterator[PrivateNetwork]:
    with PrivateNetwork() as made:
        yield made


@pytest.fixture
def wire(bare: PrivateNetwork) -> PrivateNetwork:
    """left, where the kernel lives at 10.0.0.1, and right, where it has no address."""
    bare.veth("left", "right")
    bare.address("left", KERNEL)
    return bare


def station(network: PrivateNetwork, options: str = "", interface: str = "right") -> Queue:
    return network.open_queue(f"host(address={OURS}/24{options}):afpacket:{interface}")


def poll_until(queue: Queue, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """The loop's part, until it is so."""

    def polled() -> bool:
        queue.receive()
        return condition()

    wait_for(polled, timeout_s)


def neighbour(network: PrivateNetwork, address: str) -> tuple[str, int]:
    """What the kernel believes: Ethernet address and state."""

    def ask() -> tuple[str, int]:
        with IPRoute() as route:
            for row in route.get_neighbours(family=socket.AF_INET, dst=address):
                return str(row.get_attr("NDA_LLADDR")), int(row["state"])
        return "", 0

    return network.call(ask)


def link_address(network: PrivateNetwork, name: str) -> str:
    def ask() -> str:
        with IPRoute() as route:
            return str(route.get_links(ifname=name)[0].get_attr("IFLA_ADDRESS"))

    return network.call(ask)


@pytest.mark.parametrize("size", [0, 56, 1400])
def test_the_kernel_finds_us_and_its_pings_are_answered(wire: PrivateNetwork, size: int) -> None:
    with station(wire) as queue:
        kind = (socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        with wire.call(socket.socket, *kind) as pinger:
            request = bytes(ICMP(id=77, seq=size) / os.urandom(size))
            expected = bytes(ICMP(type=0, id=77, seq=size) / request[8:])
            pinger.sendto(request, (OURS, 0))
            answers: list[bytes] = []

            def answered() -> bool:
                try:
                    answers.append(pinger.recv(65536)[20:])
                except BlockingIOError:
                    return False
                return True

            poll_until(queue, answered)
            assert answers == [expected]
        assert neighbour(wire, OURS) == (queue.mac, NUD_REACHABLE)
        assert queue.stats()["host_icmp"] == 1
        assert queue.stats()["host_malformed"] == 0


def test_we_find_the_kernel_and_not_who_is_not_there(wire: PrivateNetwork) -> None:
    with station(wire, f",gateway={KERNEL}") as queue:
        assert queue.resolve(KERNEL) == link_address(wire, "left")
        assert queue.resolve("206.200.127.140") == link_address(wire, "left")
        with pytest.raises(PioError, match="nobody on the link"):
            queue.resolve("10.0.0.77", timeout_s=0.1)


def test_within_a_vlan_whose_tags_the_kernel_takes_out_on_the_way(wire: PrivateNetwork) -> None:
    name = "host(address=10.5.0.2/24,mac=02:00:00:00:00:55,vlan=5):afpacket:right"
    asker = {"hwsrc": "02:00:00:00:00:01", "psrc": "10.5.0.1", "pdst": "10.5.0.2"}
    request = Ether(dst="ff:ff:ff:ff:ff:ff", src=asker["hwsrc"]) / Dot1Q(vlan=5) / ARP(**asker)
    with wire.open_queue("afpacket:left") as peer, wire.open_queue(name) as queue:
        peer.send([bytes(request), bytes(Ether(bytes(request)[:12] + bytes(request)[16:]))])
        frames: list[bytes] = []
        poll_until(queue, lambda: frames.extend(peer.receive()) or len(frames) >= 2)
        assert all(Ether(frame)[Dot1Q].vlan == 5 for frame in frames), "the announcement, too"
        (reply,) = [frame for frame in frames if Ether(frame)[ARP].op == 2]
        assert Ether(reply)[ARP].hwsrc == "02:00:00:00:00:55"


# ---- groups, through a bridge that snoops --------------------------------------------------------


def bridge(network: PrivateNetwork, igmp_version: int) -> None:
    """br, at 10.0.0.1, with the ports left (to right) and near (to far)."""
    network.link("add", ifname="br", kind="bridge", br_mcast_snooping=1,
                 br_mcast_igmp_version=igmp_version, **QUICK)  # fmt: skip
    for first, second in (("left", "right"), ("near", "far")):
        network.veth(first, second)
        network.set(first, master=network.index("br"))
    # Not before the intervals: how soon it counts as one is reckoned with those of the moment.
    network.set("br", kind="bridge", br_mcast_querier=1)
    network.set("br", state="up")
    network.address("br", KERNEL)


def snooped(network: PrivateNetwork, group: str) -> bool:
    """Whether the bridge has a member of this group on any port (bridge mdb show)."""

    def ask() -> bytes:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(5)
            body = struct.pack("=Bxxxi", socket.AF_BRIDGE, 0)
            netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_GETMDB, NLM_F_DUMP_REQUEST,
                                     1, 0) + body)  # fmt: skip
            answer = b""
            while True:
                part = netlink.recv(65536)
                answer += part
                if struct.unpack_from("=H", part, 4)[0] == NLMSG_DONE:
                    return answer

    # An entry (struct br_mdb_entry) ends in the address, 16 bytes wide, and its protocol.
    entry = IPv4Address(group).packed + bytes(12) + struct.pack(">H", 0x0800)
    return entry in network.call(ask)


@pytest.mark.parametrize("igmp_version", [2, 3])
def test_a_snooping_bridge_sees_us_join_stay_and_leave(
    bare: PrivateNetwork, igmp_version: int
) -> None:
    bridge(bare, igmp_version)
    with bare.open_queue("afpacket:far") as bystander:
        with station(bare, f",groups={GROUP}") as queue:
            poll_until(queue, lambda: snooped(bare, GROUP))
            # By then a member that answers no queries would be forgotten.
            end = time.monotonic() + 2.5
            poll_until(queue, lambda: time.monotonic() > end)
            assert snooped(bare, GROUP)
            assert queue.stats()["host_igmp"] >= 2
            bystander.receive(1000)
            with bare.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sender:
                interface = socket.inet_aton(KERNEL)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
                sender.sendto(b"for the group", (GROUP, 26477))
            frames = [frame for frame in queue.receive(10, 1.0) if Ether(frame).haslayer(UDP)]
            assert [bytes(Ether(frame)[UDP].payload) for frame in frames] == [b"for the group"]
            heard = [frame for frame in bystander.receive(100) if Ether(frame).haslayer(UDP)]
            assert heard == [], "who has not joined is spared"
        wait_for(lambda: not snooped(bare, GROUP))
