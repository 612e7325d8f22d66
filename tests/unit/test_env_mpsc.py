"""The ring of many producers: against a queue, and with producers that die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from collections import deque

import pytest
from env_children import claim_and_wait
from hypothesis import given
from hypothesis import strategies as st

from dpdk_bindings._core import ffi
from dpdk_bindings.env import Mpsc, Segment
from dpdk_bindings.env.mpsc import HEADER_BYTES, RECORD_BYTES, SLOT_BYTES

SLOTS = 4


def memory(slots: int = SLOTS) -> tuple[object, int]:
    own = ffi.new("uint64_t[]", (HEADER_BYTES + slots * SLOT_BYTES) // 8)
    return own, int(ffi.cast("uintptr_t", own))


def padded(number: int) -> bytes:
    return number.to_bytes(4, "little").ljust(RECORD_BYTES, b"\0")


@given(st.lists(st.tuples(st.sampled_from(["put", "claim", "commit", "take"]), st.integers(0, 2)),
                max_size=120))
def test_it_is_a_bounded_queue_in_the_order_of_claims(actions: list[tuple[str, int]]) -> None:
    own, address = memory()
    consumer = Mpsc(address, SLOTS)
    producers = [Mpsc(address, producer=number) for number in range(3)]
    claims: deque[tuple[int, int]] = deque()  # (number, producer) in order
    open_claims: list[list[tuple[int, memoryview]]] = [[], [], []]
    committed: set[int] = set()
    for number, (action, who) in enumerate(actions):
        if action in ("put", "claim"):
            room = producers[who].claim()
            assert (room is None) == (len(claims) == SLOTS)
            if room is None:
                continue
            room[:] = padded(number)
            claims.append((number, who))
            open_claims[who].append((number, room))
        if action in ("put", "commit") and open_claims[who]:
            own_number, room = open_claims[who].pop()
            producers[who].commit(room)
            committed.add(own_number)
        if action == "take":
            there = bool(claims) and claims[0][0] in committed
            assert consumer.holder == (claims[0][1] if claims and not there else None)
            assert consumer.take() == (padded(claims.popleft()[0]) if there else None)
    del own


def test_a_dead_producers_slot_is_passed_by() -> None:
    """The claims of a segment tell who died: its lock goes with the process."""
    name = f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with Segment.create(name, HEADER_BYTES + SLOTS * SLOT_BYTES) as segment:
        ring = Mpsc(segment.address, SLOTS, producer=1)
        context = multiprocessing.get_context("spawn")
        ready = context.Queue()
        child = context.Process(target=claim_and_wait, args=(name, 2, ready))
        child.start()
        ready.get(timeout=30)
        assert ring.put(b"behind")
        assert ring.take() is None and ring.holder == 2, "the child holds the oldest slot"
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join(30)
        assert ring.take() is None and ring.holder == 2
        ring.abandon()
        assert ring.take() == b"behind".ljust(RECORD_BYTES, b"\0")
        assert ring.take() is None and ring.holder is None
        with pytest.raises(ValueError, match="nobody holds"):
            ring.abandon()
        for number in range(3 * SLOTS):
            assert ring.put(padded(number)) and ring.take() == padded(number)


def test_a_consumer_made_anew_goes_on_where_the_last_one_released() -> None:
    own, address = memory()
    producer = Mpsc(address, SLOTS)
    for number in range(SLOTS):
        assert producer.put(padded(number))
    assert not producer.put(b"full")
    assert Mpsc(address).take() == padded(0)
    assert Mpsc(address).take() == padded(1)
    assert Mpsc(address, producer=3).put(padded(9))
    assert [Mpsc(address).take() for _ in range(4)] == [padded(2), padded(3), padded(9), None]
    del own


@pytest.mark.parametrize("slots", [0, 1, 3, 100])
def test_slots_are_a_power_of_two(slots: int) -> None:
    own, address = memory()
    with pytest.raises(ValueError, match="power of two"):
        Mpsc(address, slots)
    del own


def test_refusals() -> None:
    own, address = memory()
    with pytest.raises(ValueError, match="below 16384"):
        Mpsc(address, SLOTS, producer=16384)
    with pytest.raises(ValueError, match="at most 56"):
        Mpsc(address, SLOTS).put(bytes(57))
    del own
