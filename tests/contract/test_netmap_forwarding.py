"""netmap sends what it received by exchanging the buffers of two slots (pio.h, ownership 4)."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import CDLL
from typing import Any

import pytest
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot, content, datagram, fill
from netmap_standin import missing, pipe_name, standing_in

from dpdk_bindings import Queue, open_queue

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
COUNT = 20


class Ends:
    def __init__(self, kernel: CDLL, pipe: str, options: str) -> None:
        self.kernel, self.pipe = kernel, pipe
        self.near: Queue = open_queue(f"netmap:{pipe}{{1{options}")
        self.far: Queue = open_queue(f"netmap:{pipe}}}1{options}")

    def received(self, count: int = COUNT) -> list[Any]:
        assert self.near.send([data(index) for index in range(count)]) == count
        Hot(self.far).service()
        frames = Hot(self.far).rx(BURST_MAX)
        assert len(frames) == count
        return frames

    def buffers(self, receive: int) -> list[int]:
        """Of the far end's slots, from the first on."""
        ring = self.kernel.netmap_kernel_ring(f"{self.pipe}}}1".encode(), receive, 0).contents
        return [ring.slots[at].buffer_index for at in range(ring.slots_count)]


def data(index: int) -> bytes:
    return datagram(bytes([index]) * 30)


@pytest.fixture(params=["", ",rx_slots=23,tx_slots=23"], ids=["256", "23"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    with standing_in() as kernel:
        ends = Ends(kernel, pipe_name(), request.param)
        yield ends
        ends.near.close()
        ends.far.close()


def test_no_byte_is_copied(ends: Ends) -> None:
    hot, frames = Hot(ends.far), ends.received()
    assert hot.c.info.forwards == 1
    before = ends.buffers(receive=1)[:COUNT]
    for index, frame in enumerate(frames):
        frame.data[0] = 200 + index
    assert hot.burst(frames[:12]) == 12
    hot.release(frames[12:15])
    assert hot.burst(frames[15:]) == 5
    sent = [before[index] for index in (*range(12), *range(15, 20))]
    assert ends.buffers(receive=0)[:17] == sent
    back = ends.near.receive(BURST_MAX)
    assert [frame[0] for frame in back] == [200 + index for index in (*range(12), *range(15, 20))]
    assert ends.far.stats()["tx_frames"] == 17


def test_a_frame_may_be_cut_and_none_is_sent_out_of_turn(ends: Ends) -> None:
    hot, frames = Hot(ends.far), ends.received()
    assert hot.burst(frames[3:]) == 0, "not the oldest"
    frames[0].length = FRAME_BYTES_MIN
    frames[2].length += 1
    frames[5].length = FRAME_BYTES_MIN - 1
    assert hot.burst(frames) == 2, "up to one that is longer than it was"
    hot.release(frames[2:3])
    assert hot.burst(frames[3:]) == 2, "up to one that is shorter than a header"
    hot.release(frames[5:])
    lengths = [len(frame) for frame in ends.near.receive(BURST_MAX)]
    assert lengths == [FRAME_BYTES_MIN, *[len(data(0))] * 3]


def test_lent_and_received_frames_go_side_by_side(ends: Ends) -> None:
    """In every order, so that lent buffers are moved from slot to slot, and found again."""
    hot, expected = Hot(ends.far), []
    for round_ in range(40):
        frames = ends.received(6)
        lent = hot.lend(5)
        for index, frame in enumerate(lent):
            fill(frame, data(100 + index))
        lent[1].length = FRAME_BYTES_MIN - 1
        assert hot.burst(frames[:2]) == 2
        assert hot.burst(lent[:2]) == 2
        assert hot.burst(frames[2:3]) == 1
        assert hot.burst(lent[2:3]) == 1
        assert hot.burst(frames[3:5]) == 2
        assert hot.burst(lent[3:4]) == 1
        hot.give_back(lent[4:])
        hot.release(frames[5:])
        expected = [data(number) for number in (0, 1, 100, 2, 102, 3, 4, 103)]
        assert ends.near.receive(BURST_MAX) == expected, round_
        hot.service()


def test_a_full_ring_leaves_the_rest_held(ends: Ends) -> None:
    hot, frames = Hot(ends.far), ends.received()
    filled = 0
    while taken := hot.send([datagram(b"filler")] * BURST_MAX):
        filled += taken
    full = ends.far.stats()["tx_full"]
    assert hot.burst(frames) == 0 and ends.far.stats()["tx_full"] == full + COUNT
    assert content(frames[0]) == data(0)
    assert len(ends.near.receive(1000)) == filled
    hot.service()
    assert hot.burst(frames) == COUNT
    assert ends.near.receive(BURST_MAX) == [data(index) for index in range(COUNT)]
