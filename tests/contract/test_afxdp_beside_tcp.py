"""AF_XDP beside the kernel's own traffic: a feed without a pause, and ssh-like TCP over one wire.

One process floods, another polls the queue, both without the GIL, for as long as this one talks TCP
over the same veth pair: questions with answers, and a copy of many bytes. Meanwhile both ends
forget their neighbour again and again, and a querier asks which groups are heard.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from afxdp_ends import GROUP, STEER, udp
from private_network import PrivateNetwork
from pyroute2 import IPRoute

ROOT = Path(__file__).resolve().parents[2]
SECONDS = float(os.environ.get("TICKPATH_TCP_SECONDS", "2"))
FAR, NEAR, ALL_HOSTS, IGMPV3_ROUTERS = "10.0.0.1", "10.0.0.2", "224.0.0.1", "224.0.0.22"
# A wire shared with a flood, on a machine shared with other work, is not quick, but never dead: a
# lost segment comes again after 200 ms, then after 400.
ANSWER_S_P50_MAX, ANSWER_S_MAX = 0.1, 3.0
PIECE = os.urandom(1 << 16)

# Opens a queue, says so, and runs one of the kernels over it.
POLLER = """
import json, sys
from bench import kernels
from dpdk_bindings import open_queue
from dpdk_bindings.env import Clock
role, name, seconds, frame = sys.argv[1:]
seconds, frame = float(seconds), bytes.fromhex(frame)
with open_queue(name) as queue:
    clock = Clock()
    print(queue.mode, flush=True)
    if role == "flood":
        kernels.flood(queue.address, clock.address, frame, seconds)
    else:
        kernels.sink(queue.address, clock.address, seconds)
    queue.link  # the last look at the drops
    print(json.dumps(queue.stats()), flush=True)
"""


@contextlib.contextmanager
def polling(network: PrivateNetwork, role: str, name: str, seconds: float
            ) -> Iterator[subprocess.Popen[str]]:  # fmt: skip
    words = [role, name, str(seconds), udp(GROUP, 26477).hex()]
    process = network.call(subprocess.Popen, [sys.executable, "-c", POLLER, *words], cwd=ROOT,
                           stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def stats_of(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    stats: dict[str, int] = json.loads(process.stdout.readline())
    return stats


@pytest.fixture
def wire(network: PrivateNetwork) -> Iterator[PrivateNetwork]:
    """The namespace at the far end of "near"; the test's own has NEAR."""
    with PrivateNetwork() as far:
        network.veth("near", "far-end")
        fd = os.open(far.call(lambda: f"/proc/self/task/{threading.get_native_id()}/ns/net"),
                     os.O_RDONLY)
        network.set("far-end", net_ns_fd=fd)
        os.close(fd)
        far.set("far-end", state="up")
        network.address("near", NEAR)
        far.address("far-end", FAR)
        yield far


