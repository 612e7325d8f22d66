"""What csrc/pio.h promises, held against every backend of contract_cases.CASES."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_cases import CASES, Case, Pair, pairs
from contract_driver import (
    BURST_MAX,
    FRAME_BYTES_MIN,
    LOSSES,
    Hot,
    content,
    datagram,
    datagrams,
    fill,
)
from dpdk_cases import DPDK_CASES, HUGE_PAGES
from netmap_standin import NETMAP_CASES

from dpdk_bindings import backends
from dpdk_bindings._core import ffi, lib

HOT_MEMBERS = ("rx_burst", "rx_release", "tx_lend", "tx_burst", "tx_return", "service")


@pytest.fixture(params=[*CASES, *DPDK_CASES, *NETMAP_CASES], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    case: Case = request.param
    if reason := case.skip():
        pytest.skip(reason)
    return case


@pytest.fixture
def pair(case: Case, tmp_path: Path) -> Iterator[Pair]:
    yield from pairs(case, tmp_path)


def lend_all(hot: Hot, count: int) -> list[Any]:
    """Exactly ``count`` frames, however few come at a time."""
    frames: list[Any] = []
    for _ in range(1000):
        frames += hot.lend(count - len(frames))
        if len(frames) == count:
            break
    assert len(frames) == count
    return frames


def carried(case: Case, frames: list[bytes]) -> list[bytes]:
    return [frame for frame in frames if case.carries(frame)]


def burst_all(hot: Hot, frames: list[Any]) -> None:
    """Sends them all, offering again what was not taken."""
    for _ in range(1000):
        frames = frames[hot.burst(frames) :] if frames else frames
    assert not frames


def test_every_member_is_there(pair: Pair) -> None:
    for queue in (pair.sender, pair.receiver):
        if queue is pair.sender and not pair._live:
            continue  # closed by now; it is the same backend
        hot = Hot(queue)
        assert all(getattr(hot.c, name) != ffi.NULL for name in HOT_MEMBERS)
        assert queue.abi == lib.PIO_ABI
        assert queue.address % 64 == 0
        assert queue.mode
        if queue.backend == "dpdk" and os.environ.get(HUGE_PAGES):
            assert queue.mode.startswith("poll") and "no-huge" not in queue.mode
        assert queue.mac == "" or bytes.fromhex(queue.mac.replace(":", ""))[0] & 1 == 0
        error = ffi.new("struct pio_error *")
        assert hot.c.info.backend.hear(hot.c, bytes.fromhex("01005e000001"), error) == 0
        assert queue.frame_bytes_max >= 1514
        assert queue.backend in {row.name for row in backends() if row.usable}


def test_ten_thousand_datagrams_arrive_bit_for_bit_in_order(case: Case, pair: Pair) -> None:
    frames = datagrams(seed=11, count=10_000, bytes_max=min(pair.sender.frame_bytes_max, 2048))
    frames = carried(case, frames)
    assert pair.pump(frames) == frames
    sent, received = pair.stats()
    assert sent["tx_frames"] == received["rx_frames"] == len(frames)
    assert sent["tx_bytes"] == received["rx_bytes"] == sum(map(len, frames))
    assert not any(received.get(name, 0) for name in LOSSES)


def test_the_longest_frame_passes_and_a_longer_one_is_counted(pair: Pair) -> None:
    longest = pair.sender.frame_bytes_max
    hot = Hot(pair.sender)
    frames = lend_all(hot, 4)
    assert all(frame.length == longest for frame in frames)
    fill(frames[0], bytes([1]) * longest)
    frames[1].length = longest + 1
    frames[2].length = FRAME_BYTES_MIN - 1
    fill(frames[3], bytes([2]) * FRAME_BYTES_MIN)
    burst_all(hot, frames)
    hot.service()
    assert pair.pump([]) == [bytes([1]) * longest, bytes([2]) * FRAME_BYTES_MIN]
    sent, received = pair.stats()
    assert (sent["tx_oversize"], sent["tx_undersize"], sent["tx_frames"]) == (1, 1, 2)
    assert received["rx_frames"] == 2


def test_a_part_is_sent_and_the_rest_given_back(pair: Pair) -> None:
    hot = Hot(pair.sender)
    frames = lend_all(hot, 8)
    assert len({int(ffi.cast("uintptr_t", frame.data)) for frame in frames}) == 8
    for index, frame in enumerate(frames):
        fill(frame, bytes([index]) * 60)
    burst_all(hot, frames[:3])
    hot.give_back(frames[3:])
    again = lend_all(hot, 8)
    for index, frame in enumerate(again):
        fill(frame, bytes([100 + index]) * 60)
    burst_all(hot, again[:2])
    burst_all(hot, again[2:])
    assert [data[0] for data in pair.pump([])] == [0, 1, 2, *range(100, 108)]


def test_giving_back_for_ever_wastes_nothing(pair: Pair) -> None:
    hot = Hot(pair.sender)
    for _ in range(1000):
        hot.give_back(hot.lend(BURST_MAX))
    frame = datagram(b"still here")
    assert pair.pump([frame]) == [frame]


def test_asking_for_nothing_does_nothing(pair: Pair) -> None:
    hot = Hot(pair.sender)
    assert hot.lend(0) == [] and hot.burst([]) == 0
    hot.give_back([])
    frame = datagram(b"one")
    assert pair.pump([frame]) == [frame]
    hot = Hot(pair.receiver)
    assert hot.rx(0) == []
    hot.release([])


def test_frames_stay_good_until_released_in_several_steps(pair: Pair) -> None:
    frames = [datagram(bytes([index]) * 40) for index in range(32)]
    sender, at = Hot(pair.sender), 0
    while at < len(frames):
        at += sender.send(frames[at:])
    sender.service()
    pair.settle()
    hot = Hot(pair.receiver)
    lent: list[Any] = []
    for _ in range(1000):
        hot.service()
        lent += hot.rx(min(7, len(frames) - len(lent)))
        if len(lent) == len(frames):
            break
    assert [content(frame) for frame in lent] == frames
    for start, stop in ((0, 1), (1, 12), (12, 13), (13, 31)):
        hot.release(lent[start:stop])
        assert content(lent[31]) == frames[31]
    hot.release(lent[31:])
    assert hot.rx(BURST_MAX) == []


def test_a_full_ring_refuses_names_it_and_recovers(case: Case, pair: Pair) -> None:
    if not (case.live and case.holds_up):
        pytest.skip(f"{case.name} has no receiver to hold it up")
    sender, receiver = Hot(pair.sender), Hot(pair.receiver)
    sent = 0
    for _ in range(100_000):
        taken = sender.send([datagram(sent.to_bytes(4, "big"))])
        sent += taken
        if not taken and pair.sender.stats()["tx_full"]:
            break
    assert pair.sender.stats()["tx_full"] > 0
    assert pair.sender.stats()["tx_frames"] == sent
    got: list[bytes] = []
    for _ in range(sent):
        receiver.service()
        got += receiver.take()
    assert got == [datagram(index.to_bytes(4, "big")) for index in range(sent)]
    frames = carried(case, datagrams(seed=2, count=200, bytes_max=1500))
    assert pair.pump(frames) == frames


def test_a_sender_never_writes_into_frames_still_held(case: Case, pair: Pair) -> None:
    if not (case.live and case.holds_up):
        pytest.skip(f"{case.name} has no receiver to hold it up")
    sender, receiver = Hot(pair.sender), Hot(pair.receiver)
    sent = 0

    def send_until_full() -> int:
        before, refusals = sent, 0
        count = sent
        while refusals < 20:
            taken = sender.send([datagram(count.to_bytes(4, "big"))])
            count += taken
            refusals = 0 if taken else refusals + 1
        return count - before

    sent += send_until_full()
    receiver.service()
    held = receiver.rx(32)
    got = [content(frame) for frame in held]
    for released in (1, 5, 20):
        receiver.release(held[:released])
        held = held[released:]
        sent += send_until_full()
        assert [content(frame) for frame in held] == got[-len(held) :]
    receiver.release(held)
    got += pair.pump([])
    assert got == [datagram(index.to_bytes(4, "big")) for index in range(sent)]


def test_a_ring_full_of_unsendable_frames_is_no_dead_end(pair: Pair) -> None:
    runt, good = b"\x00" * (FRAME_BYTES_MIN - 1), datagram(b"after all those")
    count = 10_000  # more than any queue here has slots
    assert pair.pump([runt] * count + [good]) == [good]
    sent, received = pair.stats()
    assert sent["tx_undersize"] == count
    assert received["rx_frames"] == 1 and received["rx_malformed"] == 0


def test_a_receiver_without_an_end_still_hands_out_bursts(case: Case, pair: Pair) -> None:
    """Frames held by the receiver do not stop later bursts while there is room for them."""
    frames = [datagram(bytes([index])) for index in range(48)]
    sender, at = Hot(pair.sender), 0
    while at < len(frames):
        at += sender.send(frames[at:])
    sender.service()
    pair.settle()
    hot = Hot(pair.receiver)
    hot.service()
    first = hot.rx(16)
    rest = [content(frame) for frame in hot.rx(32)]
    assert [content(frame) for frame in first] + rest == frames


def test_timestamps_are_kept(case: Case, pair: Pair) -> None:
    if not case.keeps_timestamps:
        pytest.skip(f"{case.name} stamps frames itself")
    stamps = [1, 999_999_999, 1_700_000_000_123_456_789, 2**32 * 10**9 - 1]
    hot = Hot(pair.sender)
    frames = lend_all(hot, len(stamps))
    for frame, stamp in zip(frames, stamps, strict=True):
        fill(frame, datagram(b"x"), timestamp_ns=stamp)
    burst_all(hot, frames)
    hot.service()
    received = pair.receiver.receive_frames(10, timeout_s=1.0)
    assert [frame.timestamp_ns for frame in received] == stamps


def test_closing_takes_back_what_is_lent(case: Case, tmp_path: Path) -> None:
    for _ in range(3):
        pair = case.open(tmp_path)
        Hot(pair.sender).send([datagram(b"%d" % i) for i in range(20)])
        Hot(pair.sender).lend(5)
        hot = Hot(pair.receiver)
        hot.service()
        hot.rx(5)
        pair.close()
        pair.close()


def test_python_queue(case: Case, pair: Pair) -> None:
    frames = carried(case, datagrams(seed=4, count=40, bytes_max=1500))
    assert pair.sender.send(frames) == len(frames)
    receiver = pair.receiver
    got: list[bytes] = []
    while burst := receiver.receive(count_max=16, timeout_s=0.05):
        assert len(burst) <= 16
        got += burst
    assert got == frames
    assert case.name.split("-")[0].removesuffix("ng") in repr(receiver)
    with receiver:
        assert receiver.stats()["rx_frames"] == len(frames)
    assert "closed" in repr(receiver)
    with pytest.raises(ValueError, match="is closed"):
        receiver.receive()


def test_the_frame_census_adds_up(case: Case, pair: Pair) -> None:
    frames = carried(case, datagrams(seed=5, count=3000, bytes_max=1500))
    arrived = pair.pump(frames)
    sent, received = pair.stats()
    named = sum(received.get(name, 0) for name in LOSSES)
    assert len(arrived) == received["rx_frames"]
    assert sent["tx_frames"] == received["rx_frames"] + named - received.get("fault_duplicated", 0)
