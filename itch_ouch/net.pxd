"""Ethernet, VLAN, IPv4 and UDP in place over the bytes of a frame.

A frame is either parsed whole, or refused under the name of the first thing that is wrong with it;
nothing is copied. What is accepted: 0 to 2 VLAN tags; IPv4 with or without options, unfragmented,
its total length inside the frame (what follows is Ethernet padding); UDP whose length is exactly
the IP payload's. A UDP length below it would be legal, but no exchange sends it, and a length that
lies is a reason to distrust the rest. A UDP checksum of zero means that the sender computed none.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from itch_ouch.wire cimport (
    ETH_HEADER_BYTES,
    IPV4_HEADER_BYTES,
    UDP_HEADER_BYTES,
    VLAN_TAG_BYTES,
    be16,
    be32,
    eth_header_t,
    ipv4_header_t,
    udp_header_t,
    vlan_tag_t,
)


cdef enum:
    NET_ETHERTYPE_IPV4 = 0x0800
    NET_ETHERTYPE_VLAN = 0x8100
    NET_ETHERTYPE_VLAN_SERVICE = 0x88A8
    NET_PROTOCOL_UDP = 17
    NET_VLAN_TAGS_MAX = 2
    # Ethernet, two tags, IPv4 without options, UDP: what a template can hold.
    NET_HEADER_BYTES_MAX = 14 + 2 * 4 + 20 + 8
    # An MTU of 1500 less the IPv4 and UDP headers: Nasdaq's own packets reach it.
    NET_UDP_PAYLOAD_BYTES_MAX = 1472
    NET_FRAGMENT_MASK = 0x3FFF   # more fragments, and the offset
    NET_DONT_FRAGMENT = 0x4000

# Why a frame was refused; 0 is none. The order is that of the checks.
cdef enum:
    NET_OK = 0
    NET_DROP_RUNT
    NET_DROP_ETHERTYPE
    NET_DROP_IP_VERSION
    NET_DROP_IP_HEADER
    NET_DROP_IP_LENGTH
    NET_DROP_IP_CHECKSUM
    NET_DROP_FRAGMENT
    NET_DROP_PROTOCOL
    NET_DROP_UDP_LENGTH
    NET_DROP_UDP_CHECKSUM
    NET_DROP_COUNT               # how many results there are, not a result


ctypedef struct net_datagram:
    const uint8_t* payload       # in the frame: it lives as long as the frame does
    uint32_t payload_length
    uint32_t source_address      # addresses and ports are in host order
    uint32_t destination_address
    uint16_t source_port
    uint16_t destination_port
    uint16_t vlan_id             # of the innermost tag; 0: untagged


# The headers of a flow, made once; a send copies them and patches lengths and checksums.
ctypedef struct net_template:
    uint8_t header[64]           # NET_HEADER_BYTES_MAX, rounded up to a cache line
    uint32_t header_length       # where the payload starts
    uint32_t ip_offset
    uint64_t ip_sum              # of the IP header without total length and checksum
    uint64_t udp_sum             # of the pseudo-header and the ports, without the lengths


cdef inline uint64_t net_sum(const uint8_t* data, uint32_t length) noexcept nogil:
    """The one's complement sum of 16-bit words as they lie in memory (RFC 1071), not yet folded.

    Adding 32-bit halves to 64-bit sums leaves the carries for later, and four sums keep the
    additions independent. The sum cannot overflow below 2^32 words.
    """
    cdef uint64_t a = 0, b = 0, c = 0, d = 0, first = 0, second = 0
    cdef uint32_t blocks = length >> 4, rest = length & 15, i
    for i in range(blocks):
        memcpy(&first, data + 16 * <size_t>i, 8)
        memcpy(&second, data + 16 * <size_t>i + 8, 8)
        a += <uint32_t>first
        b += first >> 32
        c += <uint32_t>second
        d += second >> 32
    data += 16 * <size_t>blocks
    if rest >= 8:
        memcpy(&first, data, 8)
        a += <uint32_t>first
        b += first >> 32
        data += 8
        rest -= 8
    if rest:
        first = 0
        memcpy(&first, data, rest)
        c += <uint32_t>first
        d += first >> 32
    return a + b + c + d


cdef inline uint16_t net_fold(uint64_t total) noexcept nogil:
    """A sum as 16 bits; of data that contains its own right checksum it is 0xFFFF."""
    total = (total >> 32) + <uint32_t>total
    total = (total >> 32) + <uint32_t>total
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    return <uint16_t>total


cdef inline int net_parse_ipv4(
    const uint8_t* data, uint32_t length, bint checksum_trusted, net_datagram* out
) noexcept nogil:
    """net_parse_udp from the IPv4 header on."""
    if length < IPV4_HEADER_BYTES:
        return NET_DROP_RUNT
    cdef const ipv4_header_t* ip = <const ipv4_header_t*>data
    cdef uint32_t header_length = (ip.version_ihl & 15) * 4
    cdef uint32_t total_length = be16(ip.total_length)
    if ip.version_ihl >> 4 != 4:
        return NET_DROP_IP_VERSION
    if header_length < IPV4_HEADER_BYTES:
        return NET_DROP_IP_HEADER
    if total_length < header_length or total_length > length:
        return NET_DROP_IP_LENGTH
    if not checksum_trusted and net_fold(net_sum(data, header_length)) != 0xFFFF:
        return NET_DROP_IP_CHECKSUM
    if be16(ip.flags_fragment_offset) & NET_FRAGMENT_MASK:
        return NET_DROP_FRAGMENT
    if ip.protocol != NET_PROTOCOL_UDP:
        return NET_DROP_PROTOCOL
    cdef const udp_header_t* udp = <const udp_header_t*>(data + header_length)
    cdef uint32_t udp_length = total_length - header_length
    cdef uint64_t total
    if udp_length < UDP_HEADER_BYTES or be16(udp.length) != udp_length:
        return NET_DROP_UDP_LENGTH
    if udp.checksum and not checksum_trusted:
        # The pseudo-header: both addresses, which are neighbours, the protocol and the length.
        total = net_sum(data + 12, 8) + be16(NET_PROTOCOL_UDP) + udp.length
        if net_fold(total + net_sum(<const uint8_t*>udp, udp_length)) != 0xFFFF:
            return NET_DROP_UDP_CHECKSUM
    out.payload = <const uint8_t*>udp + UDP_HEADER_BYTES
    out.payload_length = udp_length - UDP_HEADER_BYTES
    out.source_address = be32(ip.source_address)
    out.destination_address = be32(ip.destination_address)
    out.source_port = be16(udp.source_port)
    out.destination_port = be16(udp.destination_port)
    return NET_OK


cdef inline int net_parse_udp(
    const uint8_t* data, uint32_t length, uint32_t checksum_trusted, net_datagram* out
) noexcept nogil:
    """Finds the UDP datagram in a frame: NET_OK and `out`, or a NET_DROP_* and `out` undefined.

    checksum_trusted is any non-zero value when neither checksum is to be verified, because the
    device did it or the sender left it to hardware: pass the frame's two checksum flags.
    """
    if length < ETH_HEADER_BYTES:
        return NET_DROP_RUNT
    cdef uint32_t offset = ETH_HEADER_BYTES
    cdef uint16_t ethertype = be16((<const eth_header_t*>data).ethertype)
    cdef int i
    out.vlan_id = 0
    for i in range(NET_VLAN_TAGS_MAX):
        if ethertype != NET_ETHERTYPE_VLAN and ethertype != NET_ETHERTYPE_VLAN_SERVICE:
            break
        if length - offset < VLAN_TAG_BYTES:
            return NET_DROP_RUNT
        out.vlan_id = be16((<const vlan_tag_t*>(data + offset)).control) & 0x0FFF
        ethertype = be16((<const vlan_tag_t*>(data + offset)).ethertype)
        offset += VLAN_TAG_BYTES
    if ethertype != NET_ETHERTYPE_IPV4:
        return NET_DROP_ETHERTYPE
    return net_parse_ipv4(data + offset, length - offset, checksum_trusted != 0, out)


cdef inline void net_group_mac(uint32_t group, uint8_t* mac) noexcept nogil:
    """The Ethernet address of an IPv4 multicast group (RFC 1112, 6.4): its low 23 bits."""
    mac[0] = 0x01
    mac[1] = 0x00
    mac[2] = 0x5E
    mac[3] = (group >> 16) & 0x7F
    mac[4] = (group >> 8) & 0xFF
    mac[5] = group & 0xFF


cdef inline void net_template_init(
    net_template* out, const uint8_t* source_mac, const uint8_t* destination_mac, uint16_t vlan_id,
    uint32_t source_address, uint32_t destination_address, uint16_t source_port,
    uint16_t destination_port, uint8_t time_to_live,
) noexcept nogil:
    """Prepares the headers of one flow; vlan_id 0 is untagged, addresses are in host order.

    The datagrams are marked don't-fragment, so that their identification may stay 0 (RFC 6864).
    """
    cdef eth_header_t* eth = <eth_header_t*>out.header
    cdef vlan_tag_t* tag = <vlan_tag_t*>(out.header + ETH_HEADER_BYTES)
    memcpy(eth.destination, destination_mac, 6)
    memcpy(eth.source, source_mac, 6)
    out.ip_offset = ETH_HEADER_BYTES
    if vlan_id:
        eth.ethertype = be16(NET_ETHERTYPE_VLAN)
        tag.control = be16(vlan_id & 0x0FFF)
        tag.ethertype = be16(NET_ETHERTYPE_IPV4)
        out.ip_offset += VLAN_TAG_BYTES
    else:
        eth.ethertype = be16(NET_ETHERTYPE_IPV4)
    out.header_length = out.ip_offset + IPV4_HEADER_BYTES + UDP_HEADER_BYTES
    cdef ipv4_header_t* ip = <ipv4_header_t*>(out.header + out.ip_offset)
    ip.version_ihl = 0x45
    ip.type_of_service = 0
    ip.total_length = 0
    ip.identification = 0
    ip.flags_fragment_offset = be16(NET_DONT_FRAGMENT)
    ip.time_to_live = time_to_live
    ip.protocol = NET_PROTOCOL_UDP
    ip.header_checksum = 0
    ip.source_address = be32(source_address)
    ip.destination_address = be32(destination_address)
    out.ip_sum = net_sum(<const uint8_t*>ip, IPV4_HEADER_BYTES)
    cdef udp_header_t* udp = <udp_header_t*>(<uint8_t*>ip + IPV4_HEADER_BYTES)
    udp.source_port = be16(source_port)
    udp.destination_port = be16(destination_port)
    udp.length = 0
    udp.checksum = 0
    out.udp_sum = (
        net_sum(<const uint8_t*>ip + 12, 8) + be16(NET_PROTOCOL_UDP)
        + net_sum(<const uint8_t*>udp, UDP_HEADER_BYTES)
    )


cdef inline uint32_t net_write_udp_header(
    const net_template* template, uint8_t* frame, uint32_t payload_length
) noexcept nogil:
    """Puts the headers before a payload that is in place at frame + template.header_length.

    Returns the frame's length. The payload is at most NET_UDP_PAYLOAD_BYTES_MAX bytes. The
    checksums are computed, and a UDP checksum that comes out as 0 is sent as 0xFFFF (RFC 768).
    """
    memcpy(frame, template.header, template.header_length)
    cdef ipv4_header_t* ip = <ipv4_header_t*>(frame + template.ip_offset)
    cdef udp_header_t* udp = <udp_header_t*>(frame + template.ip_offset + IPV4_HEADER_BYTES)
    cdef uint16_t udp_length = be16(<uint16_t>(UDP_HEADER_BYTES + payload_length))
    ip.total_length = be16(<uint16_t>(IPV4_HEADER_BYTES + UDP_HEADER_BYTES + payload_length))
    ip.header_checksum = <uint16_t>~net_fold(template.ip_sum + ip.total_length)
    udp.length = udp_length
    # The length counts twice: in the pseudo-header and in the header itself.
    cdef uint64_t total = template.udp_sum + 2 * <uint64_t>udp_length
    total += net_sum(frame + template.header_length, payload_length)
    udp.checksum = <uint16_t>~net_fold(total)
    if udp.checksum == 0:
        udp.checksum = 0xFFFF
    return template.header_length + payload_length
