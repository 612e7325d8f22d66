"""AF_XDP queues and their interface: wrong input, others' programs, privileges, memory."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from afpacket_ends import wait_for
from afxdp_ends import program_load, program_on, veth_queues
from private_network import PrivateNetwork
from pyroute2 import IPRoute

from dpdk_bindings.afxdp import open_for_another
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import backends

ROOT = Path(__file__).resolve().parents[2]
RING_SMALL = "steer=all,rx_slots=64,tx_slots=64"


@pytest.fixture(params=["skb", "copy"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_wrong_input_is_refused_with_a_remedy(network: PrivateNetwork) -> None:
    network.veth("down-a", "down-b")
    network.set("down-a", state="down")
    network.veth("long-a", "long-b", mtu=9000)
    network.set("lo", state="up")
    cases = [
        ("nope,steer=all", errno.ENODEV, "no network interface 'nope'", "left"),
        ("a-name-that-is-too-long,steer=all", errno.ENAMETOOLONG, "longer than 15", "shorter"),
        ("down-a,steer=all", errno.ENETDOWN, "is down", "ip link set down-a up"),
        ("left", errno.EINVAL, "names nothing to take", "steer=all"),
        ("left,steer=10.0.0.1:0", errno.EINVAL, "'10.0.0.1:0' in steer=", "ADDRESS:PORT"),
        ("left,steer=all+all", errno.EINVAL, "'all' in steer=", "steer=233.54"),
        ("left,steer=all,speed=1", errno.EINVAL, "unknown queue option 'speed=1'", "rx_slots"),
        ("left,steer=all,mode=best", errno.EINVAL, "mode=best", "auto, zerocopy, copy, skb"),
        ("left,steer=all,rx_slots=100", errno.EINVAL, "not a power of two", "power of two"),
        ("left,steer=all,frame_bytes=4000", errno.EINVAL, "out of range", "to 3840"),
        ("left,steer=all,queue=1", errno.EINVAL, "has no queue 1, but 1", "ethtool -L left"),
        ("left,steer=all,mode=zerocopy", errno.EOPNOTSUPP, "no zero-copy", "leave mode=zerocopy"),
        ("long-a,steer=all", errno.EMSGSIZE, "MTU of 'long-a' is 9000", "mtu 3822"),
        ("long-a,steer=all,frame_bytes=3840,mode=copy", errno.ERANGE, "takes no XDP", "mode=skb"),
        ("left,steer=all,fds=1+2", errno.EINVAL, "fds=1+2", "opener"),
        ("left,steer=all,fds=1+2+3+4+5+0,frame_bytes=1518,poll_fd=x", errno.EINVAL, "poll_fd", ""),
        ("left,steer=all,poll_fd=3", errno.EINVAL, "with fds=", "leave it out"),
        ("left,steer=all,busy_poll_wait_ms=5001", errno.EINVAL, "busy_poll_wait_ms", "5000"),
        ("left,steer=all,mode=skb,frame_bytes=1518,fds=0+0+0+0+0+0", errno.EBADF, "no descriptors",
         "same numbers"),
    ]  # fmt: skip
    for name, number, why, remedy in cases:
        with pytest.raises(PioError) as caught:
            network.open_queue(f"afxdp:{name}")
        assert caught.value.errno == number, str(caught.value)
        assert why in caught.value.why and remedy in caught.value.remedy, str(caught.value)
        assert program_on(network, "left") == 0, name


def test_a_driver_without_xdp_is_named_and_skb_mode_takes_its_place(
    network: PrivateNetwork,
) -> None:
    network.set("lo", state="up", mtu=1500)
    with network.open_queue("afxdp:lo,steer=10.0.0.1:9") as queue:
        assert queue.mode == "skb"
    with pytest.raises(PioError, match="the driver of 'lo' takes no XDP program"):
        network.open_queue("afxdp:lo,steer=10.0.0.1:9,mode=copy")


def test_somebody_elses_program_is_named_and_left_alone(network: PrivateNetwork, mode: str) -> None:
    fd = program_load(b"their_filter")

    def put(program: int) -> None:
        with IPRoute() as route:
            index = route.link_lookup(ifname="left")[0]
            route.link("set", index=index, xdp_fd=program)

    network.call(put, fd)
    theirs = program_on(network, "left")
    with pytest.raises(PioError, match=f"'their_filter' .id {theirs}. is on interface 'left'") as e:
        network.open_queue(f"afxdp:left,steer=all,mode={mode}")
    assert e.value.errno == errno.EBUSY
    assert program_on(network, "left") == theirs
    network.call(put, -1)
    os.close(fd)
    with network.open_queue(f"afxdp:left,steer=all,mode={mode}") as queue:
        assert queue.mode == mode


def test_queues_of_one_process_are_told_apart(network: PrivateNetwork) -> None:
    veth_queues(network, "west", "east", 2)
    with network.open_queue("afxdp:west,steer=all,mode=copy"):
        with pytest.raises(PioError, match=r"has queue 0 of 'west' open already.*share"):
            network.open_queue("afxdp:west,steer=all")
        with pytest.raises(PioError, match="open in native mode, and an interface has one"):
            network.open_queue("afxdp:west,queue=1,steer=all,mode=skb")
        with PrivateNetwork() as other:
            # Interfaces of other namespaces may have the same numbers.
            other.veth("west", "east")
            for name in ("west", "east"):
                with other.open_queue(f"afxdp:{name},steer=all") as queue:
                    assert queue.link == "up"


# Drops to a user without any capability before it opens what was opened for it.
UNPRIVILEGED = """
import ctypes, os, sys, time
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import backends, open_queue
if sys.argv[1] == "open":
    queues = [open_queue(name) for name in sys.argv[2:]]
