"""A kernel that lacks what a backend is made of, as a system-call filter's answers have it."""

from __future__ import annotations

import os
import subprocess
import sys
from errno import EAFNOSUPPORT, EINVAL, ENOSYS
from pathlib import Path

import pytest
from afxdp_ends import SYS_BPF
from private_network import PrivateNetwork

ROOT = Path(__file__).resolve().parents[2]
SYS_SOCKET = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
AF_PACKET, AF_XDP = 17, 44
# Answers one call, with one first argument or any (-1), with an error; then opens what it is told.
OLD = """
import ctypes, struct, sys
from dpdk_bindings import PioError, backends, open_queue
from dpdk_bindings.ladder import climb
call, first, error = map(int, sys.argv[2:])
load = lambda at: struct.pack("<HBBI", 0x20, 0, 0, at)
unless = lambda value, skip: struct.pack("<HBBI", 0x15, 0, skip, value)
give = lambda value: struct.pack("<HBBI", 0x06, 0, 0, value)
steps = [load(0), unless(call, 1 if first < 0 else 3)]
steps += [] if first < 0 else [load(16), unless(first, 1)]
steps += [give(0x00050000 | error), give(0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(steps))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
program = struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(code))
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, filter
backend = sys.argv[1].partition(":")[0]
for ask in (lambda: open_queue(sys.argv[1]), lambda: climb("auto:left,steer=10.1.0.1:5").queue):
    try:
        with ask() as queue:
            print(queue.wrapped)
    except PioError as refusal:
        print(refusal)
print(*[f"{row.why}; {row.remedy}" for row in backends() if row.name == backend])
"""


@pytest.mark.parametrize(
    ("name", "call", "why", "remedy", "instead"),
    [
        ("afxdp:left,steer=all", (SYS_SOCKET, AF_XDP, EAFNOSUPPORT),
         "this kernel has no AF_XDP sockets", "Linux 5.11 or newer with CONFIG_XDP_SOCKETS",
         "afpacket"),
        ("afxdp:left,steer=all", (SYS_BPF, -1, ENOSYS), "this kernel is too old to make the maps",
         "use Linux 5.11 or newer", "afpacket"),
        ("afxdp:left,steer=all", (SYS_BPF, -1, EINVAL), "this kernel is too old to make the maps",
         "use Linux 5.11 or newer", "afpacket"),
        ("afpacket:left", (SYS_SOCKET, AF_PACKET, EAFNOSUPPORT),
         "this kernel has no packet sockets", "modprobe af_packet", "udp"),
        ("afxdp:left,steer=all", (SYS_SOCKET, AF_PACKET, EAFNOSUPPORT),
         "this kernel has no packet sockets", "modprobe af_packet", "udp"),
    ],
)  # fmt: skip
def test_what_the_kernel_lacks_is_named_and_the_ladder_goes_on(
    network: PrivateNetwork, name: str, call: tuple[int, int, int], why: str, remedy: str,
    instead: str,
) -> None:  # fmt: skip
    network.address("left", "10.1.0.1")
    done = network.call(subprocess.run, [sys.executable, "-c", OLD, name, *map(str, call)],
                        cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    opened, climbed, probed = done.stdout.splitlines()
    assert why in opened and remedy in opened
    assert climbed == instead
    assert why in probed and remedy in probed
