"""What is left of DPDK's queues: nothing, after closes with frames lent and after kill -9.

100 open-close cycles and 20 kills here; 1,000 and 200 with TICKPATH_TEST_LONG=1 in the environment.
net_af_xdp is not among them: its driver in DPDK 22.11 leaves its socket open in the process, and an
interface opens once.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import huge_pages
import pytest
from afpacket_ends import wait_for
from contract_driver import Hot, datagram
from dpdk_builds import EAL
from dpdk_cases import device, memif_ends, missing, missing_or_no_network
from private_network import PrivateNetwork

from dpdk_bindings import Queue, open_queue

LONG = bool(os.environ.get("TICKPATH_TEST_LONG"))
CYCLES = 1000 if LONG else 100
KILLS = 200 if LONG else 20
# Python's own and the allocator's: less than two bytes an mbuf that was ever taken.
RSS_GROWTH_KIB_MAX = 2048
HUGE_PAGES = 40


def footprint() -> dict[str, int]:
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count() + int(status["Threads"]),
        "mappings": len(Path("/proc/self/maps").read_text().splitlines()),
        "interfaces": len(os.listdir("/sys/class/net")),
        # Without DPDK's own memory, of which it touches more and more up to memory_mib.
        "rss_kib": int(status["RssAnon"].split()[0]),
    }


def use(sender: Queue, receiver: Queue) -> None:
    """Leaves frames everywhere: in the ring, with the receiver, with the sender."""
    Hot(sender).send([datagram(b"%d" % i) for i in range(40)])
    Hot(sender).lend(7)
    Hot(sender).service()
    Hot(receiver).rx(5)
    Hot(receiver).lend(3)


def one(name: str) -> Callable[[PrivateNetwork], None]:
    def cycle(network: PrivateNetwork) -> None:
        queue = network.open_queue(name)
        use(queue, queue)
        queue.close()

    return cycle


def memif(options: str) -> Callable[[PrivateNetwork], None]:
    def cycle(network: PrivateNetwork) -> None:
        server, client = memif_ends(options)
        use(client, server)
        use(server, client)
        for queue in (server, client):
            queue.close()

    return cycle


def test_cycles_leave_nothing(tmp_path: Path) -> None:
    if reason := missing_or_no_network():
        pytest.skip(reason)
    from dpdk_bindings.dpdk import eal

    with PrivateNetwork() as network:
        network.veth("left", "right")
        kinds = [
            one("dpdk:net_null0"), one("dpdk(queues=4,queue=2):net_null1"), one("dpdk:net_ring0"),
            one(f"dpdk:net_pcap0,tx_pcap={tmp_path}/out.pcap"), memif(""),
            memif("(segment_bytes=256)"), one("dpdk(frame_bytes=1514):net_tap0,iface=cycles"),
            one("dpdk(frame_bytes=1514):net_af_packet0,iface=left"),
            one("dpdk(frame_bytes=9000,segment_bytes=512):net_ring1"),
        ]  # fmt: skip
        for _ in range(2):
            for kind in kinds:
                kind(network)
        before = footprint()
        for count, kind in zip(range(CYCLES), itertools.cycle(kinds), strict=False):
            kind(network)
            assert eal.mbufs_missing() == 0, count
        after = footprint()
    growth_kib = after.pop("rss_kib") - before.pop("rss_kib")
    print(f"{CYCLES} cycles: {growth_kib} KiB more")
    assert growth_kib < RSS_GROWTH_KIB_MAX
    # Allocators return or join a mapping now and then.
    assert after.pop("mappings") - before.pop("mappings") < 20
    assert after == before


def test_frames_lent_across_ports_come_back_or_are_counted() -> None:
    """Frames of one queue's pool, lent by another queue, when the first is closed."""
    if reason := missing():
        pytest.skip(reason)
    from dpdk_bindings.dpdk import eal

    server, client = memif_ends()
    Hot(client).send([datagram(b"x") for _ in range(20)])
    wait_for(lambda: len(Hot(server).rx(20)) > 0)
    client.close()
    assert eal.mbufs_missing() == 0  # memif copies: nothing of the client's is with the server
    server.close()
    assert eal.mbufs_missing() == 0


# ---- kill -9 ----


def leftovers() -> dict[str, set[str]]:
    folders = ("/dev/shm", "/dev/hugepages", "/var/run/dpdk", "/sys/class/net")
    return {path: set(os.listdir(path)) for path in folders if os.path.isdir(path)}


def killed(poller: Path, network: PrivateNetwork, name: str, arguments: list[str]) -> None:
    process = network.call(
        subprocess.Popen, [str(poller), name, "200", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == "open\n", name
    time.sleep(0.02)
    process.kill()
    process.communicate()


@pytest.mark.timeout(600)
def test_the_killed_leave_nothing(poller: Path, tmp_path: Path) -> None:
    if reason := missing_or_no_network():
        pytest.skip(reason)
    socket = f"socket={tmp_path}/memif.sock,socket-abstract=no"
    names = [
        "net_null0", "net_ring0", f"net_memif0,role=server,{socket}",
        f"net_memif0,role=client,{socket}", "net_tap0,iface=killed",
        "net_af_packet0,iface=left",
    ]  # fmt: skip
    huge = [word for word in EAL if word not in ("--no-huge", "-m", "64", "--no-shconf")]
    huge += ["--in-memory", "--socket-mem=64"]
    with (
        PrivateNetwork() as network,
        huge_pages.huge_pages(HUGE_PAGES) as why_not,
    ):
        network.veth("left", "right")
        free, before = huge_pages.free(), leftovers()
        for kill, name in zip(range(KILLS), itertools.cycle(names), strict=False):
            in_huge_pages = not why_not and kill // len(names) % 2
            killed(poller, network, f"dpdk:{name}", huge if in_huge_pages else list(EAL))
            if in_huge_pages:
                wait_for(lambda: huge_pages.free() >= free, timeout_s=10)
            (tmp_path / "memif.sock").unlink(missing_ok=True)  # as open_queue does
        interfaces = set(network.call(os.listdir, "/proc/sys/net/ipv4/neigh"))
        assert interfaces - {"default"} == {"lo", "left", "right"}
        after = leftovers()
    # One folder for all of one file prefix: the next to start uses it and removes it.
    runtime = Path("/var/run/dpdk/tickpath-poller")
    assert not runtime.exists() or list(runtime.iterdir()) == []
    for path, names_before in before.items():
        new = {name for name in after[path] - names_before if "tickpath-poller" in name}
        assert new <= {"tickpath-poller"}, path
    process = subprocess.run([str(poller), "dpdk:net_null0", "200", *EAL], input="",
                             capture_output=True, text=True, timeout=30)  # fmt: skip
    assert process.returncode == 0
    assert not runtime.exists()


def test_a_killed_server_is_replaced(poller: Path, tmp_path: Path) -> None:
    if reason := missing_or_no_network():
        pytest.skip(reason)
    path = tmp_path / "memif.sock"
    name = f"dpdk:{device('net_memif')},role=server,socket={path},socket-abstract=no"
    with PrivateNetwork() as network:
        killed(poller, network, name, list(EAL))
    assert path.is_socket()
    with nullcontext(open_queue(name)) as queue:
        queue.close()