libc = ctypes.CDLL(None)
for capability in range(64):
    libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
if sys.argv[1] == "adopt":
    queues = [open_queue(name) for name in sys.argv[2:]]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(*(int(status[f"Cap{part}"], 16) for part in ("Inh", "Prm", "Eff", "Bnd", "Amb")))
left, right = queues
for _ in range(20):
    frames = [os.urandom(60) for _ in range(50)]
    assert left.send(frames) == 50
    received = []
    while more := right.receive(50, 0.2):
        received += more
    assert received == frames
time.sleep(0.02)
assert (left.link, right.link) == ("up", "up")
print(left.mode, right.mode, left.stats()["tx_frames"], right.stats()["rx_frames"])
try:
    open_queue("afxdp:left,steer=all")
except PioError as error:
    print(error.errno, error)
(row,) = [row for row in backends() if row.name == "afxdp"]
print(row.usable, row.remedy)
"""


@pytest.mark.parametrize("how", ["open", "adopt"])
def test_no_capability_is_needed_once_there_is_a_queue(
    network: PrivateNetwork, mode: str, how: str
) -> None:
    names = [f"afxdp:{end},steer=all,mode={mode}" for end in ("left", "right")]
    opened = [network.call(open_for_another, name) for name in names] if how == "adopt" else []
    child = network.call(
        subprocess.Popen,
        [sys.executable, "-c", UNPRIVILEGED, how, *([one.name for one in opened] or names)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[fd for one in opened for fd in one.fds],
    )
    for one in opened:
        one.close()
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    capabilities, moved, refusal, probe = out.splitlines()
    assert capabilities == "0 0 0 0 0"
    assert moved == f"{mode} {mode} 1000 1000"
    assert refusal.startswith(f"{errno.EPERM} no permission to open an AF_XDP queue; run as root")
    assert probe.startswith("False") and "CAP_BPF" in probe
    wait_for(lambda: program_on(network, "left") == program_on(network, "right") == 0)


MEMLOCK = """
import ctypes, resource, sys
from dpdk_bindings.queue import open_queue
CAP_IPC_LOCK, PR_CAPBSET_DROP = 14, 24
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
libc = ctypes.CDLL(None)
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capget(header, data) == 0
data[0] &= ~(1 << CAP_IPC_LOCK)
assert libc.capset(header, data) == 0
open_queue(sys.argv[1])
"""


def test_too_little_lockable_memory_is_told(network: PrivateNetwork) -> None:
    child = network.call(
        subprocess.run,
        [sys.executable, "-c", MEMLOCK, "afxdp:left,steer=all"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    last = child.stderr.strip().splitlines()[-1]
    assert "10 MiB of frames are more than this process may lock, 64 KiB (RLIMIT_MEMLOCK)" in last
    assert "LimitMEMLOCK=infinity" in last


def test_the_probe_says_what_can_be_had(network: PrivateNetwork) -> None:
    (row,) = [row for row in network.call(backends) if row.name == "afxdp"]
    assert (row.usable, row.mode, row.why) == (True, "zerocopy, copy or skb", "")
    with network.open_queue("afxdp:left,steer=all") as queue:
        assert queue.mode == "copy"
        assert queue.frame_bytes_max == 1518
        assert queue.mac


def test_huge_pages_are_used_where_there_are_any(network: PrivateNetwork) -> None:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["HugePages_Free"])
    if free < 5:
        with pytest.raises(PioError, match="no 10 MiB of huge pages are free") as caught:
            network.open_queue("afxdp:left,steer=all,huge_pages=on")
        assert "vm.nr_hugepages" in caught.value.remedy
    for word, pages in (("off", 0), ("auto", 5 if free >= 5 else 0)):
        with network.open_queue(f"afxdp:left,steer=all,huge_pages={word}") as queue:
            assert queue.stats()["huge_pages"] == pages


SPREAD = """
import sys
from dpdk_bindings.errors import PioError
from dpdk_bindings.queue import open_queue
try:
    with open_queue(sys.argv[1]) as queue:
        print(queue.mode)
except PioError as error:
    print(error)
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc to build the shim with")
def test_a_queue_that_would_hear_a_share_of_the_traffic_is_refused(
    network: PrivateNetwork, tmp_path: Path
) -> None:
    """The card's answers are made up (ethtool_shim.c): no virtual device here spreads anything."""
    shim = tmp_path / "shim.so"
    source = Path(__file__).parent / "ethtool_shim.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", str(source), "-o",
                    str(shim)], check=True)  # fmt: skip
    refusal = "interface 'left' spreads datagrams over 4 queues, and only 1 would be heard"
    for spread, rules, options, said in (
        ("01230123", "0", "", refusal),
        ("01230123", "0", ",rss_check=0", "copy"),
        ("01230123", "2", "", "copy"),
        ("01230123", "0", ",queues=4", "copy"),
        ("00000000", "0", "", "copy"),
    ):
        child = network.call(
            subprocess.run,
            [sys.executable, "-c", SPREAD, f"afxdp:left,steer=all{options}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "LD_PRELOAD": str(shim), "SHIM_SPREAD": spread, "SHIM_RULES": rules},
        )
        assert child.stdout.startswith(said), (spread, rules, options, child)
        assert said == "copy" or "ethtool -L left combined 1" in child.stdout
