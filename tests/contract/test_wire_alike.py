"""What AF_PACKET and AF_XDP queues promise alike of a wire: frames, links that fail, interfaces.

Each test runs in both versions of the one and in both modes of the other that veth has.
"""

from __future__ import annotations

import os
import random
import time
from typing import NamedTuple

import pytest
from afpacket_ends import (
    ARRIVAL_S,
    IFF_NO_PI,
    IFF_TUN,
    RING_SMALL,
    Ends,
    numbered,
    random_frame,
    receive_all,
    tap_make,
    wait_for,
)
from contract_driver import Hot, fill
from private_network import PrivateNetwork

from dpdk_bindings import PioError


class Kind(NamedTuple):
    """A backend in one of its modes; ``small``: the smallest rings, of 64 frames to send."""

    backend: str
    options: str
    small: str = RING_SMALL[2]

    def ends(self, network: PrivateNetwork, more: str = "") -> Ends:
        return Ends(network, ",".join(filter(None, (self.options, more))), self.backend)


KINDS = {
    "afpacket-v2": Kind("afpacket", "version=2"),
    "afpacket-v3": Kind("afpacket", "version=3", RING_SMALL[3]),
    "afxdp-skb": Kind("afxdp", "mode=skb,steer=all"),
    "afxdp-copy": Kind("afxdp", "mode=copy,steer=all"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def test_frames_are_equal_bit_by_bit_in_both_directions(
    network: PrivateNetwork, kind: Kind
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with kind.ends(network) as ends:
        for sender, receiver in ((ends.left, ends.right), (ends.right, ends.left)):
            sent, received = [random_frame(rng) for _ in range(10_000)], []
            for at in range(0, len(sent), 50):
                assert sender.send(sent[at : at + 50]) == len(sent[at : at + 50])
                received += receiver.receive(50, ARRIVAL_S)
            received += receive_all(receiver)
            assert received == sent
            assert sender.stats()["tx_bytes"] == sum(map(len, sent))
            assert receiver.stats()["rx_bytes"] == sum(map(len, sent))
            assert receiver.stats()["rx_missed"] == sender.stats()["tx_error"] == 0


def test_no_room_is_counted_and_returned_frames_are_lent_again(
    network: PrivateNetwork, kind: Kind
) -> None:
    with kind.ends(network, kind.small) as ends:
        hot = Hot(ends.left)
        frames = hot.lend(64)
        assert len(frames) == 64
        assert hot.lend(8) == []
        assert ends.left.stats()["tx_full"] == 8
        for n in range(2):
            fill(frames[n], numbered(n))
        assert hot.burst(frames[:2]) == 2
        hot.give_back(frames[2:])
        frames = hot.lend(64)
        assert len(frames) == 64
        fill(frames[0], numbered(2))
        assert hot.burst(frames[1:]) == 0, "not in the order lent"
        assert hot.burst(frames[:1]) == 1
        assert receive_all(ends.right) == [numbered(n) for n in range(3)]


def test_a_frame_that_cannot_be_sent_does_not_hold_up_the_rest(
    network: PrivateNetwork, kind: Kind
) -> None:
    tagged = numbered(0, 1518)[:12] + b"\x81\x00" + numbered(0, 1518)[14:]
    with kind.ends(network, "frame_bytes=3840") as ends:
        hot = Hot(ends.left)
        sent = [numbered(0), numbered(0, 5000), numbered(0)[:13], numbered(0, 1515)]
        sent += [tagged, tagged + b"?", numbered(0, 3840), numbered(0, 1514)]
        assert hot.send(sent) == len(sent)
        assert receive_all(ends.right) == [sent[0], tagged, sent[-1]]
        stats = ends.left.stats()
        assert (stats["tx_oversize"], stats["tx_undersize"], stats["tx_error"]) == (1, 1, 3)
        assert (stats["tx_frames"], stats["tx_bytes"]) == (3, 60 + 1518 + 1514)


def test_a_link_that_goes_down_loses_frames_by_count_and_comes_back(
    network: PrivateNetwork, kind: Kind
) -> None:
    with kind.ends(network, "tx_slots=64") as ends:
        network.set("left", state="down")
        began = time.monotonic()
        assert ends.left.send(numbered(n) for n in range(10)) == 10
        assert time.monotonic() - began < 0.5
        assert ends.left.link == "down"
        assert ends.left.stats()["tx_error"] == 10
        assert ends.left.receive() == []
        network.set("left", state="up")
        wait_for(lambda: ends.left.link == ends.right.link == "up")
        # The stale frames never appear, and the ring is whole again.
        for n in range(100, 300):
            assert ends.left.send([numbered(n)]) == 1
        assert receive_all(ends.right)[-1] == numbered(299)
        stats = ends.left.stats()
        assert stats["tx_error"] + stats["tx_frames"] == 210
        assert ends.right.stats()["rx_frames"] == stats["tx_frames"] >= 199
        assert len(Hot(ends.left).lend(64)) == 64


def test_a_wire_without_carrier_sends_nothing_late(network: PrivateNetwork, kind: Kind) -> None:
    with kind.ends(network) as ends:
        network.set("right", state="down")
        wait_for(lambda: ends.left.link == "down")
        assert ends.left.send(numbered(n) for n in range(10)) == 10
        assert ends.left.stats()["tx_error"] == 10
        network.set("right", state="up")
        wait_for(lambda: ends.left.link == ends.right.link == "up")
        ends.left.send([numbered(10)])
        assert receive_all(ends.right) == [numbered(10)]


def test_an_interface_that_vanishes_leaves_a_queue_that_says_so(
    network: PrivateNetwork, kind: Kind
) -> None:
    with kind.ends(network, kind.small) as ends:
        ends.right.send([numbered(1)])
        wait_for(lambda: ends.left.receive(1) == [numbered(1)])
        network.delete("left")
        began = time.monotonic()
        ends.left.send((numbered(n) for n in range(100)), timeout_s=0.1)
        assert ends.left.receive(timeout_s=0.01) == []
        assert time.monotonic() - began < 1.0
        assert (ends.left.link, ends.right.link) == ("gone", "gone")
        assert ends.left.stats()["tx_error"] == 64
        assert ends.left.stats()["tx_full"] > 0
        network.veth("left", "right")  # the same names are not the same interfaces
        time.sleep(0.02)
        assert ends.left.link == "gone"


def test_an_interface_without_ethernet_is_refused(network: PrivateNetwork, kind: Kind) -> None:
    try:
        tun = network.call(os.open, "/dev/net/tun", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no TUN device here: {error}")
    try:
        tap_make(network, tun, "tun", IFF_TUN | IFF_NO_PI)
        with pytest.raises(PioError, match="does not carry Ethernet"):
            network.open_queue(f"{kind.backend}:tun,{kind.options}")
    finally:
        os.close(tun)


def test_an_mtu_lowered_meanwhile_is_an_error_of_its_frames_alone(
    network: PrivateNetwork, kind: Kind
) -> None:
    with kind.ends(network) as ends:
        network.set("left", mtu=500)
        if kind.backend == "afxdp":  # whose kernel sends it; afpacket's refuses, unasked
            time.sleep(0.02)
            assert ends.left.link == "up"
        assert Hot(ends.left).send([numbered(0, length) for length in (100, 1000, 200)]) == 3
        assert [len(frame) for frame in receive_all(ends.right)] == [100, 200]
        stats = ends.left.stats()
        assert (stats["tx_frames"], stats["tx_bytes"], stats["tx_error"]) == (2, 300, 1)
