"""Ethernet, VLAN, IPv4 and UDP: literal bytes both ways, and every named drop."""

import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from itch_ouch import net
from itch_ouch.errors import Refused

# Both addresses named: scapy would ask the network for a missing one.
ETHERNET = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")

FLOW = {
    "source_mac": bytes.fromhex("020000000001"),
    "destination_mac": bytes.fromhex("01005e360c6f"),
    "source_address": "206.200.127.138",
    "destination_address": "233.54.12.111",
    "source_port": 49653,
    "destination_port": 26477,
}
# The checksums are the sums of RFC 1071, worked out apart from the code under test.
LITERAL = bytes.fromhex(
    "01005e360c6f 020000000001 0800"
    "4500 001f 0000 4000 01 11 35d6 cec87f8a e9360c6f"
    "c1f5 676d 000b ce19 616263"
)


def frame(payload: bytes = b"abc", **changes: object) -> bytes:
    return net.build_udp(payload, **{**FLOW, **changes})  # type: ignore[arg-type]


def reason(data: bytes, checksum_trusted: bool = False) -> str:
    try:
        net.parse_udp(data, checksum_trusted)
    except Refused as refused:
        return refused.reason
    return "ok"


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def refreshed(data: bytes) -> bytes:
    """The frame with its IP header checksum made right again, so that only the patch is wrong."""
    header = Ether(data)
    assert isinstance(header, Ether)
    ip = bytearray(data[14:34])
    ip[10:12] = b"\0\0"
    total = sum(struct.unpack("!10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return patched(data, 24, struct.pack("!H", ~total & 0xFFFF))


def test_literal_bytes_build() -> None:
    assert frame() == LITERAL


def test_literal_bytes_dissect() -> None:
    datagram = net.parse_udp(LITERAL)
    assert datagram.payload == b"abc"
    assert str(datagram.source_address) == "206.200.127.138"
    assert str(datagram.destination_address) == "233.54.12.111"
    assert (datagram.source_port, datagram.destination_port, datagram.vlan_id) == (49653, 26477, 0)


def test_scapy_agrees_on_checksums_for_every_length() -> None:
    for length in (*range(40), 575, 576, 1471, net.UDP_PAYLOAD_BYTES_MAX):
        ours = frame(bytes((7 * i + length) & 0xFF for i in range(length)))
        theirs = Ether(ours)
        del theirs[IP].chksum, theirs[UDP].chksum
        assert bytes(theirs) == ours


def test_a_checksum_that_comes_out_as_zero_is_sent_as_ones() -> None:
    checksum = int.from_bytes(frame(b"\0\0")[40:42], "big")
    sent = frame(struct.pack("!H", checksum))
    assert sent[40:42] == b"\xff\xff"
    assert reason(sent) == "ok"


def test_longest_payload() -> None:
    assert len(frame(bytes(net.UDP_PAYLOAD_BYTES_MAX))) == 1514
    with pytest.raises(ValueError, match="1472"):
        frame(bytes(net.UDP_PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("vlan_id", [1, 141, 4094])
def test_one_vlan_tag(vlan_id: int) -> None:
    tagged = frame(vlan_id=vlan_id)
    assert net.parse_udp(tagged).vlan_id == vlan_id
    assert Ether(tagged)[Dot1Q].vlan == vlan_id
    assert net.parse_udp(tagged).payload == b"abc"


def test_two_vlan_tags_and_no_more() -> None:
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / Raw(b"abc")
    two = bytes(ETHERNET / Dot1AD(vlan=5) / Dot1Q(vlan=6) / inner)
    assert net.parse_udp(two).vlan_id == 6
    assert reason(bytes(ETHERNET / Dot1Q(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7) / inner)) == (
        "ethertype"
    )


def test_ip_options_are_skipped() -> None:
    options = IP(src="10.0.0.1", dst="10.0.0.2", options=[b"\x01" * 4])
    data = bytes(ETHERNET / options / UDP(sport=1, dport=2) / Raw(b"abc"))
    assert data[14] == 0x46
    assert net.parse_udp(data).payload == b"abc"


def test_ethernet_padding_is_no_payload() -> None:
    assert net.parse_udp(LITERAL + bytes(15)).payload == b"abc"


def test_every_prefix_is_refused() -> None:
    """A cut frame is a runt until the IP header is whole, then its length lies."""
    for length in range(len(LITERAL)):
        assert reason(LITERAL[:length]) == ("runt" if length < 34 else "ip_length")


@pytest.mark.parametrize(
    ("expected", "offset", "value"),
    [
        ("ethertype", 12, "86dd"),
        ("ip_version", 14, "65"),
        ("ip_header", 14, "44"),
        ("ip_length", 16, "0020"),
        ("ip_length", 16, "0013"),
        ("ip_checksum", 22, "02"),
        ("fragment", 20, "2000"),
        ("fragment", 20, "0001"),
        ("protocol", 23, "06"),
        ("udp_length", 16, "001b"),
        ("udp_length", 38, "000a"),
        ("udp_length", 38, "000c"),
        ("udp_length", 38, "0000"),
        ("udp_checksum", 42, "62"),
        ("udp_checksum", 34, "c1f6"),
    ],
)
def test_each_drop_by_name(expected: str, offset: int, value: str) -> None:
    broken = patched(LITERAL, offset, bytes.fromhex(value))
    if expected != "ip_checksum":
        broken = refreshed(broken)
    assert reason(broken) == expected


def test_checksums_are_not_asked_for_when_trusted_or_absent() -> None:
    assert reason(patched(LITERAL, 40, b"\0\0")) == "ok"
    assert reason(patched(LITERAL, 22, b"\x02")) == "ip_checksum"
    assert reason(patched(LITERAL, 22, b"\x02"), checksum_trusted=True) == "ok"
    assert reason(patched(LITERAL, 42, b"zzz"), checksum_trusted=True) == "ok"


def test_every_flipped_bit_of_the_payload_is_noticed() -> None:
    data = frame(bytes(range(64)))
    for bit in range(42 * 8, len(data) * 8):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << (bit % 8)
        assert reason(bytes(broken)) == "udp_checksum"


def test_group_mac() -> None:
    assert net.group_mac("233.54.12.111").hex() == "01005e360c6f"
    assert net.group_mac("224.128.1.2").hex() == "01005e000102"
