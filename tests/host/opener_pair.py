"""Run in a network namespace of its own: an opener with rights, an engine's end without any.

Prints what the unprivileged end got: its queue's mode, the frames it received, its capabilities,
its packet sockets; then whether the program is still on the interface after it ended.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from appliance.config import from_text
from appliance.opener import fetch, serve
from dpdk_bindings import open_queue

CLONE_NEWNET = 0x4000_0000  # linux/sched.h
NOBODY = 65534
# AF_XDP: one queue of the interface each, over one memory; or one for both. afpacket: both hear
# everything.
TEXTS = {
    "afxdp": """
[feed]
line_a = "afxdp:tpo0,queue=0,queues=2,rx_slots=256,tx_slots=256,rss_check=0"
[orders]
queue = "afxdp:tpo0,queue=1,queues=2,rx_slots=256,tx_slots=256,rss_check=0"
""",
    "share": """
[feed]
line_a = "afxdp:tpo0,rx_slots=256,tx_slots=256,rss_check=0"
[orders]
queue = "fault:afxdp:tpo0"
address = "10.1.1.1"
""",
    "afpacket": """
[feed]
line_a = "afpacket:tpo0"
[orders]
queue = "fault(loss=0):afpacket:tpo0"
""",
}
# To group 233.54.12.111, port 26477: the configuration's default line A.
FRAME = bytes.fromhex(
    "01005e360c6f020000000001" "0800" "4500002200000000051100000a010102" "e9360c6f"
    "03e8676d000e0000" "0102030405060000") + bytes(18)


def engine_end(path: Path, there: int, go: int, wanted: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    os.setgroups([])
    os.setresuid(NOBODY, NOBODY, NOBODY)
    names = fetch(path)
    with open_queue(names["feed_a"]) as queue, open_queue(names["orders"]) as other:
        os.write(there, b"1")
        os.read(go, 1)
        received, deadline = 0, time.monotonic() + 10
        while received < wanted and time.monotonic() < deadline:
            received += len([frame for one in (queue, other) for frame in one.receive()
                             if frame.startswith(FRAME[:12])])
        status = Path("/proc/self/status").read_text()
        rights = next(line.split()[1] for line in status.split("\n") if line.startswith("CapEff"))
        print(f"{queue.mode.split('+')[-1]} {received} {int(rights, 16)} {packet_sockets()}",
              flush=True)


def packet_sockets() -> int:
    """How many descriptors are sockets that send where they like: packet sockets, which can be
    bound to any interface, and UDP's, unless they are shut."""
    count = 0
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            with socket.socket(fileno=os.dup(number)) as one:
                sends = one.family == socket.AF_PACKET
                if one.family == socket.AF_INET:
                    sends = one.sendto(b"x", ("10.1.1.2", 9)) == 1
        except OSError:
            continue
        count += sends
    return count


def main(folder: Path, backend: str) -> None:
    run = subprocess.run
    for words in ("link add tpo0 numrxqueues 2 numtxqueues 2 type veth peer name tpo1",
                  "addr add 10.1.1.1/24 dev tpo0", "link set tpo0 up", "link set tpo1 up"):
        run(["ip", *words.split()], check=True)
    path = folder / "opener"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen(1)
        (ready, there), (go, begin) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            engine_end(path, there, go, 20 if backend == "afpacket" else 10)
            os._exit(0)
        os.close(there)
        serve(listening, from_text(TEXTS[backend], "test"))
        if os.read(ready, 1):
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
                sender.bind(("tpo1", 0))
                for _ in range(10):
                    sender.send(FRAME)
            os.write(begin, b"1")
        status = os.waitpid(pid, 0)[1]
    print("xdp" in run(["ip", "link", "show", "tpo0"], capture_output=True, text=True).stdout)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
