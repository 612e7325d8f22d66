"""The UDP socket that an AF_XDP queue is polled through takes nothing from others.

It lives as long as the queue, and may be handed to a process that is to reach no network.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time

import numpy as np
import pytest
from afpacket_ends import wait_for
from afxdp_ends import GROUP, STATION, STEER
from afxdp_feed import BUSY, HEARD, feed, listens, received_within, to_station
from private_network import PrivateNetwork

from appliance.opener import renumbered
from dpdk_bindings import PioError
from dpdk_bindings.afxdp import OpenedQueue, open_for_another
from dpdk_bindings.env import STATISTICS_DTYPE, read_statistics
from dpdk_bindings.queue import open_queue

ORDERS = f"afxdp:right,mode=copy,steer={STATION}:26400,busy_poll_us=20"


def bound(address: str, port: int, *, shares: bool = False) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shares)
    made.bind((address, port))
    made.settimeout(2)
    return made


def opened_polled(network: PrivateNetwork) -> OpenedQueue:
    with network.open_queue("afpacket:left") as sender, feed(sender):
        opened = network.call(open_for_another, BUSY)
    assert ",poll_fd=" in opened.name
    return opened


def mac_of(network: PrivateNetwork) -> str:
    with network.open_queue("afpacket:right") as queue:
        return queue.mac


@listens
def test_a_port_that_others_share_stays_theirs(network: PrivateNetwork) -> None:
    """Of two sockets on a station's port the last bound would have every datagram."""
    network.address("right", STATION)
    frame = to_station(26400, mac_of(network))
    with (
        network.call(bound, STATION, 26400, shares=True) as theirs,
        network.open_queue("afpacket:left") as sender,
        feed(sender, frame),
    ):
        began = time.monotonic()
        opening = network.submit(open_queue, f"{ORDERS},busy_poll_wait_ms=2000")
        assert theirs.recv(64) == b"answer"
        with opening.result() as queue:
            assert time.monotonic() - began < 1.5, "there is nothing to wait for"
            assert queue.stats()["busy_polled"] == 0


@listens
def test_a_line_leaves_the_port_at_the_hosts_own_address(network: PrivateNetwork) -> None:
    network.address("right", STATION)
    with network.open_queue("afpacket:left") as sender:
        with feed(sender):
            queue = network.open_queue(BUSY)
        frame = to_station(26477, queue.mac)
        with queue, network.call(bound, STATION, 26477) as theirs:
            assert queue.stats()["busy_polled"] == 1
            sender.send([frame])
            assert theirs.recv(64) == b"answer"


@listens
def test_orders_wait_for_nobody_unless_told_to(network: PrivateNetwork) -> None:
    """A venue says nothing before it is asked: the wait would be in vain at every start."""
    network.address("right", STATION)
    began = time.monotonic()
    with network.open_queue(ORDERS) as queue:
        assert time.monotonic() - began < 1
        assert queue.stats()["busy_polled"] == 0
    frame = to_station(26400, mac_of(network))
    with (
        network.open_queue("afpacket:left") as sender,
        feed(sender, frame),
        network.open_queue(f"{ORDERS},busy_poll_wait_ms=2000") as queue,
    ):
        assert queue.stats()["busy_polled"] == 1


@listens
def test_join_0_is_no_membership_by_another_way(network: PrivateNetwork) -> None:
    with (
        network.open_queue("afpacket:left") as sender,
        feed(sender),
        network.open_queue(f"{BUSY},join=0,promiscuous=1,busy_poll_wait_ms=200") as queue,
    ):
        assert queue.stats()["busy_polled"] == 0, "the kernel heard a group that nobody joined"


@listens
def test_who_is_handed_it_reaches_no_network_by_it(network: PrivateNetwork) -> None:
    with opened_polled(network) as opened:
        network.address("right", STATION)
        with socket.socket(fileno=os.dup(opened.fds[-1])) as polled:
            assert polled.getpeername() == ("192.0.2.1", 9), "nobody: datagrams are others'"
            with pytest.raises(BrokenPipeError):
                polled.send(b"x")
            polled.connect(("10.0.0.1", 9))
            with pytest.raises(BrokenPipeError):
                polled.send(b"x")
            with pytest.raises(PermissionError):
                polled.setsockopt(socket.SOL_SOCKET, 27, 0)  # SO_DETACH_FILTER


