"""The examples of docs/dpdk.md run as they stand, and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.utils import PcapReader, wrpcap

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples/dpdk"
PAGE = (ROOT / "docs/dpdk.md").read_text()


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def example(name: str, *words: str) -> str:
    return run(str(EXAMPLES / name), *words)


def frames(path: Path) -> list[bytes]:
    with PcapReader(str(path)) as reader:
        return [bytes(packet) for packet in reader]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Forty datagrams and two ARP requests."""
    ether = Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:0b")
    datagrams = [ether / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2) / bytes(20 + i)
                 for i in range(40)]  # fmt: skip
    wrpcap(str(tmp_path / "in.pcap"), [*datagrams, ether / ARP() / bytes(18)] * 2)
    return tmp_path / "in.pcap"


def test_l2fwd_rewrites_the_addresses_and_nothing_else(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.pcap"
    said = example("l2fwd.py", f"net_pcap0,rx_pcap={capture}", f"net_pcap1,tx_pcap={target}",
                   "--seconds", "0.3")  # fmt: skip
    assert said == "forwarded 82 frames, dropped 0\n"
    sent, forwarded = frames(capture), frames(target)
    assert [frame[12:] for frame in forwarded] == [frame[12:] for frame in sent]
    assert {frame[:6] for frame in forwarded} == {bytes.fromhex("020000000001")}
    assert {frame[6:12] for frame in forwarded}.isdisjoint({frame[6:12] for frame in sent})


def test_l2fwd_has_thirty_lines() -> None:
    lines = (EXAMPLES / "l2fwd.py").read_text().splitlines()
    assert len(lines) <= 30


def test_count_counts_by_type(capture: Path) -> None:
    said = example("count.py", f"net_pcap0,rx_pcap={capture}", "--seconds", "0.3").splitlines()
    octets = sum(map(len, frames(capture)))
    assert said == [
        f"82 frames, {octets:,} bytes, 0 missed by the device", "  0x0800  80", "  0x0806  2",
    ]  # fmt: skip


def test_count_reports_every_second_and_stops_by_count() -> None:
    said = example("count.py", "net_null0", "--seconds", "1.2", "--queues", "2")
    assert re.match(r" +[\d.]+ M frames/s\n[\d,]+ frames", said)
    said = example("count.py", "net_null0", "--count", "1000")
    assert 1000 <= int(said.split()[0].replace(",", "")) < 1500


def test_pcapdump_is_read_back_by_scapy(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.pcap"
    said = example("pcapdump.py", f"net_pcap0,rx_pcap={capture}", str(target), "--seconds", "0.3",
                   "--hardware-timestamps")  # fmt: skip
    assert said == f"wrote 82 frames to {target}\n"
    assert frames(target) == frames(capture)
    with PcapReader(str(target)) as dumped, PcapReader(str(capture)) as was:
        assert [packet.time for packet in dumped] == [packet.time for packet in was]
    example("pcapdump.py", "net_null0", str(target), "--count", "300")
    assert frames(target) == [bytes(64)] * 300


def test_the_page_s_first_program_runs() -> None:
    program = re.search(r"((?:    .*\n|\n)+)", PAGE[PAGE.index("    from dpdk_bindings import") :])
    assert program is not None
    code = "\n".join(line[4:] for line in program[1].splitlines())
    assert run("-c", code) == "60 ff:ff:ff:ff:ff:ff\n"


def test_the_page_s_commands_are_examples_that_exist() -> None:
    named = set(re.findall(r"docs/examples/dpdk/(\w+\.py)", PAGE))
    assert named == {path.name for path in EXAMPLES.glob("*.py")}
    for name in named:
        assert "--seconds" in example(name, "--help")
