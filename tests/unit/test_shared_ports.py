"""Roles that name one queue of one device share it, and each still has what it wants."""

from __future__ import annotations

import re

import pytest

from appliance.config import ConfigError, from_text
from appliance.queue_names import queue_names
from dpdk_bindings import wrapping
from dpdk_bindings.ladder import rungs

A, B, ORDERS = "233.54.12.111:26477", "233.49.196.111:26477", "10.77.0.2:26400"


def names(line_a: str, orders: str, line_b: str = "", more: str = "") -> dict[str, str]:
    text = (f'[feed]\nline_a = "{line_a}"\nline_b = "{line_b}"\n{more}'
            f'[orders]\nqueue = "{orders}"\n')
    return queue_names(from_text(text, "x"))


@pytest.mark.parametrize(("line_a", "orders", "feed_a", "order"), [
    ("afxdp:eth0", "afxdp:eth0",
     f"share(hears={A}):afxdp:eth0,steer={A}+{ORDERS}", f"share:afxdp:eth0,steer={A}+{ORDERS}"),
    ("afxdp:eth0,queue=0,rx_slots=256", "fault(loss=0.1):afxdp:eth0,mode=copy",
     f"share(hears={A}):afxdp:eth0,queue=0,rx_slots=256,mode=copy,steer={A}+{ORDERS}",
     f"fault(loss=0.1):share:afxdp:eth0,queue=0,rx_slots=256,mode=copy,steer={A}+{ORDERS}"),
    ("afxdp:eth0,steer=233.1.1.1:1+233.1.1.2", "afxdp:eth0",
     f"share(hears=233.1.1.1:1+233.1.1.2):afxdp:eth0,steer=233.1.1.1:1+233.1.1.2+{ORDERS}",
     f"share:afxdp:eth0,steer=233.1.1.1:1+233.1.1.2+{ORDERS}"),
    ("afxdp:eth0,steer=all", "afxdp:eth0",
     f"share(hears={A}):afxdp:eth0,steer=all", "share:afxdp:eth0,steer=all"),
    ("host(address=10.0.0.2/24,groups=233.54.12.111):afxdp:eth0",
     "host(address=10.0.0.2/24,gateway=10.0.0.1):afxdp:eth0",
     f"share(hears={A}):host(address=10.0.0.2/24,groups=233.54.12.111,gateway=10.0.0.1):"
     "afxdp:eth0,steer=all",
     "share:host(address=10.0.0.2/24,groups=233.54.12.111,gateway=10.0.0.1):afxdp:eth0,steer=all"),
    ("netmap:eth0", "host(address=10.0.0.2/24):netmap:eth0",
     f"share(hears={A}):host(address=10.0.0.2/24):netmap:eth0",
     "share:host(address=10.0.0.2/24):netmap:eth0"),
    ("dpdk(rx_slots=2048):net_memif0,role=client", "dpdk:net_memif0,role=client",
     f"share(hears={A}):dpdk(rx_slots=2048):net_memif0,role=client",
     "share:dpdk(rx_slots=2048):net_memif0,role=client"),
    ("dpdk(steer=233.54.12.111:26477):0000:03:00.0", "dpdk:0000:03:00.0",
     f"share(hears={A}):dpdk(steer={A}+{ORDERS}):0000:03:00.0",
     f"share:dpdk(steer={A}+{ORDERS}):0000:03:00.0"),
    ("auto:eth0", "auto:eth0",
     f"share(hears={A}):auto:eth0,steer={A}+{ORDERS}", f"share:auto:eth0,steer={ORDERS}+{A}"),
])  # fmt: skip
def test_one_device_for_both(line_a: str, orders: str, feed_a: str, order: str) -> None:
    assert names(line_a, orders) == {"feed_a": feed_a, "orders": order}


def test_all_three() -> None:
    three = names("afxdp:eth0", "afxdp:eth0", "afxdp:eth0")
    device = f"afxdp:eth0,steer={A}+{B}+{ORDERS}"
    assert three == {"feed_a": f"share(hears={A}):{device}", "feed_b": f"share(hears={B}):{device}",
                     "orders": f"share:{device}"}
    assert {wrapping(name)[1] for name in three.values()} == {device}


