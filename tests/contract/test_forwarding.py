"""A queue that forwards sends what it received, in place of releasing it (pio.h, ownership 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from contract_cases import unique
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot, content, datagram, fill

from dpdk_bindings import Queue, open_queue

pytest.importorskip("dpdk_bindings._dpdk", reason="built without DPDK")
COUNT = 20


@pytest.fixture
def ring() -> Iterator[Queue]:
    """A DPDK ring: what it sends, it receives."""
    from dpdk_bindings.dpdk import eal

    with open_queue("dpdk:net_ring0") as queue:
        yield queue
    assert eal.mbufs_missing() == 0


def received(hot: Hot, count: int = COUNT) -> list[Any]:
    assert hot.send([datagram(bytes([index]) * 30) for index in range(count)]) == count
    frames = hot.rx(BURST_MAX)
    assert len(frames) == count
    return frames


def test_only_dpdk_forwards(ring: Queue) -> None:
    assert Hot(ring).c.info.forwards == 1
    name = f"memory:{unique('forward')}"
    with open_queue(name) as memory, open_queue("fault:dpdk:net_ring1") as fault:
        assert Hot(memory).c.info.forwards == 0
        assert Hot(fault).c.info.forwards == 0


def test_received_frames_go_out_as_they_are_now(ring: Queue) -> None:
    hot = Hot(ring)
    frames = received(hot)
    for index, frame in enumerate(frames):
        frame.data[0] = 200 + index
    assert hot.burst(frames[:12]) == 12
    hot.release(frames[12:15])
    assert hot.burst(frames[15:]) == 5
    again = hot.take()
    assert [data[0] for data in again] == [200 + index for index in (*range(12), *range(15, 20))]
    assert ring.stats()["tx_frames"] == COUNT + 17
    assert hot.rx(BURST_MAX) == []


def test_a_frame_may_be_cut_and_none_is_sent_out_of_turn(ring: Queue) -> None:
    hot = Hot(ring)
    frames = received(hot)
    assert hot.burst(frames[3:]) == 0, "not the oldest"
    frames[0].length = FRAME_BYTES_MIN
    frames[2].length += 1
    frames[5].length = FRAME_BYTES_MIN - 1
    assert hot.burst(frames) == 2, "up to one that is longer than it was"
    hot.release(frames[2:3])
    assert hot.burst(frames[3:]) == 2, "up to one that is shorter than a header"
    hot.release(frames[5:])
    assert [len(data) for data in hot.take()] == [FRAME_BYTES_MIN, *[len(datagram(bytes(30)))] * 3]


def test_lent_and_received_frames_go_side_by_side(ring: Queue) -> None:
    hot = Hot(ring)
    frames = received(hot, 4)
    lent = hot.lend(3)
    for frame in lent:
        fill(frame, datagram(b"new"))
    assert hot.burst(frames[:2]) == 2
    assert hot.burst(lent[:2]) == 2
    hot.give_back(lent[2:])
    hot.release(frames[2:])
    assert hot.take() == [content_of(0), content_of(1), datagram(b"new"), datagram(b"new")]


def content_of(index: int) -> bytes:
    return datagram(bytes([index]) * 30)


def test_a_full_device_leaves_the_rest_held(ring: Queue) -> None:
    hot = Hot(ring)
    frames = received(hot)
    filled = 0
    while taken := hot.send([datagram(b"filler")] * BURST_MAX):
        filled += taken
    assert hot.burst(frames) == 0
    assert content(frames[0]) == content_of(0)
    hot.release(frames)
    drained = 0
    while burst := hot.take():
        drained += len(burst)
    assert drained == filled
