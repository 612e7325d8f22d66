"""The fault backend: the same seed, the same faults; and every one of them counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from contract_cases import Pair, unique
from contract_driver import BURST_MAX, FRAME_BYTES_MIN, Hot

from dpdk_bindings import PioError, open_queue
from dpdk_bindings._core import lib


@contextmanager
def faulty(options: str, memory_options: str = "") -> Iterator[Pair]:
    """A memory link whose receiving end is wrapped."""
    name = f"memory:{unique('fault')}{memory_options}"
    pair = Pair(open_queue(name), lambda: open_queue(f"fault({options}):{name}"), live=True)
    try:
        yield pair
    finally:
        pair.close()


def numbered(count: int, size: int = 60) -> list[bytes]:
    return [index.to_bytes(4, "big") + bytes(size - 4) for index in range(count)]


def indices(frames: list[bytes]) -> list[int]:
    return [int.from_bytes(frame[:4], "big") for frame in frames]


def test_the_same_seed_gives_the_same_frames_however_they_are_polled() -> None:
    options = "loss=0.1,duplicate=0.1,reorder=0.2,corrupt=0.1,truncate=0.1,depth=16"
    frames = numbered(4000)

    def run(seed: int, burst: int) -> list[bytes]:
        with faulty(f"{options},seed={seed}") as pair:
            assert pair.sender.send(frames) == len(frames)
            hot, got = Hot(pair.receiver), []
            for _ in range(2 * len(frames)):
                got += hot.take(burst)  # no service: nothing is let out for its age
            return got

    first = run(5, 64)
    assert run(5, 64) == first
    assert run(5, 1) == first
    assert run(5, 17) == first
    assert run(6, 64) != first


def test_all_lost() -> None:
    with faulty("loss=1") as pair:
        assert pair.pump(numbered(1000)) == []
        assert pair.receiver.stats()["fault_lost"] == 1000


def test_none_of_it() -> None:
    with faulty("loss=0,duplicate=0,reorder=0,corrupt=0,truncate=0") as pair:
        assert pair.pump(numbered(1000)) == numbered(1000)


def test_all_twice() -> None:
    with faulty("duplicate=1") as pair:
        assert indices(pair.pump(numbered(500))) == [n for n in range(500) for _ in range(2)]
        assert pair.receiver.stats()["fault_duplicated"] == 500


@pytest.mark.parametrize("depth", [1, 8, 64])
def test_reordered_frames_are_late_by_at_most_depth_and_none_is_missing(depth: int) -> None:
    with faulty(f"reorder=0.3,depth={depth},seed=2") as pair:
        count = 3000
        order = indices(pair.pump(numbered(count)))
        assert sorted(order) == list(range(count))
        assert order != list(range(count))
        late = [position - index for position, index in enumerate(order)]
        assert 0 < max(late) <= depth
        reordered = pair.receiver.stats()["fault_reordered"]
        assert 0 < reordered <= 0.35 * count


def test_a_held_frame_that_nothing_follows_comes_out_with_time() -> None:
    with faulty("reorder=1") as pair:
        assert pair.sender.send(numbered(1)) == 1
        hot = Hot(pair.receiver)
        hot.service(10)
        assert hot.take() == []
        hot.service(900_000)
        assert hot.take() == []
        hot.service(1_000_011)
        assert hot.take() == numbered(1)


def test_a_held_frame_comes_out_though_the_clock_stands_still() -> None:
    with faulty("reorder=1") as pair:
        assert pair.sender.send(numbered(1)) == 1
        hot = Hot(pair.receiver)
        assert hot.take() == []
        for _ in range(65_536):
            hot.service(0)
        assert hot.take() == numbered(1)


def test_a_held_frame_comes_out_at_the_end_of_a_file_without_any_time(tmp_path: Path) -> None:
    file = tmp_path / "frames.pcap"
    with open_queue(f"pcap:,out={file}") as queue:
        queue.send(numbered(100))
    with open_queue(f"fault(reorder=1,depth=64):pcap:{file}") as queue:
        hot = Hot(queue)
        got = [frame for _ in range(50) for frame in hot.take()]
        assert hot.c.info.link == lib.PIO_LINK_DOWN
        assert sorted(indices(got)) == list(range(100))
        assert indices(got) != list(range(100))


def test_corruption_changes_one_byte() -> None:
    frames = numbered(1000)
    with faulty("corrupt=1,seed=9") as pair:
        got = pair.pump(frames)
    differing = [
        sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip(frames, got, strict=True)
    ]
    assert differing == [1] * len(frames)


def test_truncation_leaves_a_beginning_and_an_ethernet_header() -> None:
    frames = [random.Random(index).randbytes(60) for index in range(1000)]
    with faulty("truncate=1,seed=9") as pair:
        got = pair.pump(frames)
        assert pair.receiver.stats()["fault_truncated"] == 1000
    assert all(whole.startswith(cut) for whole, cut in zip(frames, got, strict=True))
    assert all(FRAME_BYTES_MIN <= len(cut) < 60 for cut in got)
    assert {len(cut) for cut in got} == set(range(FRAME_BYTES_MIN, 60))


def test_fractions_are_what_they_say() -> None:
    count = 20_000
    with faulty("loss=0.05,duplicate=0.05,reorder=0.05,corrupt=0.01,truncate=0.01") as pair:
        got = pair.pump(numbered(count))
        stats = pair.receiver.stats()
    assert stats["rx_frames"] == len(got)
    assert len(got) == count - stats["fault_lost"] + stats["fault_duplicated"]
    for name, fraction in (
        ("lost", 0.05),
        ("duplicated", 0.05),
        ("reordered", 0.05),
        ("corrupted", 0.01),
        ("truncated", 0.01),
    ):
        deviation = (count * fraction) ** 0.5
        assert abs(stats[f"fault_{name}"] - count * fraction) < 5 * deviation, name


def test_census_of_each_frame() -> None:
    """Every frame sent is received as often as the counters say, and no other."""
    with faulty("loss=0.2,duplicate=0.2,reorder=0.2,seed=4") as pair:
        times = Counter(indices(pair.pump(numbered(5000))))
        stats = pair.receiver.stats()
    assert 5000 - len(times) == stats["fault_lost"]
    assert set(times.values()) == {1, 2}
    assert sum(times.values()) - len(times) == stats["fault_duplicated"]


def test_the_wrapped_ring_gets_its_slots_back_while_the_consumer_holds_frames() -> None:
    with faulty("duplicate=0.5,reorder=0.5,seed=1", ",slots=64") as pair:
        receiver, sender = Hot(pair.receiver), Hot(pair.sender)
        held, sent = [], 0
        for _ in range(200):
            sent += sender.send(numbered(BURST_MAX)[: min(32, 320 - sent)])
            held += receiver.rx(BURST_MAX)
        assert sent == 320  # five times the wrapped ring
        receiver.service(10**9)
        held += receiver.rx(BURST_MAX)
        assert len(held) == 320 + pair.receiver.stats()["fault_duplicated"]
        receiver.release(held)


def test_a_consumer_that_releases_nothing_loses_nothing() -> None:
    with faulty("duplicate=1") as pair:
        frames = numbered(2000)
        assert pair.sender.send(frames) == 2000
        hot = Hot(pair.receiver)
        # In bursts that do not divide the buffers evenly, so that the last one finds too few.
        held = [frame for _ in range(100) for frame in hot.rx(47)]
        assert 0 < len(held) < 4000 and hot.rx(BURST_MAX) == []
        hot.release(held)
        total = len(held)
        for _ in range(200):
            total += len(hot.take())
        assert total == 4000


def test_short_sends_keep_order_and_are_counted() -> None:
    name = f"memory:{unique('short')}"
    with open_queue(f"fault(short_send=0.3,seed=8):{name}") as sender, open_queue(name) as receiver:
        hot, frames, at, got = Hot(sender), numbered(2000), 0, []
        while at < len(frames):
            at += hot.send(frames[at : at + 32])
            got += receiver.receive(BURST_MAX)
        assert got == frames
        assert sender.stats()["fault_short_send"] > 20
        assert sender.stats()["tx_frames"] == 2000


def test_faults_of_faults() -> None:
    inner = f"memory:{unique('nested')}"
    with open_queue(inner) as sender:
        name = f"fault(duplicate=1):fault(duplicate=1):{inner}"
        with open_queue(name) as receiver:
            assert receiver.mode == "fault+fault+shared"
            sender.send(numbered(10))
            assert indices(receiver.receive(64)) == [n for n in range(10) for _ in range(4)]


def test_stride_and_phase_confine_loss_to_some_frames() -> None:
    """Two lines with different phases of the same stride never lose the same frame."""
    frames = numbered(400)
    arrived = []
    for phase in (0, 1):
        name = f"memory:{unique('stride')}"
        with (
            open_queue(name) as sender,
            open_queue(f"fault(loss=1,stride=2,phase={phase}):{name}") as receiver,
        ):
            assert sender.send(frames) == len(frames)
            arrived.append(receiver.receive(len(frames), timeout_s=0.2))
    assert arrived == [frames[1::2], frames[0::2]]


def test_phase_is_below_stride() -> None:
    with pytest.raises(PioError, match="phase=2 is out of range"):
        open_queue("fault(loss=1,stride=2,phase=2):memory:x")
