"""Busy polling of AF_XDP queues: service runs the driver's poll, and nothing else does.

veth polls by itself when a frame is sent to it, unless that is put off: here it is, for ten
seconds.
So what a queue has within less, it has because it asked.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest
from afpacket_ends import wait_for
from afxdp_ends import STEER
from afxdp_feed import BUSY, HEARD, feed, listens, received_within
from private_network import PrivateNetwork

from appliance.opener import renumbered
from dpdk_bindings.afxdp import open_for_another

PUT_OFF = {"napi_defer_hard_irqs": 1000, "gro_flush_timeout": 10_000_000_000}


def put_off(network: PrivateNetwork, interface: str) -> None:
    """The interface's files show the network namespace that sysfs was mounted in."""
    writes = (
        f"echo {value} > /sys/class/net/{interface}/{name}" for name, value in PUT_OFF.items()
    )
    script = " && ".join(("mount -t sysfs none /sys", *writes))
    inside = ["unshare", "--mount", "sh", "-c"]
    if network.call(subprocess.run, [*inside, "mount -t sysfs none /sys"]).returncode:
        pytest.skip("a private mount namespace needs root and a / that is a mount (no chroot)")
    network.call(subprocess.run, [*inside, script], check=True)


@listens
def test_the_queue_polls_the_driver_itself(network: PrivateNetwork) -> None:
    with network.open_queue("afpacket:left") as sender:
        with feed(sender):
            queue = network.open_queue(BUSY)
        with queue:
            assert queue.stats()["busy_polled"] == 1
            put_off(network, "right")
            received_within(queue, 0.05)  # what was under way
            assert sender.send([HEARD] * 20) == 20
            assert received_within(queue, 0.5) == 20
            assert queue.stats()["rx_missed"] == 0


@listens
def test_a_queue_opened_for_another_does_too(network: PrivateNetwork) -> None:
    with network.open_queue("afpacket:left") as sender:
        with feed(sender):
            opened = network.call(open_for_another, BUSY)
        with opened:
            assert f",poll_fd={opened.fds[-1]}" in opened.name
            name = renumbered(opened.name, [os.dup(fd) for fd in opened.fds])
        with network.open_queue(name) as queue:
            assert queue.stats()["busy_polled"] == 1
            put_off(network, "right")
            received_within(queue, 0.05)
            assert sender.send([HEARD] * 20) == 20
            assert received_within(queue, 0.5) == 20


@listens
def test_nobody_else_would_have(network: PrivateNetwork) -> None:
    """The same without busy polling: what the test above shows is the queue's doing."""
    with (
        network.open_queue("afpacket:left") as sender,
        network.open_queue(f"afxdp:right,mode=copy,{STEER}") as queue,
    ):
        assert queue.stats()["busy_polled"] == 0
        sender.send([HEARD])
        wait_for(lambda: received_within(queue, 0.01) == 1)
        put_off(network, "right")
        sender.send([HEARD])
        received_within(queue, 0.2)  # one poll more, which puts off the next
        sender.send([HEARD] * 20)
        assert received_within(queue, 0.5) == 0


@listens
def test_a_silent_wire_is_told(network: PrivateNetwork) -> None:
    """Nothing came that could tell: the queue works, and says that the kernel polls it."""
    began = time.monotonic()
    with (
        network.open_queue(f"{BUSY},busy_poll_wait_ms=200") as queue,
        network.open_queue("afpacket:left") as sender,
    ):
        assert 0.2 <= time.monotonic() - began < 1.4
        assert queue.stats()["busy_polled"] == 0
        sender.send([HEARD])
        wait_for(lambda: received_within(queue, 0.01) == 1)
        assert queue.stats()["busy_polled"] == 0


def test_without_a_port_nothing_is_waited_for(network: PrivateNetwork) -> None:
    began = time.monotonic()
    with network.open_queue("afxdp:right,mode=copy,steer=all,busy_poll_us=20") as queue:
        assert time.monotonic() - began < 1
        assert queue.stats()["busy_polled"] == 0


@listens
def test_others_keep_their_port(network: PrivateNetwork) -> None:
    """Somebody has the port to himself: the queue opens, unpolled, and he goes on hearing."""
    def bound() -> socket.socket:
        theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        theirs.bind(("0.0.0.0", 26477))
        return theirs

    network.address("right", "10.0.0.2")
    with (
        network.call(bound),
        network.open_queue("afpacket:left") as sender,
        feed(sender),
        network.open_queue(BUSY) as queue,
    ):
        assert queue.stats()["busy_polled"] == 0
