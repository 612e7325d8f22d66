"""Frames of several mbufs, IP fragments under a filter, and queues that must agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_driver import BURST_MAX, Hot, datagram

from dpdk_bindings import PioError, open_queue

pytest.importorskip("dpdk_bindings._dpdk", reason="built without DPDK")


def capture(path: Path, frames: list[bytes]) -> Path:
    with open_queue(f"pcap:,out={path}") as out:
        for index, frame in enumerate(frames):
            assert out.send([frame], timestamp_ns=(index + 1) * 1000) == 1
    return path


def held(hot: Hot) -> int:
    """Receives without releasing until no more comes."""
    count = 0
    for _ in range(200):
        got = len(hot.rx(BURST_MAX))
        count += got
        if not got:
            break
    return count


def test_pieces_and_lent_frames_do_not_starve_each_other(tmp_path: Path) -> None:
    file = capture(tmp_path / "long.pcap", [datagram(bytes(1100))] * 1500)
    name = f"dpdk(segment_bytes=256,tx_slots=32):net_pcap70,rx_pcap={file}"
    with open_queue(name) as queue:
        hot = Hot(queue)
        assert sum(len(hot.lend(BURST_MAX)) for _ in range(16)) == 1024
        assert held(hot) == 1024, "as many as a queue lends"
        assert queue.stats()["rx_chained"] == 1024
        assert queue.stats()["rx_missed"] == 0


def test_copied_pieces_keep_their_timestamp(tmp_path: Path) -> None:
    frames = [datagram(bytes(60 + 1000 * (i % 2))) for i in range(6)]
    file = capture(tmp_path / "mixed.pcap", frames)
    name = f"dpdk(segment_bytes=256,hardware_timestamps=1):net_pcap71,rx_pcap={file}"
    with open_queue(name) as queue:
        received = queue.receive_frames(6, timeout_s=1.0)
        assert [frame.data for frame in received] == frames
        assert [frame.timestamp_ns for frame in received] == [(i + 1) * 1000 for i in range(6)]


def test_a_filter_passes_every_fragment_of_its_address(tmp_path: Path) -> None:
    first = datagram(b"first", fragment=0x2000)
    later = datagram(bytes(40), fragment=0x0003)
    alien = datagram(bytes(40), fragment=0x0003)
    alien = alien[:30] + bytes([9, 9, 9, 9]) + alien[34:]
    file = capture(tmp_path / "fragments.pcap", [first, later, alien])
    with open_queue(f"dpdk(steer=0.0.0.2:9001):net_pcap72,rx_pcap={file}") as queue:
        assert queue.receive(8, timeout_s=1.0) == [first, later]
        assert queue.stats()["rx_filtered"] == 1


def test_queues_of_a_device_agree_on_every_option() -> None:
    with (
        open_queue("dpdk(queue=0,queues=2,rx_slots=64):net_null70"),
        pytest.raises(PioError, match="is open with queues=2,rx_slots=64"),
    ):
        open_queue("dpdk(queue=1,queues=2,rx_slots=128):net_null70")
