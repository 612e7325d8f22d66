"""Queues opened and closed many times, and killed: nothing is left in the process or the kernel.

What is not ours alone (programs, maps and links of the whole machine) is looked up by the ids that
our descriptors had, so that others may make and lose theirs meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from afpacket_ends import RING_SMALL, wait_for
from afxdp_ends import GROUP, SYS_BPF, program_on
from private_network import PrivateNetwork
from pyroute2 import IPRoute

from dpdk_bindings import PioError

ROOT = Path(__file__).resolve().parents[2]
CYCLES = int(os.environ.get("TICKPATH_CYCLES", "25"))  # afxdp's wait for the kernel, some 50 ms
KILLS = int(os.environ.get("TICKPATH_KILLS", "3"))
# A page here and there is the allocator's; a ring or a socket a cycle would be far more.
RSS_GROWTH_KIB_MAX = 4096
SMALL = "rx_slots=64,tx_slots=64"
QUEUES = {
    **{f"afxdp-{mode}": f"afxdp:left,mode={mode},steer={GROUP}:26477,promiscuous=1,{SMALL}"
       for mode in ("skb", "copy")},
    **{f"afpacket-v{version}": f"afpacket:left,version={version},{ring}"
       for version, ring in RING_SMALL.items()},
    "udp": f"udp:left,address={GROUP},port=26477,{SMALL}",
}  # fmt: skip
# What to write, by kind, to have bpf(2) give a descriptor for an id.
BY_ID = {"prog_id": 13, "map_id": 14, "link_id": 30}


class Held(NamedTuple):
    """What a process and its interface have."""

    fds: int
    threads: int
    mappings: int
    pinned_kib: int
    locked_kib: int
    groups: int
    promiscuity: int


def held(network: PrivateNetwork) -> Held:
    def link() -> tuple[int, int]:
        with IPRoute() as route:
            promiscuity = route.get_links(ifname="left")[0].get_attr("IFLA_PROMISCUITY")
        net = Path("/proc/thread-self/net")
        groups = (net / "igmp").read_text() + (net / "dev_mcast").read_text()
        return groups.count("\n"), int(promiscuity)

    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    maps = Path("/proc/self/maps").read_text()
    return Held(len(os.listdir("/proc/self/fd")), int(status["Threads"][0]),
                maps.count("tickpath") + maps.count("socket:["), int(status["VmPin"][0]),
                int(status["VmLck"][0]), *network.call(link))  # fmt: skip


def rss_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") >> 10


def bpf_ids(pid: int) -> set[tuple[str, int]]:
    """The programs, maps and links that a process has descriptors of."""
    found = set()
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # our own look at the folder
            for line in entry.read_text().splitlines():
                key, _, value = line.partition(":\t")
                if key in BY_ID:
                    found.add((key, int(value)))
    return found


def living(ids: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those that the kernel still has."""
    libc, found = ctypes.CDLL(None, use_errno=True), set()
    for key, number in ids:
        attr = ctypes.create_string_buffer(struct.pack("<I", number), 128)
        fd = int(libc.syscall(SYS_BPF, BY_ID[key], attr, 128))
        if fd >= 0:
            os.close(fd)
            found.add((key, number))
    return found


@pytest.mark.parametrize("name", QUEUES.values(), ids=QUEUES)
def test_opening_and_closing_leaks_nothing(network: PrivateNetwork, name: str) -> None:
    network.address("left", "10.0.0.2")
    for _ in range(2):  # what is made once and kept
        network.open_queue(name).close()
    before, rss, began = held(network), rss_kib(), time.monotonic()
    others = bpf_ids(os.getpid())  # of tests that ran before in this process
    made: set[tuple[str, int]] = set()
    for _ in range(CYCLES):
        with network.open_queue(name) as queue:
            during = held(network)
            assert during.fds > before.fds and queue.receive() == []
            assert during.groups + during.promiscuity > before.groups + before.promiscuity
            made |= bpf_ids(os.getpid()) - others
        with pytest.raises(PioError):
            network.open_queue(f"{name},frame_bytes=1")
        with pytest.raises(PioError):  # one that gets further
            network.open_queue(name.replace("left", "lo"))
    print(f"{CYCLES} cycles in {time.monotonic() - began:.1f} s: {before} before and after, "
          f"{len(made)} BPF objects made, {rss_kib() - rss} KiB more")
    assert held(network) == before
    assert rss_kib() - rss < RSS_GROWTH_KIB_MAX
    assert len(made) >= (4 * CYCLES if name.startswith("afxdp") else 0)
    wait_for(lambda: not living(made))
    assert program_on(network, "left") == 0


HOLDER = """
import sys
from dpdk_bindings import open_queue
queue = open_queue(sys.argv[1])
print(queue.mode, flush=True)
while True:
    queue.receive(64, 1.0)
"""


def huge_pages_free() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("HugePages_Free"))


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_a_killed_process_leaves_nothing(network: PrivateNetwork, mode: str) -> None:
    network.address("left", "10.0.0.2")
    before, pages, name = held(network), huge_pages_free(), QUEUES[f"afxdp-{mode}"]
    for _ in range(KILLS):
        child = network.call(subprocess.Popen, [sys.executable, "-c", HOLDER, name], cwd=ROOT,
                             stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None and child.stdout.readline() == f"{mode}\n"
            made = bpf_ids(child.pid)
            assert living(made) == made and program_on(network, "left") != 0
            assert {kind for kind, _ in made} == set(BY_ID)
            with pytest.raises(PioError, match="of another tickpath process"):
                network.open_queue("afxdp:left,steer=all")
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
        wait_for(lambda: program_on(network, "left") == 0)
        wait_for(lambda: not living(made))  # noqa: B023
        wait_for(lambda: held(network) == before)
    with network.open_queue(name) as queue:
        assert queue.mode == mode
    # Others may take and give back huge pages, too, but not leave fewer for long.
    wait_for(lambda: huge_pages_free() >= pages)
