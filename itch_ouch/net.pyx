"""Ethernet, IPv4 and UDP for Python: thin wrappers of net.pxd, for tests and tools."""

from ipaddress import IPv4Address
from typing import NamedTuple

from itch_ouch.errors import Refused

# Names of the results of net_parse_udp, in the order of their codes.
RESULTS = (
    "ok", "runt", "ethertype", "ip_version", "ip_header", "ip_length", "ip_checksum", "fragment",
    "protocol", "udp_length", "udp_checksum",
)
assert len(RESULTS) == NET_DROP_COUNT
UDP_PAYLOAD_BYTES_MAX = NET_UDP_PAYLOAD_BYTES_MAX


class Datagram(NamedTuple):
    payload: bytes
    source_address: IPv4Address
    destination_address: IPv4Address
    source_port: int
    destination_port: int
    vlan_id: int


def parse_udp(const uint8_t[::1] frame not None, bint checksum_trusted=False):
    """The UDP datagram in an Ethernet frame; Refused says why there is none."""
    cdef net_datagram out
    cdef uint32_t length = <uint32_t>frame.shape[0]
    cdef uint8_t nothing = 0
    cdef int result = net_parse_udp(
        &frame[0] if length else &nothing, length, checksum_trusted, &out
    )
    if result != NET_OK:
        raise Refused(RESULTS[result])
    return Datagram(
        out.payload[: out.payload_length],
        IPv4Address(out.source_address),
        IPv4Address(out.destination_address),
        out.source_port,
        out.destination_port,
        out.vlan_id,
    )


def build_udp(
    bytes payload not None,
    *,
    bytes source_mac not None,
    bytes destination_mac not None,
    source_address,
    destination_address,
    uint16_t source_port,
    uint16_t destination_port,
    uint16_t vlan_id=0,
    uint8_t time_to_live=1,
):
    """An Ethernet frame around a payload, checksums included; addresses as IPv4Address takes."""
    cdef net_template template
    cdef uint8_t[NET_HEADER_BYTES_MAX + NET_UDP_PAYLOAD_BYTES_MAX] frame
    cdef Py_ssize_t length = len(payload)
    if length > NET_UDP_PAYLOAD_BYTES_MAX:
        raise ValueError(f"a payload has at most {NET_UDP_PAYLOAD_BYTES_MAX} bytes, not {length}")
    if len(source_mac) != 6 or len(destination_mac) != 6:
        raise ValueError("a MAC address has 6 bytes")
    net_template_init(
        &template, source_mac, destination_mac, vlan_id, int(IPv4Address(source_address)),
        int(IPv4Address(destination_address)), source_port, destination_port, time_to_live,
    )
    memcpy(frame + template.header_length, <const uint8_t*>payload, length)
    length = net_write_udp_header(&template, frame, <uint32_t>length)
    return <bytes>frame[:length]


def checksum(const uint8_t[::1] data not None, Py_ssize_t repeat=1):
    """The folded sum of 16-bit words in memory order; `repeat` lets a benchmark time it alone."""
    cdef uint64_t total = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(repeat):
            total += net_sum(&data[0], <uint32_t>data.shape[0]) if data.shape[0] else 0
    return net_fold(total // repeat)


def group_mac(group):
    """The Ethernet address of an IPv4 multicast group."""
    cdef uint8_t[6] mac
    net_group_mac(int(IPv4Address(group)), mac)
    return <bytes>mac[:6]