@listens
def test_another_socket_is_not_read_from(network: PrivateNetwork) -> None:
    """Polling reads from its socket; somebody's datagrams would go."""
    with opened_polled(network) as opened, bound("127.0.0.1", 0) as theirs:
        fds = [os.dup(fd) for fd in opened.fds[:-1]]
        with pytest.raises(PioError, match="poll_fd= name no descriptors") as refused:
            network.open_queue(renumbered(opened.name, [*fds, theirs.fileno()]))
        assert refused.value.errno == errno.EBADF
        for fd in (*fds, theirs.fileno()):
            os.fstat(fd)  # not ours to close
        polled = os.dup(opened.fds[-1])
        network.open_queue(renumbered(opened.name, [*fds, polled])).close()
        for fd in (*fds, polled):
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)


@listens
def test_an_interface_taken_down_has_other_polls(network: PrivateNetwork) -> None:
    """A lost carrier leaves them; `ip link set down` does not, and the queue says so."""
    with network.open_queue("afpacket:left") as sender:
        with feed(sender):
            queue = network.open_queue(BUSY)
        with queue:
            for name, polled in (("left", 1), ("right", 0)):
                network.set(name, state="down")
                wait_for(lambda: received_within(queue, 0.03) == 0 and queue.link == "down")
                network.set(name, state="up")
                wait_for(lambda: received_within(queue, 0.03) == 0 and queue.link == "up")
                assert queue.stats()["busy_polled"] == polled
            sender.send([HEARD])
            wait_for(lambda: received_within(queue, 0.01) == 1)


@listens
@pytest.mark.parametrize("wrapped", ["", "fault:", "share:", "share:fault(loss=0):"])
def test_whether_it_polls_is_told_to_others_however_it_is_wrapped(
    network: PrivateNetwork, wrapped: str
) -> None:
    """In a table that the appliance has its exporter read: a downgrade must not be silent."""
    table = np.zeros(1, STATISTICS_DTYPE)
    with network.open_queue("afpacket:left") as sender:
        with feed(sender):
            queue = network.open_queue(wrapped + BUSY)
        with queue:
            assert queue.publish_statistics(table.ctypes.data)
            assert read_statistics(table[0])["busy_polled"] == 1
            network.set("right", state="down")
            wait_for(lambda: received_within(queue, 0.03) == 0 and queue.link == "down")
            told = read_statistics(table[0])
            assert told["busy_polled"] == told["rx_unstamped"] == 0
    with network.open_queue("afpacket:left") as other:
        assert not other.publish_statistics(table.ctypes.data)


@listens
def test_others_open_and_close_meanwhile(network: PrivateNetwork) -> None:
    queue = network.open_queue("afxdp:left,mode=copy,steer=all")
    opening = network.submit(open_queue, f"{BUSY},busy_poll_wait_ms=2000")
    time.sleep(0.3)
    began = time.monotonic()
    queue.close()
    assert time.monotonic() - began < 1 and not opening.done()
    opening.result().close()


@listens
def test_a_signal_ends_the_wait(network: PrivateNetwork) -> None:
    """Ctrl-C is not to wait for a silent feed."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        thread = network.call(threading.get_ident)
        began = time.monotonic()
        opening = network.submit(open_queue, f"{BUSY},busy_poll_wait_ms=5000")
        time.sleep(0.3)
        signal.pthread_kill(thread, signal.SIGUSR1)
        opening.result().close()
        assert time.monotonic() - began < 3
    finally:
        signal.signal(signal.SIGUSR1, before)


@listens
def test_zerocopy_has_no_use_for_it(network: PrivateNetwork) -> None:
    """A queue opened for another is not bound yet; in that mode its own socket will be told."""
    began = time.monotonic()
    busy = f"afxdp:right,mode=zerocopy,{STEER},busy_poll_us=20"
    with network.call(open_for_another, busy) as opened:
        assert time.monotonic() - began < 1 and "poll_fd" not in opened.name


def test_what_the_group_is_heard_by_goes_with_the_queue(network: PrivateNetwork) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with network.open_queue("afpacket:left") as sender, feed(sender):
        for _ in range(3):
            network.open_queue(BUSY).close()
    assert len(os.listdir("/proc/self/fd")) == before
    with network.call(bound, GROUP, 26477):
        pass
