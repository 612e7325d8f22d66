"""The record ring against a deque, and between two processes."""

from __future__ import annotations

import multiprocessing
import os
import uuid
from collections import deque

import pytest
from env_children import produce
from hypothesis import given
from hypothesis import strategies as st

from dpdk_bindings._core import ffi
from dpdk_bindings.env import Ring, Segment
from dpdk_bindings.env.ring import HEADER_BYTES

CAPACITY = 256
# What one process sends to the other: enough for thousands of turns of the ring.
STREAMED = 1_000_000
STREAM_RING_BYTES = 1 << 16


def memory(capacity: int) -> tuple[object, int]:
    own = ffi.new("uint64_t[]", (HEADER_BYTES + capacity) // 8)
    return own, int(ffi.cast("uintptr_t", own))


def record_bytes(size: int) -> int:
    return (size + 8 + 7) // 8 * 8


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 140)),
            st.tuples(st.just("claim"), st.integers(0, 140)),
            st.tuples(st.just("commit"), st.just(0)),
            st.tuples(st.just("take"), st.just(0)),
            st.tuples(st.just("many"), st.integers(1, 300)),
        ),
        max_size=200,
    )
)
def test_a_ring_is_a_bounded_queue_of_records(actions: list[tuple[str, int]]) -> None:
    own, address = memory(CAPACITY)
    producer, consumer = Ring(address, CAPACITY), Ring(address)
    claimed: deque[bytes] = deque()
    published: deque[bytes] = deque()
    for number, (action, size) in enumerate(actions):
        record = bytes([number & 0xFF]) * size
        if action in ("put", "claim"):
            free, alone = producer.free_bytes, not claimed and not published
            room = producer.claim(size)
            if room is None:
                # Full, or larger than half the ring; the filler takes at most as much again.
                need = record_bytes(size)
                assert need > CAPACITY // 2 or free < 2 * need
                assert not (alone and need <= CAPACITY // 2), "an empty ring takes any record"
            else:
                room[:] = record
                claimed.append(record)
        if action in ("put", "commit"):
            producer.commit()
            published.extend(claimed)
            claimed.clear()
        if action == "take":
            assert consumer.take() == (published.popleft() if published else None)
        if action == "many":
            for record in consumer.take_many(size):
                assert record == published.popleft()
        assert 0 <= producer.free_bytes <= CAPACITY
    producer.commit()
    published.extend(claimed)
    assert consumer.take_many(10**6) == list(published)
    assert consumer.take() is None
    del own


def test_what_was_not_committed_dies_with_its_writer() -> None:
    own, address = memory(CAPACITY)
    producer = Ring(address, CAPACITY)
    assert producer.put(b"seen")
    room = producer.claim(8)
    assert room is not None
    again = Ring(address)
    assert again.put(b"after")
    assert Ring(address).take_many(1000) == [b"seen", b"after"]
    del own


def test_what_was_not_released_comes_again() -> None:
    own, address = memory(CAPACITY)
    Ring(address, CAPACITY).put(b"once")
    assert Ring(address).take() == b"once"
    assert Ring(address).take() is None
    del own


def test_records_of_half_a_ring_go_round_for_ever() -> None:
    own, address = memory(CAPACITY)
    ring = Ring(address, CAPACITY)
    for number in range(1000):
        size = (120, 0, 57, 119, 1)[number % 5]
        assert ring.put(bytes([number & 0xFF]) * size)
        assert ring.take() == bytes([number & 0xFF]) * size
    assert ring.claim(121) is None, "larger than half"
    assert ring.claim(0x80000000) is None
    del own


@pytest.mark.parametrize("capacity", [0, 32, 100, 65])
def test_capacity_is_a_power_of_two(capacity: int) -> None:
    own, address = memory(CAPACITY)
    with pytest.raises(ValueError, match="power of two"):
        Ring(address, capacity)
    del own


def test_a_million_records_between_two_processes() -> None:
    name = f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with Segment.create(name, HEADER_BYTES + STREAM_RING_BYTES) as segment:
        ring = Ring(segment.address, STREAM_RING_BYTES)
        child = multiprocessing.get_context("spawn").Process(
            target=produce, args=(name, 0, STREAMED)
        )
        child.start()
        number = 0
        while number < STREAMED:
            for record in ring.take_many(STREAM_RING_BYTES // 4):
                assert int.from_bytes(record[:8], "little") == number
                assert len(record) == 8 + number % 24
                number += 1
            assert child.is_alive() or child.exitcode == 0
        child.join(30)
        assert child.exitcode == 0
        assert ring.take() is None
