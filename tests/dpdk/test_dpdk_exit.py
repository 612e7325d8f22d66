"""How processes end that use DPDK in threads, in forks, or after a refusal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRIES = 4
# One call of seconds that reads a frame, with the GIL released.
VIEW = """
import threading, time
import numpy as np
from dpdk_bindings import dpdk
port = dpdk.Port("net_null0")
frame = port.receive().array(0)
rows = np.broadcast_to(frame, (1 << 26, len(frame)))
threading.Thread(target=rows.max, daemon=True).start()
time.sleep(0.05)
"""
PORT = """
import threading
from dpdk_bindings import dpdk
port = dpdk.Port("net_null0", rx_slots=64)
def poll():
    while True: port.receive(count=1024)
for _ in range(2): threading.Thread(target=poll, daemon=True).start()
"""
QUEUE = """
import threading, time
from dpdk_bindings import open_queue
queue = open_queue("dpdk:net_null0")
def poll():
    while True: queue.receive()
threading.Thread(target=poll, daemon=True).start()
time.sleep(0.05)
"""
CHILD = """
import os, sys
from dpdk_bindings import PioError, dpdk, open_queue
with dpdk.Port("net_null0"):
    child = os.fork()
    if not child:
        for use in (lambda: dpdk.Port("net_null1"), dpdk.Mempool):
            try: use()
            except RuntimeError as error: print(error, flush=True)
        try: open_queue("dpdk:net_memif0,role=server,socket=forked")
        except PioError as error: print(error, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
REFUSED = """
from dpdk_bindings import PioError, dpdk
try: dpdk.start(huge_pages="on", memory_mib=1 << 20)
except PioError as error: print(error.remedy)
dpdk.start()
print(dpdk.running())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("code", [VIEW, PORT, QUEUE], ids=["view", "port", "queue"])
def test_daemon_threads_may_go_on(code: str) -> None:
    for _ in range(TRIES):
        done = run(code)
        assert done.returncode == 0, done.stderr[-500:]


def test_a_forked_child_opens_nothing() -> None:
    done = run(CHILD)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all("forked" in line for line in lines), done


def test_a_refused_start_leaves_no_options() -> None:
    remedy, running = run(REFUSED).stdout.splitlines()
    assert "nr_hugepages" in remedy and running == "True"
