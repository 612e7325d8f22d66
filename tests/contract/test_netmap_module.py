"""netmap itself, where its module is loaded; what needs no interface runs over the stand-in, too.

TICKPATH_NETMAP_INCLUDE names a folder with netmap's own <net/netmap.h>, to hold netmap_abi.h
against; /usr/include and /usr/local/include are looked into anyway.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from afpacket_ends import numbered, receive_all, wait_for
from contract_driver import BURST_MAX, Hot, datagrams
from netmap_standin import CSRC, DEVICE, HERE, missing, not_loaded, pipe_name, standing_in
from private_network import PrivateNetwork

from dpdk_bindings import PioError, Queue, backends, open_queue

INCLUDE = "TICKPATH_NETMAP_INCLUDE"
FOLDERS = [os.environ.get(INCLUDE, "/nowhere"), "/usr/include", "/usr/local/include"]
REFERENCES = Path("/sys/module/netmap/refcnt")
module = pytest.mark.skipif(bool(not_loaded()), reason=not_loaded())

# A process that holds an interface until it is killed.
HOLD = """
import sys, time
from dpdk_bindings import open_queue
with open_queue("netmap:left") as queue:
    print("held", flush=True)
    time.sleep(30)
"""
# By another process: whoever deletes waits, and must not be who holds it.
DELETE = """
from pyroute2 import IPRoute
with IPRoute() as route:
    route.link("del", index=route.link_lookup(ifname="left")[0])
"""


def test_our_header_says_what_netmaps_does() -> None:
    found = [folder for folder in FOLDERS if (Path(folder) / "net/netmap.h").exists()]
    if reason := missing():
        pytest.skip(reason)
    if not found:
        pytest.skip(f"there is no <net/netmap.h> here, and {INCLUDE} names no folder with it")
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{CSRC}",
               f"-I{found[0]}", str(HERE / "netmap_abi_check.c")]
    subprocess.run(command, check=True)


@pytest.mark.skipif(DEVICE.exists(), reason="netmap is loaded here")
def test_without_netmap_the_remedy_is_told() -> None:
    with pytest.raises(PioError, match=r"^netmap is not loaded; modprobe netmap$"):
        open_queue("netmap:vale0:a")
    (row,) = [row for row in backends() if row.name == "netmap"]
    assert row.built and not row.usable and row.remedy == "modprobe netmap"


@pytest.fixture(params=["module", "standin"])
def either(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "module":
        if reason := not_loaded():
            pytest.skip(reason)
        yield
        return
    if reason := missing():
        pytest.skip(reason)
    with standing_in():
        yield


def pump(sender: Queue, receiver: Queue, frames: list[bytes]) -> list[bytes]:
    hot, arrived, at = Hot(sender), [], 0
    for _ in range(10 * len(frames)):
        at += hot.send(frames[at : at + BURST_MAX]) if at < len(frames) else 0
        hot.service()
        Hot(receiver).service()
        arrived += Hot(receiver).take()
        if len(arrived) == len(frames):
            break
    return arrived


def test_a_switch_carries_what_is_for_all(either: None) -> None:
    """A VALE switch learns: a frame to nobody's address may go nowhere; these are for a group."""
    frames = [b"\x01" + frame[1:] for frame in datagrams(seed=5, count=10_000, bytes_max=2048)]
    with open_queue("netmap:vale7:a") as a, open_queue("netmap:vale7:b") as b:
        assert (a.mode, a.mac, a.link) == ("vale", "", "up")
        assert pump(a, b, frames) == frames
        assert pump(b, a, frames[:500]) == frames[:500]
        stats = b.stats()
        assert stats["rx_frames"] == a.stats()["tx_frames"] == len(frames)
        assert not any(stats[name] for name in ("rx_oversize", "rx_malformed", "sync_errors"))


def test_a_pipe_sends_back_what_it_was_sent(either: None) -> None:
    pipe = pipe_name()
    with open_queue(f"netmap:{pipe}{{1") as near, open_queue(f"netmap:{pipe}}}1") as far:
        assert near.mode == far.mode == "zerocopy"
        hot = Hot(far)
        for round_ in range(200):
            sent = [numbered(64 * round_ + index) for index in range(48)]
            assert near.send(sent) == len(sent)
            hot.service()
            frames = hot.rx(BURST_MAX)
            lent = hot.lend(3)
            assert hot.burst(frames[:40]) == 40
            hot.give_back(lent)
            hot.release(frames[40:])
            hot.service()
            assert receive_all(near, quiet_s=0) == sent[:40]


def test_opening_and_closing_leaks_nothing(either: None) -> None:
    before = len(os.listdir("/proc/self/fd"))
    references = REFERENCES.read_text() if REFERENCES.exists() else ""
    # The kernel makes and unmakes an interface for each pipe, and takes its time.
    for _ in range(10 if references else 200):
        pipe = pipe_name()
        with open_queue(f"netmap:{pipe}{{1") as near, open_queue(f"netmap:{pipe}}}1") as far:
            near.send([numbered(1)] * 5)
            Hot(far).service()
            Hot(far).rx(3)
    assert len(os.listdir("/proc/self/fd")) - before in (0, 1)
    if references and DEVICE.exists():
        wait_for(lambda: REFERENCES.read_text() == references)


