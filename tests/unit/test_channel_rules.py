"""OUCH over MoldUDP64 by example: both streams, their repair and their ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from core_rig import (
    BID,
    MS,
    ORDERS,
    VENUE_SESSION,
    Rig,
    accepted,
    add,
    executed,
    wire,
)  # fmt: skip
from orders_harness import PRICE, buy, live, made, order
from scripted import NEW

from appliance.core import inspect
from appliance.state import Kill
from itch_ouch import mold

OURS = b"APPLIANCE1"
SECOND = 1000 * MS
KEPT = 65_536


@pytest.fixture
def rig() -> Iterator[Rig]:
    with made() as rig:
        drain(rig)
        yield rig


def drain(rig: Rig) -> list[mold.Packet]:
    """What is sent now, as packets; requests as packets without messages of the venue's session."""
    return [mold.parse(p) for p in inspect.datagrams(rig.engine, rig.now) if not is_request(p)]


def is_request(payload: bytes) -> bool:
    return mold.is_request(payload)


def requests(rig: Rig) -> list[tuple[bytes, int, int]]:
    """(session, first, count) of the requests that are due now."""
    out = []
    for payload in inspect.datagrams(rig.engine, rig.now):
        assert is_request(payload)
        out.append((payload[:10], int.from_bytes(payload[10:18], "big"),
                    int.from_bytes(payload[18:], "big")))  # fmt: skip
    return out


def ask(rig: Rig, first: int, count: int, session: bytes = OURS) -> None:
    rig.packet(ORDERS, mold.header(session, first, count))


def test_first_message_asks_for_the_account() -> None:
    with Rig() as rig:
        (packet,) = drain(rig)
        assert (packet.session, packet.sequence_number) == (OURS, 1)
        assert packet.messages == [b"Q"] and drain(rig) == []


def test_messages_are_numbered_and_share_datagrams(rig: Rig) -> None:
    for _ in range(40):
        buy(rig, 1)
    packets = drain(rig)
    assert [p.sequence_number for p in packets] == [2, 2 + len(packets[0].messages)]
    assert b"".join(m for p in packets for m in p.messages) == b"".join(rig.engine.orders_from(2))
    sizes = [20 + sum(2 + len(m) for m in p.messages) for p in packets]
    assert 1400 < sizes[0] <= 1472


def test_heartbeat_after_a_second_of_nothing(rig: Rig) -> None:
    rig.now += SECOND - 1
    assert drain(rig) == []
    rig.now += 1
    (packet,) = drain(rig)
    assert packet.messages == [] and packet.sequence_number == 2 and not packet.end_of_session


def test_end_of_session_is_said_once(rig: Rig) -> None:
    buy(rig)
    inspect.end_session(rig.engine)
    first, last = drain(rig)
    assert len(first.messages) == 1 and last.end_of_session and last.sequence_number == 3
    rig.now += 5 * SECOND
    assert drain(rig) == []
    ask(rig, 2, 1)
    assert drain(rig) == [first], "what was said can still be asked for"


def test_resends_are_byte_equal_and_come_first(rig: Rig) -> None:
    for _ in range(60):
        buy(rig, 1)
    sent = [message for packet in drain(rig) for message in packet.messages]
    buy(rig, 2)
    ask(rig, 10, 45)
    packets = drain(rig)
    resent = [message for packet in packets[:-1] for message in packet.messages]
    assert resent == sent[8:53] and packets[0].sequence_number == 10
    assert packets[-1].sequence_number == 62
    assert (rig.count("channel_requests_served"), rig.count("channel_resent")) == (1, 45)


@pytest.mark.parametrize(
    ("first", "count", "session", "counter"),
    [
        (3, 1, OURS, "channel_unservable"),  # not sent yet
        (0, 1, OURS, "channel_unservable"),
        ((1 << 64) - 1, 2, OURS, "channel_unservable"),
        (1, 1, b"SOMEBODY  ", "channel_drop_session"),
    ],
)
def test_requests_that_cannot_be_served(
    rig: Rig, first: int, count: int, session: bytes, counter: str
) -> None:
    before = rig.fingerprint()
    ask(rig, first, count, session)
    assert rig.count(counter) == 1 and rig.fingerprint() == before and drain(rig) == []


def test_a_request_beyond_the_end_is_served_as_far_as_it_goes(rig: Rig) -> None:
    ask(rig, 1, 65_534)
    (packet,) = drain(rig)
    assert len(packet.messages) == 1