@pytest.mark.parametrize(("line_a", "orders"), [
    ("afxdp:eth0", "afxdp:eth1"),
    ("afxdp:eth0", "afxdp:eth0,queue=1"),
    ("dpdk(queues=2):0000:03:00.0", "dpdk(queues=2,queue=1):0000:03:00.0"),
    ("netmap:eth0-0", "netmap:eth0-1"),
    ("afpacket:eth0", "afpacket:eth0"),  # the kernel sorts, for a socket each
    ("udp:eth0", "udp:eth0"),
    ("auto:eth0", "afxdp:eth0"),
    (f"share(hears={A}):afxdp:eth0,steer=all", "share:afxdp:eth0,steer=all"),  # by their owner
])
def test_what_is_not_one_queue_is_left_alone(line_a: str, orders: str) -> None:
    for name, given in zip(names(line_a, orders).values(), (line_a, orders), strict=True):
        assert name.startswith(given)


def test_on_the_ladder_all_stand_on_one_queue_or_on_sockets_of_their_own() -> None:
    both = names("auto:lo", "auto:lo").values()
    feed, orders = ({rung.label: rung.name for rung in rungs(name)} for name in both)
    device = f"afxdp:lo,mode=copy,steer={ORDERS}+{A}"
    assert feed["afxdp copy"] == f"share(hears={A}):{device}"
    assert orders["afxdp copy"] == f"share:{device}"
    assert feed["afpacket"] == orders["afpacket"] == "afpacket:lo"
    assert feed["udp"] == "udp:lo,address=233.54.12.111,port=26477"
    assert orders["udp"] == "udp:lo,address=10.77.0.2,port=26400"
    hosts = names("auto:lo", "host(address=10.77.0.2/24):auto:lo")
    last = {rung.label: rung.name for rung in rungs(hosts["orders"])}
    assert last["afxdp skb"] == "share:host(address=10.77.0.2/24):afxdp:lo,mode=skb,steer=all"
    assert last["afpacket"] == "share:host(address=10.77.0.2/24):afpacket:lo"


def test_who_hears_the_most_has_the_rest() -> None:
    wild = names("afxdp:eth0", "afxdp:eth0", more='address_a = "0.0.0.0"\n')
    assert wild["feed_a"].startswith("share:")
    assert wild["orders"].startswith(f"share(hears={ORDERS}):")
    any_of_it = names("afxdp:eth0", "afxdp:eth0", more='address_a = "0.0.0.0"\nport_a = 0\n')
    assert any_of_it["feed_a"] == f"share:afxdp:eth0,steer=0.0.0.0+{ORDERS}"
    assert names("afxdp:eth0", "afxdp:eth1", "afxdp:eth0")["feed_b"].startswith("share:")


@pytest.mark.parametrize(("line_a", "orders", "why"), [
    ("afxdp:eth0,mode=skb", "afxdp:eth0,mode=copy",
     "feed_a and orders name one queue of eth0 with mode=skb and mode=copy; say the same"),
    ("host(address=10.0.0.2/24):netmap:eth0", "host(address=10.0.0.3/24):netmap:eth0",
     "with address=10.0.0.2/24 and address=10.0.0.3/24; say the same"),
    ("dpdk:net_tap0,iface=a", "dpdk:net_tap0,iface=b",
     "as net_tap0,iface=a and as net_tap0,iface=b"),
    ("host(address=10.0.0.2/24):fault:netmap:a", "host(address=10.0.0.2/24):netmap:a",
     "one queue of a plainly and as fault:; say the same"),
    ("afxdp:eth0,queue=00", "afxdp:eth0,queue=0", "with queue=00 and queue=0; say the same"),
    ("afxdp:eth0,steer=10.77.0.2:26400", "afxdp:eth0", "hear the same there"),
    ("afxdp:eth0,steer=233.1.1.1:1+10.77.0.2:26400", "afxdp:eth0", "same there, 10.77.0.2:26400;"),
    ("afxdp:eth0,steer=10.77.0.2", "afxdp:eth0", "same there, 10.77.0.2:26400;"),
    ("afxdp:eth0,steer=0.0.0.0:26400", "afxdp:eth0", "same there, 10.77.0.2:26400;"),
    ("memory:x", "memory:x", "give each its own"),
])
def test_what_cannot_be_shared_is_refused_with_the_file(
    line_a: str, orders: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=r"^x: .*" + re.escape(why)):
        names(line_a, orders)


def test_a_wider_destination_leaves_the_narrower_to_its_own() -> None:
    wide = names("afxdp:eth0", "afxdp:eth0", more='address_a = "10.77.0.2"\nport_a = 0\n')
    assert wide["feed_a"].startswith("share:")
    assert wide["orders"].startswith(f"share(hears={ORDERS})")


def test_only_those_that_hear_the_same_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^x: feed_b and orders name one queue of eth0 and hear "
                       r"the same there, 10\.77\.0\.2:26400; give each its own address or port$"):
        names("afxdp:eth0", "afxdp:eth0", "afxdp:eth0",
              more='address_b = "10.77.0.2"\nport_b = 26400\n')
