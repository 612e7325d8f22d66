"""What befalls an interface under an open queue: each is a named state or a named counter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from afpacket_ends import numbered, receive_all, wait_for
from afxdp_ends import channels_set, link_detach, program_on, udp, veth_queues
from private_network import PrivateNetwork
from pyroute2 import IPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from dpdk_bindings import Queue

ROOT = Path(__file__).resolve().parents[2]
QUEUES = {"afxdp-skb": "afxdp:left,mode=skb,steer=all",
          "afxdp-copy": "afxdp:left,mode=copy,steer=all",
          "afpacket-v2": "afpacket:left", "afpacket-v3": "afpacket:left,version=3",
          "udp": "udp:left,address=10.1.0.1,port=5"}  # fmt: skip


@pytest.fixture(params=QUEUES)
def name(request: pytest.FixtureRequest, network: PrivateNetwork) -> str:
    network.address("left", "10.1.0.1")
    return QUEUES[request.param]


def datagram(queue: Queue, payload_bytes: int = 8) -> bytes:
    """One that a socket takes, too: from a neighbour, and with its checksums right."""
    to = IP(src="10.1.0.2", dst="10.1.0.1") / UDP(sport=9, dport=5) / bytes(payload_bytes)
    return bytes(Ether(src="02:00:00:00:00:02", dst=queue.mac) / to)


def test_a_new_name_changes_nothing(network: PrivateNetwork, name: str) -> None:
    def rename() -> None:
        with IPRoute() as route:
            route.link("set", index=route.link_lookup(ifname="left")[0], ifname="other")

    with network.open_queue(name) as queue:
        try:
            network.call(rename)
        except Exception as error:  # pyroute2 has several of its own
            pytest.skip(f"this kernel renames no interface that is up: {error}")
        threading.Event().wait(0.02)
        assert queue.link == "up"
        with network.open_queue("afpacket:right") as sender:
            assert sender.send([datagram(queue)] * 3) == 3
        assert len(receive_all(queue)) == 3


def test_an_interface_that_moves_away_is_gone(network: PrivateNetwork, name: str) -> None:
    with PrivateNetwork() as far, network.open_queue(name) as queue:
        path = far.call(lambda: f"/proc/self/task/{threading.get_native_id()}/ns/net")
        fd = os.open(path, os.O_RDONLY)
        network.set("left", net_ns_fd=fd)
        os.close(fd)
        wait_for(lambda: queue.link == "gone")
        far.set("left", state="up")
        assert queue.receive(1, 0.02) == []
        queue.close()
        assert program_on(far, "left") == 0


def test_an_mtu_raised_meanwhile_loses_longer_frames_by_count(
    network: PrivateNetwork, name: str
) -> None:
    with network.open_queue(name) as queue:
        network.set("left", mtu=3000)
        network.set("right", mtu=3000)
        threading.Event().wait(0.02)
        with network.open_queue("afpacket:right") as sender:
            long, short = datagram(queue, 2000), datagram(queue)
            assert sender.send([long, short, long, short]) == 4
        assert [len(frame) for frame in receive_all(queue)] == [len(short)] * 2
        threading.Event().wait(0.02)
        assert queue.link == "up"
        stats = queue.stats()
        assert stats["rx_oversize"] + stats["rx_missed"] == 2


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_a_program_taken_off_by_force_is_a_named_state(network: PrivateNetwork, mode: str) -> None:
    with (
        network.open_queue(f"afxdp:left,mode={mode},steer=all") as queue,
        network.open_queue("afpacket:right") as sender,
    ):
        sender.send([numbered(1)])
        assert queue.receive(1, 1.0) == [numbered(1)]
        assert link_detach(os.getpid(), network.index("left")) == 1
        assert program_on(network, "left") == 0
        wait_for(lambda: queue.link == "gone")
        sender.send([numbered(2)])
        assert queue.receive(1, 0.02) == []
    with network.open_queue(f"afxdp:left,mode={mode},steer=all") as queue:
        assert queue.link == "up"


@pytest.mark.parametrize("mode", ["skb", "copy"])
def test_what_a_queue_count_raised_meanwhile_takes_away_is_the_kernels(
    network: PrivateNetwork, mode: str
) -> None:
    """And it is counted, where the program sees it: veth's own mode gives new queues none."""
    veth_queues(network, "west", "east", 4)
    for end in ("west", "east"):
        channels_set(network, end, 1)
    feed = [udp("10.1.0.1", port) for port in range(1, 65)]
    with (
        network.open_queue(f"afxdp:west,mode={mode},steer=10.1.0.1") as queue,
        network.open_queue("afpacket:west") as kernel,
        network.open_queue("afpacket:east,qdisc_bypass=0") as sender,
    ):
        sender.send(feed)
        assert len(receive_all(queue)) == len(feed)
        assert receive_all(kernel) == []
        for end in ("west", "east"):
            channels_set(network, end, 4)
        wait_for(lambda: queue.link == "up")
        sender.send(feed)
        heard, elsewhere = len(receive_all(queue)), len(receive_all(kernel))
        threading.Event().wait(0.02)
        assert queue.link == "up"
        assert heard + elsewhere == len(feed) and heard < len(feed)
        assert mode == "copy" or queue.stats()["rx_elsewhere"] == elsewhere
        for end in ("east", "west"):
            channels_set(network, end, 1)
        sender.send(feed)
        assert len(receive_all(queue)) == len(feed)


APPLIANCE = """
[engine]
name = "{name}"
[feed]
line_a = "afxdp:left"
[orders]
queue = "memory:{name}-orders"
[tables]
orders = 4096
levels = 4096
"""


def test_a_running_appliance_halts_and_a_second_one_is_told(
    network: PrivateNetwork, tmp_path: Path
) -> None:
    """The second leaves the first's program alone; without its program the first trades no more."""
    command = [sys.executable, "-m", "appliance.cli"]
    name = f"events-{os.getpid()}"

    def run(which: str) -> subprocess.Popen[str]:
        file = tmp_path / f"{which}.toml"
        file.write_text(APPLIANCE.format(name=which))
        return network.call(subprocess.Popen, [*command, "run", "--no-summary", "-c", str(file)],
                            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def status() -> dict[str, Any]:
        done = subprocess.run([*command, "status", "--json", "-n", name], cwd=ROOT,
                              capture_output=True, text=True, timeout=60)
        figures: dict[str, Any] = json.loads(done.stdout) if not done.returncode else {}
        return figures

    with run(name) as first:
        try:
            wait_for(lambda: status().get("links", {}).get("feed_a") == "up", 30.0)
            theirs = program_on(network, "left")
            with run(f"{name}-second") as second:
                said = second.communicate(timeout=60)[1]
            assert second.returncode == 2 and said.count("\n") == 1, said
            assert "of another tickpath process" in said and "open all queues of 'left'" in said
            assert program_on(network, "left") == theirs != 0 and status()["kill"] == "armed"
            engine = next(pid for pid in (first.pid, *children(first.pid))
                          if link_detach(pid, network.index("left")))  # fmt: skip
            assert Path(f"/proc/{engine}").exists()
            wait_for(lambda: status().get("kill") == "feed_gone", 30.0)
            assert status()["links"]["feed_a"] == "gone"
        finally:
            first.send_signal(signal.SIGTERM)
            first.wait(60)


def children(pid: int) -> list[int]:
    found = [int(word) for task in Path(f"/proc/{pid}/task").iterdir()
             for word in (task / "children").read_text().split()]  # fmt: skip
    return found + [grandchild for child in found for grandchild in children(child)]