def test_what_took_an_old_messages_place_is_never_sent_under_its_number() -> None:
    """Asked for, then overwritten before it could leave: gone, and counted."""
    tables = {"own_orders": 1 << 17, "orders": 1 << 15}
    risk = {"rate_per_s": 10**7, "rate_burst": 10**6, "position_max": 10**9}
    with made(tables=tables, risk=risk) as rig:
        assert rig.script

        def orders(count: int) -> None:
            for _ in range(count // 8):
                for _ in range(8):
                    rig.script.want(NEW, side=BID, shares=1, price=PRICE)
                rig.touch()
                rig.script.events.clear()  # type: ignore[union-attr]

        for _ in range(8):
            orders(KEPT // 8)
            drain(rig)
        assert rig.engine.orders_next == KEPT + 2
        ask(rig, 2, 40)
        orders(16)
        packets = drain(rig)
        assert packets[0].sequence_number == 18 and rig.count("channel_unservable") == 16
        assert packets[0].messages == rig.engine.orders_from(18)[: len(packets[0].messages)]
        ask(rig, 17, 1)
        assert rig.count("channel_unservable") == 17


# ---- receiving -----------------------------------------------------------------------------------


def test_duplicates_are_benign(rig: Rig) -> None:
    ref = buy(rig)
    rig.venue(accepted(ref, 100, PRICE), executed(ref, 40))
    state = rig.fingerprint()
    rig.venue_sequence -= 2
    rig.venue(accepted(ref, 100, PRICE), executed(ref, 40))
    assert rig.fingerprint() == state and rig.count("channel_drop_duplicate") == 1
    rig.venue_sequence -= 1
    rig.venue(executed(ref, 40), executed(ref, 10))
    assert order(rig, ref).leaves == 50, "only the new half of an overlap is read"


def test_a_gap_is_asked_for_every_millisecond_until_it_closes(rig: Rig) -> None:
    ref = live(rig)
    drain(rig)
    first = rig.venue_sequence
    rig.venue_sequence += 2
    rig.venue(executed(ref, 5))
    assert order(rig, ref).leaves == 100 and rig.count("channel_drop_gap") == 1
    assert requests(rig) == [(VENUE_SESSION, first, 3)]
    rig.now += MS - 1
    assert requests(rig) == []
    rig.now += 1
    assert requests(rig) == [(VENUE_SESSION, first, 3)]
    rig.venue_sequence = first
    rig.venue(executed(ref, 1), executed(ref, 2))
    rig.now += MS
    assert requests(rig) == [(VENUE_SESSION, first + 2, 1)]
    rig.venue(executed(ref, 5))
    rig.now += MS
    assert requests(rig) == [] and order(rig, ref).leaves == 92


def test_a_heartbeat_reveals_a_gap(rig: Rig) -> None:
    rig.packet(ORDERS, mold.header(VENUE_SESSION, rig.venue_sequence + 4, 0))
    assert requests(rig) == [(VENUE_SESSION, rig.venue_sequence, 4)]
    assert rig.count("channel_drop_gap") == 0


def test_a_thousand_requests_and_the_session_is_lost(rig: Rig) -> None:
    rig.packet(ORDERS, mold.header(VENUE_SESSION, rig.venue_sequence + 1, 0))
    asked = 0
    for _ in range(1000):
        asked += len(requests(rig))
        assert not inspect.channel_lost(rig.engine)
        rig.now += MS
    assert asked == 1000 == rig.count("channel_requests_sent")
    assert requests(rig) == [] and inspect.channel_lost(rig.engine)
    rig.step()
    assert inspect.halt(rig.engine) == Kill.CHANNEL_LOST
    rig.packet(ORDERS, mold.build(b"VENUE00002", 1, [wire("ouch_system_event", event_code="S")]))
    assert not inspect.channel_lost(rig.engine), "the venue has started anew"


def test_a_new_session_begins_at_one_or_not_at_all(rig: Rig) -> None:
    ref = live(rig)
    before = rig.fingerprint()
    rig.packet(ORDERS, mold.build(b"VENUE00002", 2, [executed(ref, 1)]))
    assert rig.count("channel_drop_session") == 1 and rig.fingerprint() == before
    rig.packet(ORDERS, mold.build(b"VENUE00002", 1, [executed(ref, 1)]))
    assert order(rig, ref).leaves == 99


def test_first_datagram_of_all_may_be_lost() -> None:
    with Rig() as rig:
        drain(rig)
        rig.packet(ORDERS, mold.build(VENUE_SESSION, 2, [wire("ouch_system_event")]))
        assert requests(rig) == [(VENUE_SESSION, 1, 2)]


def test_feed_messages_do_not_stop_the_channel(rig: Rig) -> None:
    rig.feed(add(900, BID, 1, 5))
    assert drain(rig) == []
