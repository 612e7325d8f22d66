"""Real captures decode to the last byte, and tshark reads the same MoldUDP64 from them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from wire_support import captures, frames

from itch_ouch import itch, layers, mold, net, spec
from itch_ouch.errors import Refused

FLOW = {
    "source_mac": b"\2\0\0\0\0\1",
    "source_address": "10.0.0.1",
    "source_port": 40000,
    "destination_address": "233.54.12.111",
    "destination_port": layers.TOTALVIEW_PORT,
    "destination_mac": net.group_mac("233.54.12.111"),
}


def _feeds() -> list[Path]:
    files = captures("itch50") + captures("heartbeat")
    if not files:
        pytest.skip("../shared/data/pcap is not here")
    return files


def _parse(path: Path, frame: bytes) -> net.Datagram:
    """One capture has its addresses and ports zeroed, so that its checksums are wrong."""
    anonymous = "20230822" in str(path)
    if anonymous:
        with pytest.raises(Refused, match="ip_checksum"):
            net.parse_udp(frame)
    return net.parse_udp(frame, anonymous)


def test_real_feeds_decode_to_the_last_byte() -> None:
    seen: set[str] = set()
    messages = 0
    for path in _feeds():
        for frame in frames(path):
            packet = mold.parse(_parse(path, frame).payload)
            for data in packet.messages:
                assert itch.check(data) == "ok", path
                layer = layers.dissect(spec.ITCH, data)
                assert bytes(layer) == data, path
                assert layer.message_type == data[:1]
                seen.add(layer.message_type.decode())
                messages += 1
    assert seen >= set("AFECXDUPQHYLJIS")
    assert messages == 120


def test_the_full_packet_of_a_real_feed() -> None:
    path = next((p for p in _feeds() if p.name == "Multiple.Packets.pcap"), None)
    if path is None:
        pytest.skip("Multiple.Packets.pcap is not here")
    datagram = net.parse_udp(frames(path)[1])
    assert len(datagram.payload) == net.UDP_PAYLOAD_BYTES_MAX
    assert datagram.vlan_id == 141
    packet = mold.parse(datagram.payload)
    assert (packet.session, packet.sequence_number) == (b"000010059B", 19009117)
    assert len(packet.messages) == 38
    assert mold.build(packet.session, packet.sequence_number, packet.messages) == datagram.payload


def _tshark(path: Path) -> list[tuple[str, int, list[int], list[bytes]]]:
    """tshark's session, sequence, block lengths and block contents of each frame of a file."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
    for port in (layers.TOTALVIEW_PORT, 25475, 18024):
        command += ["-d", f"udp.port=={port},moldudp64"]
    for name in ("session", "sequence", "msglen", "msgdata"):
        command += ["-e", f"moldudp64.{name}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = []
    for line in lines:
        session, sequence, lengths, contents = line.split("|")
        # tshark shows the content of an empty block as <MISSING>.
        blocks = [text for text in contents.split(",") if text and text != "<MISSING>"]
        rows.append(
            (
                session,
                int(sequence),
                [int(n) for n in lengths.split(",") if n],
                [bytes.fromhex(text.replace(":", "")) for text in blocks],
            )
        )
    return rows


def _ours(path: Path) -> list[tuple[str, int, list[int], list[bytes]]]:
    packets = [mold.parse(net.parse_udp(frame).payload) for frame in frames(path)]
    return [
        (
            p.session.decode(),
            p.sequence_number,
            [len(m) for m in p.messages],
            [m for m in p.messages if m],
        )
        for p in packets
    ]


def test_tshark_agrees_on_real_feeds() -> None:
    files = [path for path in _feeds() if "20230822" not in str(path)]
    assert len(files) == 12
    for path in files:
        assert _ours(path) == _tshark(path)


def test_tshark_agrees_on_what_we_build(tmp_path: Path) -> None:
    orders = [layers.ITCHAddOrder(order_reference_number=n, stock=b"ZVZZT") for n in range(30)]
    payloads = [
        mold.build(b"SESSION", 1, [bytes(order) for order in orders]),
        mold.build(b"SESSION", 31, [b"", b"x", b""]),
        mold.header(b"SESSION", 34, mold.COUNT_HEARTBEAT),
        mold.build(b"SESSION", 2**63, [bytes(layers.ITCHSystemEvent(event_code=b"C"))]),
    ]
    path = tmp_path / "built.pcap"
    built = [
        net.build_udp(payload, **FLOW, vlan_id=number % 2)  # type: ignore[arg-type]
        for number, payload in enumerate(payloads)
    ]
    wrpcap(str(path), [Ether(frame) for frame in built])
    assert frames(path) == built
    assert _ours(path) == _tshark(path)
