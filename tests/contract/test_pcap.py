"""The pcap backend against literal bytes, scapy, and real captures."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from capture_bytes import (
    SMALL,
    A,
    B,
    C,
    block,
    enhanced,
    interface,
    obsolete,
    pcap,
    section,
    simple,
    unknown,
)
from contract_driver import Hot, datagrams
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgReader, PcapReader, RawPcapReader, wrpcap

from dpdk_bindings import Frame, PioError, open_queue

ROOT = Path(__file__).parents[2]
CAPTURES = sorted((ROOT / "../shared/data/pcap").glob("*/*.pcap"))
STAMP = 1_577_710_800_123_456_789
TRUNCATED = 1 << 2


def read(path: Path, options: str = "") -> tuple[list[Frame], dict[str, int]]:
    """Everything in the file, and the counters at its end."""
    with open_queue(f"pcap:{path}{options}") as queue:
        assert queue.link == "up"
        frames: list[Frame] = []
        for _ in range(10_000):
            frames += queue.receive_frames(64)
            if queue.link == "down":
                break
        assert queue.link == "down", "a file comes to its end"
        return frames, queue.stats()


def read_bytes(path: Path, content: bytes, options: str = "") -> tuple[list[Frame], dict[str, int]]:
    path.write_bytes(content)
    return read(path, options)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_of_either_unit_and_byte_order(tmp_path: Path, order: str, nanoseconds: bool) -> None:
    content = pcap([(STAMP, A), (0, B), (STAMP + 1, C)], order, nanoseconds)
    frames, stats = read_bytes(tmp_path / "x", content)
    first = STAMP if nanoseconds else STAMP // 1000 * 1000
    last = STAMP + 1 if nanoseconds else first
    assert frames == [Frame(A, first, 0), Frame(B, 0, 0), Frame(C, last, 0)]
    assert stats["rx_end_offset"] == len(content)
    assert stats["rx_malformed"] == 0 and stats["rx_frames"] == 3


def test_pcap_of_literal_bytes(tmp_path: Path) -> None:
    """draft-ietf-opsawg-pcap, sections 4 and 5, byte by byte."""
    content = bytes.fromhex(
        "a1b23c4d 0002 0004 00000000 00000000 00040000 00000001"
        "5e0a3fd0 075bcd15 0000000e 0000003c 010203040506 0708090a0b0c 0800"
    )
    frames, stats = read_bytes(tmp_path / "x", content)
    data = bytes.fromhex("0102030405060708090a0b0c0800")
    assert frames == [Frame(data, 0x5E0A3FD0 * 10**9 + 123456789, TRUNCATED)]
    assert stats["rx_truncated"] == 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "ticks", "stamp"),
    [
        (None, 1_577_710_800_123_456, 1_577_710_800_123_456_000),
        (0, 1_577_710_800, 1_577_710_800_000_000_000),
        (3, 1_577_710_800_123, 1_577_710_800_123_000_000),
        (9, STAMP, STAMP),
        (12, 1_577_710_800_123_456_789, 1_577_710_800_123_456),
        (9 + 19, 2**64 - 1, 1),
        (9 + 20, 2**64 - 1, 0),
        (0x80 | 0, 1_577_710_800, 1_577_710_800_000_000_000),
        (0x80 | 10, (1_577_710_800 << 10) + 512, 1_577_710_800_500_000_000),
        (0x80 | 32, (1_577_710_800 << 32) + (1 << 30), 1_577_710_800_250_000_000),
        (0x80 | 127, 2**64 - 1, 0),
    ],
)
def test_pcapng_resolutions(
    tmp_path: Path, order: str, resolution: int | None, ticks: int, stamp: int
) -> None:
    content = section(order) + interface(order, resolution) + enhanced(order, ticks, A)
    frames, _ = read_bytes(tmp_path / "x", content)
    assert frames == [Frame(A, stamp, 0)]


@pytest.mark.parametrize("offset_s", [-3600, 0, 1_577_710_800])
def test_pcapng_time_offset(tmp_path: Path, offset_s: int) -> None:
    content = section("<") + interface("<", 9, offset_s) + enhanced("<", 10**13 + 7, A)
    frames, _ = read_bytes(tmp_path / "x", content)
    assert frames[0].timestamp_ns == offset_s * 10**9 + 10**13 + 7


def test_pcapng_of_two_sections_and_all_kinds_of_blocks(tmp_path: Path) -> None:
    content = b""
    for order in "><":
        content += section(order) + unknown(order) + interface(order, 9, snap=100)
        content += enhanced(order, 1, A) + unknown(order) + simple(order, B)
        content += interface(order, 6) + obsolete(order, 2, C, 1) + enhanced(order, 3, A, 1, 99)
        content += simple(order, A + bytes(100 - len(A)), 300)
    frames, stats = read_bytes(tmp_path / "x", content)
    once = [
        Frame(A, 1, 0),
        Frame(B, 0, 0),
        Frame(C, 2000, 0),
        Frame(A, 3000, TRUNCATED),
        Frame(A + bytes(100 - len(A)), 0, TRUNCATED),
    ]
    assert frames == once * 2
    assert stats["rx_end_offset"] == len(content)


def test_frames_of_another_link_type_are_counted_and_passed_by(tmp_path: Path) -> None:
    content = section("<") + interface("<", link=113) + interface("<")
    content += enhanced("<", 1, B, 0) + enhanced("<", 1, A, 1)
    frames, stats = read_bytes(tmp_path / "x", content)
    assert [frame.data for frame in frames] == [A]
    assert stats["rx_not_ethernet"] == 1


def test_records_too_long_or_too_short_are_counted_and_passed_by(tmp_path: Path) -> None:
    content = pcap([(1, A), (2, bytes(65536)), (3, bytes(13)), (4, b""), (5, bytes(65535)), (6, B)])
    frames, stats = read_bytes(tmp_path / "x", content)
    assert [frame.timestamp_ns for frame in frames] == [0, 0, 0]
    assert [frame.data for frame in frames] == [A, bytes(65535), B]
    assert (stats["rx_oversize"], stats["rx_undersize"], stats["rx_malformed"]) == (1, 2, 0)


def test_loop_reads_the_file_again(tmp_path: Path) -> None:
    for content in (
        pcap([(1000, A), (2000, B)], ">"),
        section(">")
        + interface(">")
        + enhanced(">", 1, A)
        + section("<")
        + interface("<")
        + enhanced("<", 2, B),
    ):
        frames, stats = read_bytes(tmp_path / "x", content, ",loop=300")
        assert frames == [Frame(A, 1000, 0), Frame(B, 2000, 0)] * 300
        assert stats["rx_frames"] == 600
    frames, stats = read_bytes(tmp_path / "x", pcap([]), ",loop=50")
    assert frames == [] and stats["rx_malformed"] == 0


def test_a_consumer_that_scribbles_changes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(pcap([(0, A)]))
    with open_queue(f"pcap:{path}") as queue:
        (frame,) = Hot(queue).rx(1)
        frame.data[0] = 0xFF
    assert path.read_bytes() == pcap([(0, A)])


CLASSIC = pcap([(0, A)])
NG = section("<") + interface("<") + enhanced("<", 0, A)
# Why the second part is broken, and the good part before it.
BROKEN = [
    ("record longer than the file", CLASSIC, pcap([(0, B)])[24:-1]),
    ("record header cut", CLASSIC, bytes(15)),
    ("record of 4 GiB", CLASSIC, b"\xff" * 16 + bytes(64)),
    ("record over the limit", CLASSIC, pcap([(0, bytes(262145))])[24:]),
    ("block cut", NG, enhanced("<", 0, B)[:-1]),
    ("block of no length", NG, bytes(12)),
    ("block of odd length", NG, b"\x06\0\0\0\x21\0\0\0" + bytes(64)),
    ("two lengths that differ", NG, unknown("<")[:-4] + b"\0\0\0\0"),
    ("packet longer than its block", NG, block("<", 6, bytes(12) + b"\xff\0\0\0" + bytes(8))),
    ("packet of no interface", NG, enhanced("<", 0, B, 1)),
    ("simple packet of no interface", NG + section("<"), simple("<", B)),
    ("simple packet too short", NG, simple("<", b"x" * 20, 40)),
    ("interface too short", NG, block("<", 1, bytes(4))),
    ("option past its block", NG, block("<", 1, bytes(8) + b"\x09\0\xff\0")),
    ("section of no byte order", NG, block("<", 0x0A0D0D0A, bytes(16))),
    ("section of version 2", NG, section("<").replace(b"\x1a\x01\0", b"\x1a\x02\0")),
    ("one interface too many", NG + interface("<") * 255, interface("<")),
]


@pytest.mark.parametrize(
    ("good", "broken"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_reading_stops_at_the_first_record_that_cannot_be_true(
    tmp_path: Path, good: bytes, broken: bytes
) -> None:
    frames, stats = read_bytes(tmp_path / "x", good + broken, ",loop=3")
    assert frames == [Frame(A, 0, 0)]
    assert stats["rx_malformed"] == 1
    assert stats["rx_end_offset"] == len(good)


@pytest.mark.parametrize("form", SMALL)
def test_cut_at_every_byte(tmp_path: Path, form: str) -> None:
    whole = SMALL[form]
    everything, _ = read_bytes(tmp_path / "whole", whole)
    refused = 0
    for cut in range(len(whole) + 1):
        try:
            frames, stats = read_bytes(tmp_path / "cut", whole[:cut])
        except PioError as error:
            assert cut < 28 and "cut" in error.why and error.remedy
            refused += 1
            continue
        assert frames == everything[: len(frames)]
        assert stats["rx_end_offset"] <= cut
        assert stats["rx_malformed"] == (stats["rx_end_offset"] < cut)
    assert refused == (24 if form == "pcap" else 28)
    assert frames == everything


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\xa1\xb2", "is neither pcap nor pcapng"),
        (b"MZ" * 100, "is neither pcap nor pcapng"),
        (gzip.compress(pcap([])), "is compressed with gzip"),
        (pcap([])[:23], "ends within the header of a pcap file"),
        (section("<")[:27], "ends within the header of a pcapng section"),
        (pcap([(0, A)], link=113), "has link type 113"),
        (section("<") + interface("<", link=228) + enhanced("<", 0, A), "has link type 228"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    with pytest.raises(PioError, match=why) as caught:
        open_queue(f"pcap:{path}")
    assert "x.pcap" in caught.value.why


def test_it_does_not_wait_for_a_fifo_or_overwrite_its_own_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PioError, match="not a regular file"):
        open_queue(f"pcap:{tmp_path}/fifo")
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(0, A)]))
    (tmp_path / "link.pcap").symlink_to(path)
    with pytest.raises(PioError, match="both the input and the output"):
        open_queue(f"pcap:{path},out={tmp_path}/link.pcap")
    assert path.read_bytes() == pcap([(0, A)])


def test_written_pcap_is_literally_this(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    with open_queue(f"pcap:,out={path}") as queue:
        assert queue.mode == "write" and queue.receive() == []
        queue.send([A], timestamp_ns=STAMP)
    assert path.read_bytes() == pcap([(STAMP, A)], "<", nanoseconds=True)


def test_written_pcapng_is_literally_this(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    frame = A + b"x" * (-len(A) % 4 + 1)  # so that there is padding
    with open_queue(f"pcap:,out={path}") as queue:
        queue.send([frame], timestamp_ns=STAMP)
    length = 32 + len(frame) + 3
    assert path.read_bytes() == b"".join(
        (
            bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 01000000 ffffffffffffffff 1c000000"),
            bytes.fromhex("01000000 20000000 0100 0000 00000000 0900 0100 09000000 00000000"),
            bytes.fromhex("20000000 06000000") + length.to_bytes(4, "little") + bytes(4),
            (STAMP >> 32).to_bytes(4, "little") + (STAMP & 0xFFFFFFFF).to_bytes(4, "little"),
            len(frame).to_bytes(4, "little") * 2 + frame + bytes(3) + length.to_bytes(4, "little"),
        )
    )


def test_an_unstamped_frame_gets_the_time_that_service_was_told(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    with open_queue(f"pcap:,out={path}") as queue:
        hot = Hot(queue)
        hot.send([A])
        hot.service(STAMP)
        hot.send([B])
    frames, _ = read(path)
    assert [frame.timestamp_ns for frame in frames] == [0, STAMP]


def test_a_full_device_is_told_and_counted() -> None:
    with open_queue("pcap:,out=/dev/full") as queue:
        frames = datagrams(seed=1, count=3000, bytes_max=1514)
        assert queue.send(frames) == len(frames)
        assert queue.link == "gone"
        stats = queue.stats()
        assert stats["tx_error"] == len(frames)
        assert stats["tx_frames"] == stats["tx_bytes"] == 0


@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_scapy_reads_what_is_written(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    frames = datagrams(seed=3, count=500, bytes_max=9000)
    with open_queue(f"pcap:,out={path}") as queue:
        for index, frame in enumerate(frames):
            queue.send([frame], timestamp_ns=STAMP + index)
    reader = PcapReader if ending == ".pcap" else PcapNgReader
    with reader(str(path)) as packets:
        seen = [(bytes(packet), int(packet.time * 10**9)) for packet in packets]
    assert [data for data, _ in seen] == frames
    # scapy divides a pcapng's ticks in floating point; of pcap it keeps every digit.
    if ending == ".pcap":
        assert [stamp for _, stamp in seen] == [STAMP + index for index in range(len(frames))]


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_it_reads_what_scapy_writes(tmp_path: Path, nano: bool, order: str) -> None:
    path = tmp_path / "scapy.pcap"
    frames = [frame for frame in datagrams(seed=3, count=300, bytes_max=1514) if len(frame) > 13]
    wrpcap(str(path), [Ether(frame) for frame in frames], nano=nano, endianness=order)
    assert [frame.data for frame in read(path)[0]] == frames


@pytest.mark.skipif(not CAPTURES, reason="the shared captures are not beside this tree")
def test_real_captures_are_read_to_the_last_byte() -> None:
    for path in CAPTURES:
        frames, stats = read(path)
        assert [frame.data for frame in frames] == [data for data, _ in RawPcapReader(str(path))]
        assert stats["rx_end_offset"] == path.stat().st_size
        assert stats["rx_malformed"] == stats["rx_undersize"] == 0
