"""Two processes over memif: what one sends the other sees, and keeps when the first is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SERVER = """
import sys, time
from dpdk_bindings import dpdk
dpdk.start(huge_pages="off")
with dpdk.Port("net_memif0,role=server,id=0,socket=" + sys.argv[1]) as port:
    number = 0
    while True:
        number += port.transmit([number.to_bytes(4, "big") * 15])
        time.sleep(0.001)
"""


def server(socket: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SERVER, socket], cwd=ROOT)


def test_views_outlive_the_peer_that_sent_them() -> None:
    from dpdk_bindings import dpdk

    socket = f"/tickpath-peer-{os.getpid()}"  # an abstract one: no file is left of it
    kept: list[tuple[memoryview, bytes]] = []
    deadline, peer = time.monotonic() + 20, server(socket)
    try:
        with dpdk.Port(f"net_memif7,role=client,id=0,socket={socket}") as port:
            for _ in range(2):  # the second time from a peer that came after the first was killed
                want = len(kept) + 20
                while len(kept) < want and time.monotonic() < deadline:
                    kept += [(view, bytes(view)) for view in port.receive()]
                assert len(kept) >= want
                peer.send_signal(signal.SIGKILL)
                peer.wait()
                while port.link.up and time.monotonic() < deadline:
                    port.receive().release()
                assert not port.link.up
                peer = server(socket)
            assert port.rx_pool().in_use >= len(kept)
        assert all(bytes(view) == was == was[:4] * 15 for view, was in kept)
        before = dpdk.mbufs_missing()
        assert before >= len(kept)
        kept.clear()
        assert dpdk.mbufs_missing() < before
    finally:
        peer.kill()
        peer.wait()
