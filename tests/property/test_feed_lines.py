"""Lines A and B with loss, duplicates, reordering and different packet boundaries.

As long as every message comes on one line, in time, the book sees each exactly once, in order.
"""

from __future__ import annotations

import random

import pytest
from core_rig import BID, FEED_A, FEED_B, FEED_SESSION, MS, Rig, add, delete

from itch_ouch import mold

Packet = tuple[int, int, int]  # line, first number, count


def boundaries(r: random.Random, count: int) -> list[tuple[int, int]]:
    """The numbers 1 .. count cut into packets, as one line's sender may."""
    packets, first = [], 1
    while first <= count:
        size = min(r.choice((1, 1, 2, 3, 8, 20)), count - first + 1)
        packets.append((first, size))
        first += size
    return packets


def impaired(r: random.Random, count: int) -> list[Packet]:
    """Both lines' packets in order of arrival; whatever one line loses the other brings."""
    lines = {line: boundaries(r, count) for line in (FEED_A, FEED_B)}
    lost = {line: set[int]() for line in lines}
    for line, packets in lines.items():
        other = lost[1 - line]
        for first, size in packets:
            numbers = set(range(first, first + size))
            if r.random() < 0.2 and not numbers & other:
                lost[line] |= numbers
    arrivals: list[tuple[float, Packet]] = []
    for line, packets in lines.items():
        for first, size in packets:
            if first in lost[line]:
                continue
            at = first + r.uniform(0, 40)
            arrivals.append((at, (line, first, size)))
            if r.random() < 0.1:
                arrivals.append((at + r.uniform(0, 60), (line, first, size)))
    return [packet for _, packet in sorted(arrivals)]


def day(r: random.Random, count: int) -> list[bytes]:
    """Messages whose result depends on their order: an add is deleted by the next or later."""
    messages, live = [], list[int]()
    for number in range(1, count + 1):
        if live and r.random() < 0.45:
            messages.append(delete(live.pop(r.randrange(len(live)))))
        else:
            live.append(number)
            messages.append(add(number, BID, number, 100 * r.randrange(1, 50)))
    return messages


@pytest.mark.parametrize("seed", range(40))
def test_each_message_once_and_in_order(seed: int) -> None:
    r = random.Random(seed)
    count = 400
    messages = day(r, count)
    with Rig() as clean:
        clean.feed(*messages)
        wanted = clean.engine.digests()
    with Rig() as rig:
        frames = [
            (line, rig.frame(line, mold.build(FEED_SESSION, first, messages[first - 1 :][:size])))
            for line, first, size in impaired(r, count)
        ]
        while frames:
            burst, frames = frames[: (size := r.randrange(1, 9))], frames[size:]
            rig.step(*burst, after_ns=r.randrange(MS))
        counters = rig.counters()
        assert rig.engine.digests() == wanted
        assert counters["feed_messages"] == count and counters["feed_lost"] == 0
        assert counters["book_missing_reference"] == counters["book_duplicate_reference"] == 0
        assert counters["feed_wins_a"] + counters["feed_wins_b"] <= count
        assert rig.engine.feed_live and rig.position.expected == count + 1


@pytest.mark.parametrize("seed", range(20))
def test_loss_on_both_lines_is_counted_exactly(seed: int) -> None:
    """Messages that neither line brings: lost by number, everything else delivered in order."""
    r = random.Random(f"loss {seed}")
    count = 200
    gone = {number for number in range(2, count) if r.random() < 0.05}
    with Rig() as rig:
        for number in range(1, count + 1):
            if number not in gone:
                payload = mold.build(FEED_SESSION, number, [add(number, BID, number, 100)])
                rig.packet(r.choice((FEED_A, FEED_B)), payload, after_ns=MS)
        for _ in range(len(gone) + 1):
            rig.step(after_ns=100 * MS)
        counters = rig.counters()
        assert counters["feed_lost"] == len(gone)
        assert counters["feed_messages"] == counters["live_orders"] == count - len(gone)
        assert rig.position.expected == count + 1 and rig.position.gap_since_ns == 0
        assert rig.engine.feed_live == (not gone)