# ---- the module alone ----


@module
@pytest.mark.parametrize("suffix", ["", "-0"])
def test_the_emulated_adapter_is_an_interface(network: PrivateNetwork, suffix: str) -> None:
    with (network.open_queue(f"netmap:left{suffix}") as left,
          network.open_queue("afpacket:right") as right):
        wait_for(lambda: left.link == right.link == "up")
        assert left.mode == "emulated" and left.mac and left.frame_bytes_max == 1518
        for sender, receiver in ((left, right), (right, left)):
            for part in range(20):
                sent = [numbered(50 * part + index, 60 + index) for index in range(50)]
                assert sender.send(sent) == len(sent)
                got: list[bytes] = []
                wait_for(lambda got=got, receiver=receiver: len(
                    got.extend(receiver.receive(64)) or got) >= 50)
                assert got == sent


@module
def test_the_hosts_rings_are_the_stack(network: PrivateNetwork) -> None:
    """A frame to the host's ring is received by the kernel; one the kernel sends comes there."""
    with (network.open_queue("netmap:left") as card,
          network.open_queue("netmap:left^") as stack,
          network.open_queue("afpacket:left") as kernel):
        wait_for(lambda: card.link == stack.link == "up")
        assert stack.mode == "stack"
        assert stack.send([numbered(1), numbered(2)]) == 2
        wait_for(lambda: kernel.receive(4) == [numbered(1), numbered(2)])
        assert kernel.send([numbered(3)]) == 1
        wait_for(lambda: numbered(3) in stack.receive(4))


@module
def test_an_interface_goes_down_and_away(network: PrivateNetwork) -> None:
    with (network.open_queue("netmap:left") as left,
          network.open_queue("afpacket:right") as right):
        wait_for(lambda: left.link == right.link == "up")
        network.set("right", state="down")
        wait_for(lambda: left.link == "down")
        assert left.send([numbered(1)] * 4) == 4 and left.stats()["tx_error"] == 4
        network.set("right", state="up")
        wait_for(lambda: left.link == right.link == "up")
        assert receive_all(right) == []
        left.send([numbered(2)])
        assert receive_all(right) == [numbered(2)]
        with network.call(subprocess.Popen, [sys.executable, "-c", DELETE]) as deleting:
            try:
                wait_for(lambda: left.link == "gone", timeout_s=30)
                assert left.send([numbered(3)]) == 0 and left.receive(4) == []
            finally:  # netmap holds the interface for as long as it is ours
                left.close()
                assert deleting.wait(timeout=30) == 0


@module
def test_a_killed_process_gives_the_interface_back(network: PrivateNetwork) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with network.call(subprocess.Popen, [sys.executable, "-c", HOLD], env=environment,
                      stdout=subprocess.PIPE) as held:
        try:
            assert held.stdout is not None and held.stdout.readline() == b"held\n"
            with pytest.raises(PioError, match="netmap port 'left' is in use"):
                network.open_queue("netmap:left")
        finally:
            held.send_signal(signal.SIGKILL)
    time.sleep(0.2)
    with (network.open_queue("afpacket:left") as left,
          network.open_queue("afpacket:right") as right):
        wait_for(lambda: left.link == right.link == "up")
        left.send([numbered(1)])
        assert receive_all(right) == [numbered(1)]
    network.open_queue("netmap:left").close()


@module
def test_more_than_a_buffer_is_refused(network: PrivateNetwork) -> None:
    network.set("left", mtu=9000)
    with pytest.raises(PioError, match="the MTU of 'left' makes frames of 9014 bytes, and netmap"):
        network.open_queue("netmap:left")


# ---- which adapter ----

# In a mount namespace of its own, netmap's module has this driver among its holders.
NATIVE = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
Path(f"/sys/module/netmap/holders/{sys.argv[1]}").mkdir(parents=True)
from netmap_standin import standing_in
from private_network import PrivateNetwork
from dpdk_bindings import backends
with standing_in(), PrivateNetwork() as network:
    network.veth("left", "right")
    print(next(row.mode for row in backends() if row.name == "netmap"))
    for admode in (0, 2):
        Path("/sys/module/netmap/parameters").mkdir(exist_ok=True)
        Path("/sys/module/netmap/parameters/admode").write_text(f"{admode}\\n")
        with network.open_queue("netmap:left") as queue:
            print(queue.mode)
"""


@pytest.mark.parametrize(("holder", "modes"), [("veth", "zerocopy zerocopy emulated"),
                                               ("ixgbe", "zerocopy emulated emulated")])
def test_a_driver_with_netmap_in_it_is_native(holder: str, modes: str) -> None:
    if reason := missing():
        pytest.skip(reason)
    script = 'mount -t tmpfs none /sys/module && exec "$@"'
    inside = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"]).returncode:
        pytest.skip("a private mount namespace needs root, unshare (Debian: util-linux), and a / "
                    "that is a mount point, as a chroot's is not")
    command = [*inside, sys.executable, "-c", NATIVE, holder, *sys.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == modes.split()
