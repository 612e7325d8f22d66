"""ARP, ICMP and VLANs of csrc/net_host.h: literal bytes, and scapy's reading of what is sent."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st
from net_host_rig import (
    ADDRESS,
    EVERYBODY,
    GROUPS,
    MAC,
    PEER,
    PEER_MAC,
    SECOND,
    Host,
    igmp_frame,
    number,
    query,
)
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from dpdk_bindings._core import lib

WHO_HAS = bytes.fromhex(
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001"
    "020000000001 0a000001 000000000000 0a000002"
)
IS_AT = bytes.fromhex(
    "020000000001 020000000002 0806 0001 0800 06 04 0002"
    "020000000002 0a000002 020000000001 0a000001"
)
PING = bytes.fromhex(
    "020000000002 020000000001 0800"
    "4500 0020 0001 0000 40 01 66da 0a000001 0a000002"
    "0800 2104 1234 0001 61626364"
)
PONG = bytes.fromhex(
    "020000000001 020000000002 0800"
    "4500 0020 0000 4000 40 01 26db 0a000002 0a000001"
    "0000 2904 1234 0001 61626364"
)


def arp(op: int, to: str = EVERYBODY, **fields: str) -> Packet:
    source = fields.get("hwsrc", PEER_MAC)
    known = {"hwsrc": source, "psrc": PEER, "hwdst": "00:00:00:00:00:00", "pdst": ADDRESS}
    return Ether(dst=to, src=source) / ARP(op=op, **(known | fields))


def ping(payload: bytes = b"abcd", **ip: object) -> Packet:
    return Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS, **ip) / ICMP() / payload


# ---- ARP -----------------------------------------------------------------------------------------


def test_a_request_is_answered_to_the_asker_alone() -> None:
    host = Host().quiet()
    assert host.receive(WHO_HAS) == [IS_AT]
    assert host.receive(bytes(Ether(WHO_HAS)).ljust(60, b"\0")) == [IS_AT]
    assert host.receive(arp(1, pdst="10.0.0.3")) == []
    assert host.receive(arp(1, to="02:00:00:00:00:09")) == []
    assert host.receive(arp(1, psrc="0.0.0.0"))[0][28:32] == bytes([10, 0, 0, 2]), "a probe, too"
    assert host.drops() == {"other_station": 1}
    assert host.c.arp_count == 4


def test_it_announces_itself_at_the_start_and_when_the_link_comes_back() -> None:
    host = Host(groups=())
    frames = host.first + host.tick(10)
    assert len(frames) == 2
    for frame in frames:
        seen = Ether(frame)
        assert (seen.dst, seen.src) == (EVERYBODY, MAC)
        assert (seen[ARP].op, seen[ARP].psrc, seen[ARP].pdst) == (1, ADDRESS, ADDRESS)
        assert (seen[ARP].hwsrc, seen[ARP].hwdst) == (MAC, "00:00:00:00:00:00")
    host.link(False)
    assert host.tick(10) == []
    host.link(True)
    assert len(host.tick(10)) == 2


def test_a_neighbour_is_found_verified_and_given_up() -> None:
    host = Host(groups=()).quiet()
    assert host.resolve(PEER)[0] == errno.EAGAIN
    (asked,) = host.tick()
    assert Ether(asked).dst == EVERYBODY and Ether(asked)[ARP].pdst == PEER
    assert host.receive(arp(2, to=MAC)) == []
    assert host.resolve(PEER) == (0, PEER_MAC)
    frames = host.tick(48)  # well within the minute, by itself, three times
    assert [Ether(frame).dst for frame in frames[:3]] == [PEER_MAC] * 3
    assert host.resolve(PEER)[0] == errno.EAGAIN, "it did not answer"
    frames = frames[3:] + host.tick(2.5)
    assert [Ether(frame).dst for frame in frames] == [EVERYBODY] * 3
    host.tick(1)
    assert host.resolve(PEER)[0] == errno.EHOSTUNREACH
    assert host.tick(4) == [], "and is left alone for a while"
    host.tick(2)
    assert host.resolve(PEER)[0] == errno.EAGAIN
    assert len(host.tick()) == 1


def test_an_answer_while_verifying_keeps_the_neighbour() -> None:
    host = Host(groups=()).quiet()
    host.resolve(PEER)
    host.tick()
    host.receive(arp(2, to=MAC))
    for _ in range(5):
        (asked,) = host.tick(45)
        assert Ether(asked).dst == PEER_MAC
        host.receive(arp(2, to=MAC))
        assert host.resolve(PEER) == (0, PEER_MAC)


def test_an_address_elsewhere_is_the_gateways() -> None:
    host = Host(groups=(), gateway=number("10.0.0.254")).quiet()
    assert host.resolve("206.200.127.140")[0] == errno.EAGAIN
    assert Ether(host.tick()[0])[ARP].pdst == "10.0.0.254"
    host.receive(arp(2, to=MAC, psrc="10.0.0.254", hwsrc="02:00:00:00:00:fe"))
    assert host.resolve("206.200.127.140") == (0, "02:00:00:00:00:fe")
    assert host.resolve("8.8.8.8") == (0, "02:00:00:00:00:fe")


def test_what_needs_no_question() -> None:
    host = Host(groups=()).quiet()
    assert host.resolve("10.0.0.255") == host.resolve("255.255.255.255") == (0, EVERYBODY)
    assert host.resolve("233.54.12.111") == (0, "01:00:5e:36:0c:6f")
    for nowhere in ("206.200.127.140", ADDRESS, "0.0.0.0", "127.0.0.1"):
        assert host.resolve(nowhere)[0] == errno.ENETUNREACH
    assert host.tick(5) == []


def test_nobody_makes_us_believe_what_we_did_not_ask() -> None:
    host = Host(groups=()).quiet()
    host.receive(arp(2, to=MAC))
    host.receive(arp(1, pdst=PEER))  # an announcement
    host.receive(arp(1))  # a question: answered, not remembered
    assert host.drops() == {"arp_unsolicited": 1}
    assert host.resolve(PEER)[0] == errno.EAGAIN
    host.tick()
    host.receive(arp(2, to=MAC, pdst="10.0.0.9"))
    assert host.resolve(PEER)[0] == errno.EAGAIN, "an answer to somebody else"
    host.receive(arp(1))  # it asks us: it says who it is
    assert host.resolve(PEER) == (0, PEER_MAC)
    host.receive(arp(2, to=MAC, hwsrc="02:00:00:00:00:66"))
    assert host.resolve(PEER) == (0, PEER_MAC)
    host.receive(arp(1, pdst=PEER, hwsrc="02:00:00:00:00:66"))
    assert host.resolve(PEER)[0] == errno.EAGAIN, "in doubt"
    assert Ether(host.tick()[0]).dst == EVERYBODY
    host.receive(arp(2, to=MAC))
    assert host.resolve(PEER) == (0, PEER_MAC)


def test_a_conflict_is_counted_and_answered_once_in_a_while() -> None:
    host = Host(groups=()).quiet()
    claim = arp(1, psrc=ADDRESS)
    (defence,) = host.receive(claim)
    assert Ether(defence)[ARP].psrc == Ether(defence)[ARP].pdst == ADDRESS
    assert host.receive(claim) == []
    host.tick(11)
    assert len(host.receive(claim)) == 1
    assert host.c.conflict_count == 3
    host.receive(Ether(dst=EVERYBODY, src=MAC) / ARP(op=1, hwsrc=MAC, psrc=ADDRESS, pdst=ADDRESS))
    assert host.c.conflict_count == 3 and host.drops() == {"own_frame": 1}


def test_a_full_neighbour_table_says_so() -> None:
    host = Host(groups=()).quiet()
    for last in range(10, 42):
        assert host.resolve(f"10.0.0.{last}")[0] == errno.EAGAIN
        host.tick()
    assert host.resolve("10.0.0.99")[0] == errno.ENOBUFS
    host.tick(4)  # the others failed: their places are free
    assert host.resolve("10.0.0.99")[0] == errno.EAGAIN
    assert host.drops() == {"neighbours_full": 1}


# ---- ICMP ----------------------------------------------------------------------------------------


def test_an_echo_is_answered_byte_for_byte() -> None:
    host = Host().quiet()
    assert host.receive(PING) == [PONG]
    for size in (0, 1, 55, 56, 1472, 2048 - 42):
        (frame,) = host.receive(ping(b"x" * size))
        answer = Ether(frame)
        assert bytes(answer[ICMP].payload) == b"x" * size
        assert bytes(answer) == bytes(Ether(PONG[:14]) / remake(answer[IP])), "both checksums"
    assert host.receive(ping(b"x" * (2048 - 41))) == []
    assert host.drops() == {"icmp_long": 1}


def remake(ip: Packet) -> Packet:
    copy = ip.copy()
    del copy.chksum, copy[ICMP].chksum
    return copy


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Ether(dst=EVERYBODY, src=PEER_MAC) / ping()[IP], "icmp_group"),
        (Ether(dst="01:00:5e:00:00:01", src=PEER_MAC) / ping()[IP], "icmp_group"),
        (ping(flags="MF"), "ip_fragment"),
        (ping(frag=1), "ip_fragment"),
        (ping(chksum=1), "ip_checksum"),
        (ping(len=27), "icmp_malformed"),
        (ping(len=19), "ip_header"),
        (ping(len=33), "ip_header"),
        (ping(ihl=4), "ip_header"),
        (ping(ihl=15), "ip_header"),
        (ping(version=6), "ip_header"),
        (Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS) / ICMP(type=3), "icmp_other"),
        (Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS) / ICMP(code=1),
         "icmp_malformed"),
        (Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS) / ICMP(chksum=7),
         "icmp_checksum"),
        *((Ether(dst=MAC, src=PEER_MAC) / IP(src=source, dst=ADDRESS) / ICMP(), "ip_source")
          for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.255",
                         ADDRESS)),
        (Ether(dst=MAC, src="03:00:00:00:00:01") / ping()[IP], "ether_source"),
        (Ether(WHO_HAS[:41]), "arp_short"),
        (arp(3), "arp_kind"),
        (Ether(dst=MAC, src=PEER_MAC) / ARP(hwtype=6, psrc=PEER, pdst=ADDRESS, hwsrc=PEER_MAC),
         "arp_kind"),
        (arp(2, psrc="0.0.0.0"), "arp_sender"),
        (arp(1, psrc="224.0.0.1"), "arp_sender"),
        (arp(1, psrc="10.0.0.255"), "arp_sender"),
        (Ether(dst=MAC, src=PEER_MAC) / ARP(psrc=PEER, pdst=ADDRESS, hwsrc=EVERYBODY),
         "arp_sender"),
        (Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=ADDRESS) / UDP() / b"x", "not_control"),
        (Ether(dst=MAC, src=PEER_MAC) / IP(src=PEER, dst=PEER) / ICMP(), "not_control"),
        (igmp_frame(bytes(7), "224.0.0.1"), "igmp_length"),
        (query(length=9), "igmp_length"),
        (query(length=11), "igmp_length"),
        (igmp_frame(b"\x11\x64\0\0" + bytes([233, 54, 12, 111, 2, 125, 0, 2]) + bytes(4),
                    GROUPS[0]), "igmp_length"),
        (query("10.0.0.1", destination="224.0.0.1"), "igmp_group"),
        (query(sources=("1.2.3.4",)), "igmp_group"),
        (query(GROUPS[0], destination=GROUPS[1]), "igmp_group"),
        (igmp_frame(b"\x17" + bytes(7), "224.0.0.2"), "igmp_other"),
        (Ether(bytes(query())[:-1] + b"\x01"), "igmp_checksum"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_its_counter_alone(frame: Packet, reason: str) -> None:
    host = Host().quiet()
    before = Host().quiet()
    assert host.receive(frame) == []
    assert host.drops() == {reason: 1}
    host.c.drops[next(i for i in range(64) if host.c.drops[i])] = 0
    assert host.state() == before.state()


def test_echoes_are_limited() -> None:
    host = Host().quiet()
    host.now += SECOND
    assert sum(len(host.receive(PING)) for _ in range(200)) == 50
    assert host.drops() == {"icmp_limited": 150}
    host.now += SECOND // 100
    assert sum(len(host.receive(PING)) for _ in range(200)) == 10


def test_a_full_outbox_is_counted_and_overwrites_nothing() -> None:
    host = Host(groups=()).quiet()
    for _ in range(40):
        lib.net_host_receive(host.c, WHO_HAS, len(WHO_HAS), host.now)
    assert host.out() == [IS_AT] * 32
    assert host.drops() == {"outbox_full": 8}


# ---- VLAN and garbage ----------------------------------------------------------------------------


def tagged(frame: bytes, vlan: int) -> bytes:
    return frame[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + frame[12:]


def test_within_a_vlan_everything_is_tagged_and_nothing_else_is_taken() -> None:
    host = Host(vlan=5)
    assert all(Ether(frame)[Dot1Q].vlan == 5 for frame in host.first)
    host.quiet()
    assert host.receive(tagged(WHO_HAS, 5)) == [tagged(IS_AT, 5)]
    assert host.receive(tagged(WHO_HAS, 0xE005)) == [tagged(IS_AT, 5)], "whatever the priority"
    assert host.receive(tagged(PING, 5)) == [tagged(PONG, 5)]
    for other in (WHO_HAS, PING, tagged(WHO_HAS, 6), tagged(tagged(WHO_HAS, 7), 5)):
        assert host.receive(other) == []
    assert host.drops() == {"not_control": 4}
    plain = Host().quiet()
    assert plain.receive(tagged(WHO_HAS, 5)) == []
    assert plain.receive(tagged(WHO_HAS, 0x6000)) == [IS_AT], "a priority tag is no VLAN"


@given(
    start=st.sampled_from([WHO_HAS, PING, bytes(query()), bytes(query(GROUPS[0])), b""]),
    changes=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=4),
    tail=st.binary(max_size=40),
    cut=st.integers(0, 80),
)
def test_garbage_is_counted_or_understood(
    start: bytes, changes: list[tuple[int, int]], tail: bytes, cut: int
) -> None:
    data = bytearray((start + tail)[:cut])
    for at, value in changes:
        if at < len(data):
            data[at] = value
    host = Host()
    before = [host.c.arp_count, host.c.icmp_count, host.c.igmp_count, sum(host.c.drops)]
    host.receive(bytes(data))
    after = [host.c.arp_count, host.c.icmp_count, host.c.igmp_count, sum(host.c.drops)]
    assert sum(after) == sum(before) + 1, "each frame is counted once"
    for frame in host.tick(30):
        assert Ether(frame).src == MAC and len(frame) <= 192
        assert not Ether(frame).haslayer(Raw) or Ether(frame).haslayer(IP)
