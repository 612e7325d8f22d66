from ipaddress import IPv4Address
from typing import NamedTuple

from typing_extensions import Buffer

RESULTS: tuple[str, ...]
UDP_PAYLOAD_BYTES_MAX: int

class Datagram(NamedTuple):
    payload: bytes
    source_address: IPv4Address
    destination_address: IPv4Address
    source_port: int
    destination_port: int
    vlan_id: int

def parse_udp(frame: Buffer, checksum_trusted: bool = False) -> Datagram: ...
def build_udp(
    payload: bytes,
    *,
    source_mac: bytes,
    destination_mac: bytes,
    source_address: str | int | IPv4Address,
    destination_address: str | int | IPv4Address,
    source_port: int,
    destination_port: int,
    vlan_id: int = 0,
    time_to_live: int = 1,
) -> bytes: ...
def checksum(data: Buffer, repeat: int = 1) -> int: ...
def group_mac(group: str | int | IPv4Address) -> bytes: ...
