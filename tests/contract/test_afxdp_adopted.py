"""AF_XDP queues opened for another, whose memberships hang on a socket that goes along."""

from __future__ import annotations

import os

import pytest
from afpacket_ends import EXPERIMENTAL, wait_for
from private_network import PrivateNetwork

from dpdk_bindings.afxdp import open_for_another


@pytest.mark.parametrize(
    "name",
    [
        "host(address=10.5.0.2/24):afxdp:left,steer=all",
        "afxdp:left,steer=all,promiscuous=1",
        "afxdp:left,steer=all,mode=skb",
    ],
)
def test_frames_pass_both_ways_whatever_the_queue_holds_on_to(
    network: PrivateNetwork, name: str
) -> None:
    frame = b"\xff" * 6 + b"\x02" + bytes(5) + EXPERIMENTAL + b"x" * 46
    with network.call(open_for_another, name) as opened:
        # As another process would have them: numbers of its own, which stay when ours are closed.
        numbers = "+".join(str(os.dup(fd)) for fd in opened.fds)
        whole = opened.name.replace("+".join(map(str, opened.fds)), numbers)
        left = network.open_queue(whole)
    with left, network.open_queue("afpacket:right") as right:
        wait_for(lambda: left.link == right.link == "up")
        assert left.send([frame]) == 1
        wait_for(lambda: frame in right.receive(8, 0.05))
        assert right.send([frame]) == 1
        wait_for(lambda: frame in left.receive(8, 0.05))
