"""net_virtio_user and net_vhost: a virtual machine's device, between two processes without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from contract_driver import datagrams

pytest.importorskip("dpdk_bindings._dpdk", reason="built without DPDK")
FRAMES = datagrams(seed=21, count=400, bytes_max=1500)

# The host's end: what it receives, it sends back, until nothing has come for a while.
ECHO = """
import sys, time
from dpdk_bindings import open_queue
with open_queue(f"dpdk:net_vhost0,iface={sys.argv[1]},queues=1") as queue:
    print("ready", flush=True)
    heard = time.monotonic()
    while time.monotonic() < heard + 3.0:
        frames = queue.receive(32, timeout_s=0.01)
        if frames:
            heard = time.monotonic()
            assert queue.send(frames) == len(frames)
"""
# The guest's: DPDK offers one environment a process, so this is a process, too.
SEND = """
import sys, time
from dpdk_bindings import open_queue
frames = [bytes.fromhex(line.strip()) for line in sys.stdin]
with open_queue(f"dpdk:net_virtio_user0,path={sys.argv[1]},queues=1") as queue:
    back = []
    for at in range(0, len(frames), 16):
        assert queue.send(frames[at : at + 16]) == len(frames[at : at + 16])
        deadline = time.monotonic() + 2.0
        while len(back) < at + len(frames[at : at + 16]) and time.monotonic() < deadline:
            back += queue.receive(32, timeout_s=0.01)
    print(len(back), back == frames, queue.link)
from dpdk_bindings.dpdk import eal
print(eal.mbufs_missing())
"""


def test_a_guest_and_its_host_exchange_frames(tmp_path: Path) -> None:
    socket = str(tmp_path / "vhost.sock")
    with subprocess.Popen([sys.executable, "-c", ECHO, socket], stdout=subprocess.PIPE) as host:
        try:
            assert host.stdout is not None and host.stdout.readline() == b"ready\n"
            guest = subprocess.run(
                [sys.executable, "-c", SEND, socket], text=True, capture_output=True, timeout=60,
                input="\n".join(frame.hex() for frame in FRAMES))
            assert guest.returncode == 0, guest.stderr
            assert guest.stdout.split() == [str(len(FRAMES)), "True", "up", "0"]
            assert host.wait(timeout=30) == 0
        finally:
            host.kill()