def exactly(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (more := connection.recv(count - len(got))):
        got += more
    return got


def pair(near: PrivateNetwork, far: PrivateNetwork, stack: contextlib.ExitStack, port: int
         ) -> tuple[socket.socket, socket.socket]:  # fmt: skip
    """A connection: the near end, which a server accepted, and the far end."""
    with near.call(socket.create_server, (NEAR, port)) as server:
        server.settimeout(ANSWER_S_MAX)
        client = stack.enter_context(far.call(socket.create_connection, (NEAR, port), ANSWER_S_MAX))
        accepted = stack.enter_context(server.accept()[0])
    for end in (client, accepted):
        end.settimeout(2 * ANSWER_S_MAX)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return accepted, client


def answer(connection: socket.socket) -> None:
    while asked := connection.recv(4096):
        connection.sendall(asked)


def converse(connection: socket.socket, until: Callable[[], bool]) -> list[float]:
    """Keystrokes and their echo; how long each took, sorted."""
    took = []
    while not until():
        asked = os.urandom(1 + len(took) % 200)
        began = time.monotonic()
        connection.sendall(asked)
        assert exactly(connection, len(asked)) == asked
        took.append(time.monotonic() - began)
        time.sleep(0.001)
    connection.shutdown(socket.SHUT_WR)
    return sorted(took)


def copy(connection: socket.socket, until: Callable[[], bool]) -> tuple[str, int]:
    digest, sent = hashlib.sha256(), 0
    while not until():
        connection.sendall(PIECE)
        digest.update(PIECE)
        sent += len(PIECE)
    connection.shutdown(socket.SHUT_WR)
    return digest.hexdigest(), sent


def receive_copy(connection: socket.socket) -> tuple[str, int]:
    digest, got = hashlib.sha256(), 0
    while more := connection.recv(1 << 16):
        digest.update(more)
        got += len(more)
    return digest.hexdigest(), got


def forget_neighbours(interfaces: dict[PrivateNetwork, str], until: Callable[[], bool]) -> int:
    """As entries that expire all the time; how many both ends had found again in between."""

    def forget(name: str) -> int:
        with IPRoute() as route:
            index = route.link_lookup(ifname=name)[0]
            known = {n.get_attr("NDA_DST") for n in route.get_neighbours(ifindex=index)
                     if n.get_attr("NDA_LLADDR")} & {NEAR, FAR}  # fmt: skip
            for address in known:
                route.neigh("del", dst=address, ifindex=index)
            return len(known)

    found = 0
    while not until():
        time.sleep(0.1)
        found += sum(network.call(forget, name) for network, name in interfaces.items())
    return found


def ask_for_groups(far: PrivateNetwork, until: Callable[[], bool]) -> int:
    """As a router's IGMPv3 querier; how many reports came that name the feed's group."""

    def raw() -> socket.socket:
        router = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
        own = socket.inet_aton(FAR)
        router.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                          socket.inet_aton(IGMPV3_ROUTERS) + own)
        router.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        return router

    query = struct.pack(">BBH4xBBH", 0x11, 1, 0, 2, 1, 0)  # answer within 100 ms
    check = 0xFFFF - sum(struct.unpack(">6H", query))
    query, reports = query[:2] + struct.pack(">H", check) + query[4:], 0
    with far.call(raw) as router:
        router.settimeout(0.2)
        while not until():
            router.sendto(query, (ALL_HOSTS, 0))
            with contextlib.suppress(TimeoutError):
                while packet := router.recv(2048):
                    reports += packet[24] == 0x22 and socket.inet_aton(GROUP) in packet[32:]
    return reports


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_other_traffic_flows_beside_a_feed_without_a_pause(
    network: PrivateNetwork, wire: PrivateNetwork, mode: str
) -> None:
    far, spare_s = wire, 1.0  # the feed begins before all else, and ends after it
    queue = f"afxdp:near,mode={mode},{STEER}"
    with (
        polling(network, "sink", queue, SECONDS + 4 * spare_s) as sink,
        polling(far, "flood", "afpacket:far-end", SECONDS + 2 * spare_s) as flood,
        contextlib.ExitStack() as stack,
        ThreadPoolExecutor(8) as threads,
    ):
        (shell, typist), (disk, source) = (pair(network, far, stack, port) for port in (22, 873))
        end = time.monotonic() + SECONDS
        until = lambda: time.monotonic() >= end  # noqa: E731
        threads.submit(answer, shell)
        typed = threads.submit(converse, typist, until)
        sent, got = threads.submit(copy, source, until), threads.submit(receive_copy, disk)
        found = threads.submit(forget_neighbours, {network: "near", far: "far-end"}, until)
        reports = threads.submit(ask_for_groups, far, until)
        took, bulk = typed.result(), sent.result()
        assert flood.poll() is None, "the feed paused before TCP was done"
        assert bulk == got.result() and bulk[1] > 0
        tx, rx = stats_of(flood), stats_of(sink)
    at = {q: took[int(q * (len(took) - 1))] for q in (0.5, 0.99, 1.0)}
    print(f"{mode}: {rx['rx_frames'] / (SECONDS + 2 * spare_s) / 1e6:.2f} M frames/s of the feed, "
          f"{rx['rx_missed']} missed, {len(took)} answers, p50 {at[0.5] * 1e3:.2f} ms, p99 "
          f"{at[0.99] * 1e3:.2f} ms, max {at[1.0] * 1e3:.1f} ms, {bulk[1] / SECONDS / 1e6:.0f} "
          f"MB/s, {found.result()} neighbours found again, {reports.result()} IGMP reports")
    assert at[0.5] < ANSWER_S_P50_MAX and at[1.0] < ANSWER_S_MAX
    assert found.result() > 0 and reports.result() > 0
    # It was a flood, and nothing of it was lost unseen by the queue or the wire's own drop counter.
    assert rx["rx_frames"] > 10_000 * SECONDS
    assert rx["rx_frames"] + rx["rx_missed"] <= tx["tx_frames"]


def test_a_queue_that_takes_everything_ends_tcp(
    network: PrivateNetwork, wire: PrivateNetwork
) -> None:
    """What the test above would see if the program swallowed what is not the feed's."""
    with (
        polling(network, "sink", "afxdp:near,steer=all", 10),
        network.call(socket.create_server, (NEAR, 22)),
        pytest.raises(TimeoutError),
    ):
        wire.call(socket.create_connection, (NEAR, 22), 0.5).close()
