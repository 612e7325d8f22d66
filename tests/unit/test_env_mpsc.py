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
from dpdk_bindings.env.mpsc import GONE, HEADER_BYTES, RECORD_BYTES, SLOT_BYTES

SLOTS = 4
CLAIMS_OFFSET = 384  # struct tp_mpsc


def memory(slots: int = SLOTS) -> tuple[object, int]:
    own = ffi.new("uint64_t[]", (HEADER_BYTES + slots * SLOT_BYTES) // 8)
    return own, int(ffi.cast("uintptr_t", own))


def padded(number: int) -> bytes:
    return number.to_bytes(4, "little").ljust(RECORD_BYTES, b"\0")


@given(st.lists(st.tuples(st.sampled_from(["claim", "commit", "take"]), st.integers(0, 2),
                          st.integers(1, 6)), max_size=120))
def test_it_is_a_bounded_queue_in_the_order_of_claims(actions: list[tuple[str, int, int]]) -> None:
    own, address = memory()
    consumer = Mpsc(address, SLOTS)
    producers = [Mpsc(address, producer=number) for number in range(3)]
    claimed: deque[tuple[bytes, int]] = deque()  # (record, producer) in order
    uncommitted: list[set[bytes]] = [set(), set(), set()]
    made = 0
    for action, who, count in actions:
        if action == "claim" and not uncommitted[who]:
            rooms = producers[who].claim(count)
            assert len(rooms) == min(count, SLOTS - len(claimed))
            for room in rooms:
                room[:] = padded(made)
                claimed.append((padded(made), who))
                uncommitted[who].add(padded(made))
                made += 1
        if action == "commit":
            producers[who].commit()
            uncommitted[who].clear()
        if action == "take":
            there = bool(claimed) and claimed[0][0] not in uncommitted[claimed[0][1]]
            assert consumer.holder == (claimed[0][1] if claimed and not there else None)
            assert consumer.take() == (claimed.popleft()[0] if there else None)
    del own


def test_a_dead_producers_slots_are_passed_by() -> None:
    """The claims of a segment tell who died: its lock goes with the process."""
    name = f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    with Segment.create(name, HEADER_BYTES + SLOTS * SLOT_BYTES) as segment:
        ring = Mpsc(segment.address, SLOTS, producer=1)
        context = multiprocessing.get_context("spawn")
        ready = context.Queue()
        child = context.Process(target=claim_and_wait, args=(name, 2, ready))
        child.start()
        assert ready.get(timeout=30) == 2
        assert ring.put(b"behind")
        assert ring.take() is None and ring.holder == 2, "the child holds the oldest slot"
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join(30)
        assert ring.take() is None and ring.holder == 2
        assert ring.abandon() == 2
        assert ring.take() == b"behind".ljust(RECORD_BYTES, b"\0")
        assert ring.take() is None and ring.holder is None
        with pytest.raises(ValueError, match="nobody holds"):
            ring.abandon()
        for number in range(3 * SLOTS):
            assert ring.put(padded(number)) and ring.take() == padded(number)


def test_two_that_may_hold_the_same_slots_are_asked_about_one_after_the_other() -> None:
    """A producer that died before its swap has named slots that another claimed."""
    own, address = memory()
    consumer = Mpsc(address, SLOTS)
    assert len(Mpsc(address, producer=5).claim(3)) == 3
    for named in (3, 7):  # as if they had been about to claim the same
        ffi.cast("uint64_t *", address + CLAIMS_OFFSET + named * SLOT_BYTES)[0] = 0 << 8 | 2
    assert Mpsc(address, producer=1).put(b"behind")
    for holder, passed in ((3, 0), (5, 0), (7, 3)):
        assert consumer.holder == holder and consumer.abandon() == passed
    assert consumer.holder is None and consumer.take() == b"behind".ljust(RECORD_BYTES, b"\0")
    del own


def test_a_slot_whose_holder_was_abandoned_too_early_is_gone() -> None:
    own, address = memory()
    consumer = Mpsc(address, SLOTS)
    dead = Mpsc(address, producer=5)
    assert len(dead.claim(2)) == 2
    ffi.cast("uint64_t *", address + CLAIMS_OFFSET + 5 * SLOT_BYTES)[0] = 0
    assert consumer.holder == GONE and consumer.abandon() == 2 and consumer.holder is None
    del own


def test_the_callers_mistakes() -> None:
    own, address = memory()
    ring = Mpsc(address, SLOTS)
    for count in (0, 256):
        with pytest.raises(ValueError, match="of 1 to 255 records"):
            ring.claim(count)
    ring.claim()
    with pytest.raises(ValueError, match="one at a time"):
        ring.claim()
    del own


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
    with pytest.raises(ValueError, match="below 64"):
        Mpsc(address, SLOTS, producer=64)
    with pytest.raises(ValueError, match="at most 56"):
        Mpsc(address, SLOTS).put(bytes(57))
    del own
