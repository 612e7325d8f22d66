"""What the wire tests share: where the real data lies, and how frames are read from it."""

from pathlib import Path

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapReader

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


def shared(relative: str) -> Path:
    """A file or folder of the shared test data, or a skip that says what is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"../shared/{relative} is not here")
    return path


def captures(kind: str) -> list[Path]:
    """The capture files whose folder's name contains `kind`; none where there is no data."""
    return sorted((SHARED / "data" / "pcap").glob(f"*{kind}*/*.pcap"))


def frames(path: Path) -> list[bytes]:
    with RawPcapReader(str(path)) as reader:
        return [bytes(frame) for frame, _ in reader]


def soup_payload(frame: bytes) -> tuple[str, bytes]:
    """The SoupBinTCP packet type and content that a TCP frame starts with."""
    ip = Ether(frame).getlayer("IP")
    header = ip.ihl * 4 + ip[TCP].dataofs * 4
    data = bytes(ip)[header : ip.len]
    length = int.from_bytes(data[:2], "big")
    assert len(data) == 2 + length
    return chr(data[2]), data[3:]
