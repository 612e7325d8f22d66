"""The DPDK shim under the address and undefined-behaviour sanitizers, driven at random.

Leaks are not asked for: EAL itself keeps what it allocated until the process ends, and its threads
live. That no mbuf is lost is counted instead.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from dpdk_builds import build, unbuildable

SANITIZE = ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
ROUNDS = 4000


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := unbuildable():
        pytest.skip(reason)
    path = tmp_path_factory.mktemp("sanitized")
    probe = ["gcc", *SANITIZE, "-x", "c", "-", "-o", str(path / "probe")]
    if subprocess.run(probe, input=b"int main(void){return 0;}", capture_output=True).returncode:
        pytest.skip("gcc has no address sanitizer here (Debian: libgcc-12-dev has it)")
    return build(path / "driver", ["backends_driver.c", "dpdk_driver.c"], SANITIZE)


def run(driver: Path, *arguments: str) -> list[int]:
    """Runs it; the numbers it printed."""
    done = subprocess.run(
        [driver, *arguments], capture_output=True, text=True, timeout=120,
        env=os.environ | {"ASAN_OPTIONS": "detect_leaks=0"},
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stderr[-3000:]}"
    return [int(word) for word in done.stdout.split() if word.isdigit()]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "options",
    ["", "(segment_bytes=256)", "(frame_bytes=9000,segment_bytes=300,rx_slots=64,tx_slots=64)",
     "(steer=7.7.7.7:7)"],
    ids=["plain", "chained", "jumbo", "filtered"],
)  # fmt: skip
def test_memif(driver: Path, tmp_path: Path, options: str, seed: int) -> None:
    socket = f"socket={tmp_path}/memif.sock,socket-abstract=no"
    sent, received = run(
        driver, str(seed), str(ROUNDS),
        f"dpdk{options}:net_memif0,role=client,{socket}",
        f"dpdk{options}:net_memif1,role=server,{socket}",
    )  # fmt: skip
    assert sent > ROUNDS // 4 and received > ROUNDS // 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", ["", "(segment_bytes=256)", "(rx_slots=32,tx_slots=32)"])
@pytest.mark.parametrize("device", ["net_ring0", "net_null0", "net_null0,copy=1,size=256"])
def test_loops(driver: Path, device: str, options: str) -> None:
    sent, received = run(driver, "3", str(ROUNDS), f"dpdk{options}:{device}", "-")
    assert sent > ROUNDS // 4 and received > ROUNDS // 4


def test_under_faults(driver: Path) -> None:
    faults = "fault(loss=0.1,duplicate=0.2,reorder=0.3,corrupt=0.1,truncate=0.1,short_send=0.2)"
    sent, received = run(driver, "4", str(ROUNDS), f"{faults}:dpdk:net_ring0", "-")
    assert sent > ROUNDS // 4 and received > ROUNDS // 4
