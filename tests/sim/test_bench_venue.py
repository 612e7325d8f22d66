"""The bench's client and venue: the same orders have the same outcome however they are packed."""

from __future__ import annotations

from bench.venue import one, timed


def test_packing_and_bursts_change_nothing() -> None:
    """What an order does may not depend on what else came in the same turn."""
    _, alone = one(1, 1, orders=24_000)
    assert alone["orders"] == 24_000 and alone["rejected"] == 0
    assert alone["executions"] > 500 and alone["live_orders"] > 3000
    for per_datagram, burst in ((1, 32), (8, 5), (20, 32)):
        assert one(per_datagram, burst, orders=24_000)[1] == alone


def test_turns_that_work_off_what_is_left_are_timed() -> None:
    """All is given in one turn, but the feed has room for two datagrams a turn."""
    assert timed(20, 32, 640)[1] == 1
    _, turns, counts = timed(20, 32, 640, feed_slots=2)
    assert turns > 4 and counts == timed(20, 32, 640)[2]
