"""The data path under a system-call filter that has nothing but what docs/backends.md says of it.

The child opens its queues, gives up every capability and its user, and has the kernel kill it at
the first call that is neither the backend's nor the interpreter's. Without any one of the
backend's it dies: so the list is no longer than it must be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from private_network import PrivateNetwork

ROOT = Path(__file__).resolve().parents[2]
# Numbers of x86-64 and of aarch64.
CALLS = {
    "sendto": (44, 206), "ioctl": (16, 29), "getsockopt": (55, 209), "pread64": (17, 67),
    "recvmmsg": (299, 243), "sendmmsg": (307, 269),
    # Python's own: memory, a sleep between two looks, a line of output, the end.
    "write": (1, 64), "mmap": (9, 222), "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216),
    "madvise": (28, 233), "futex": (202, 98), "exit_group": (231, 94), "rt_sigreturn": (15, 139),
    "clock_nanosleep": (230, 115), "clock_gettime": (228, 113),
}  # fmt: skip
PYTHONS = list(CALLS)[6:]
# Two queues, each other's peer, and what moving frames between them takes.
BACKENDS = {
    "afxdp-skb": (("afxdp:left,mode=skb,steer=all", "afxdp:right,mode=skb,steer=all"),
                  ("sendto", "ioctl", "getsockopt", "pread64")),
    "afxdp-copy": (("afxdp:left,mode=copy,steer=all", "afxdp:right,mode=copy,steer=all"),
                   ("sendto", "ioctl", "getsockopt", "pread64")),
    "afpacket": (("afpacket:left", "afpacket:right"), ("sendto", "ioctl", "getsockopt")),
    "udp": (("udp:lo,address=127.0.0.1,port=5", "udp:lo,address=127.0.0.1,port=6"),
            ("recvmmsg", "sendmmsg", "ioctl", "getsockopt")),
}  # fmt: skip
SEALED = """
import ctypes, os, struct, sys, time
from dpdk_bindings import open_queue
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
left, right = open_queue(sys.argv[1]), open_queue(sys.argv[2])
ip = IP(src="127.0.0.1", dst="127.0.0.1") / UDP(sport=5, dport=6, chksum=0) / bytes(range(60))
frames = [bytes(Ether(src=bytes(6), dst=bytes(6)) / ip)] * 20
libc = ctypes.CDLL(None, use_errno=True)
for capability in range(64):
    libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
assert libc.prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE: for the parent to look on
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
allowed = list(map(int, sys.argv[3:]))
steps = [struct.pack("<HBBI", 0x20, 0, 0, 0)]  # load the call's number
steps += [struct.pack("<HBBI", 0x15, len(allowed) - i, 0, nr) for i, nr in enumerate(allowed)]
steps += [struct.pack("<HBBI", 0x06, 0, 0, end) for end in (0x80000000, 0x7FFF0000)]  # kill; allow
code = ctypes.create_string_buffer(b"".join(steps))
program = struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(code))
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, filter
os.write(1, b"sealed\\n")
moved, end = 0, time.monotonic() + 0.5
while time.monotonic() < end:
    assert left.send(frames) == len(frames)
    got = right.receive(len(frames), 1.0)
    while len(got) < len(frames) and (more := right.receive(len(frames), 0.2)):
        got += more
    assert [frame[42:] for frame in got] == [frame[42:] for frame in frames]
    moved += len(got)
    time.sleep(0.02)
os.write(1, b"%d\\n" % moved)
os._exit(0)
"""


def sealed(network: PrivateNetwork, names: tuple[str, str], calls: list[str]
           ) -> subprocess.Popen[str]:  # fmt: skip
    arm = os.uname().machine == "aarch64"
    numbers = [str(CALLS[call][arm]) for call in calls]
    return network.call(subprocess.Popen, [sys.executable, "-c", SEALED, *names, *numbers],
                        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_move_with_no_capability_and_no_other_call(
    network: PrivateNetwork, backend: str
) -> None:
    network.set("lo", state="up")
    names, needed = BACKENDS[backend]
    with sealed(network, names, [*needed, *PYTHONS]) as child:
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline() == "sealed\n", child.stderr.read()
        lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
        status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        moved, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert int(moved) > 0
    capabilities = [status[f"Cap{part}"] for part in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
    assert capabilities == [["0" * 16]] * 5
    assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"]
    assert status["Uid"] == ["65534"] * 4
    for forbidden in needed:
        calls = [call for call in (*needed, *PYTHONS) if call != forbidden]
        with sealed(network, names, calls) as child:
            child.communicate(timeout=60)
        assert child.returncode == -signal.SIGSYS, f"{backend} does without {forbidden}"
