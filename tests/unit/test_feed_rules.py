"""The feed by example: gaps, both lines, sessions; and that what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from core_rig import BID, FEED_A, FEED_B, FEED_SESSION, MS, ORDERS, Rig, add

from appliance.state import Kill
from itch_ouch import mold

WAITING, LIVE, STALE, ENDED = range(4)
GAP_WAIT_NS = 100 * MS


@pytest.fixture
def rig():  # type: ignore[no-untyped-def]
    with Rig() as made:
        yield made


def messages(first: int, count: int) -> list[bytes]:
    return [add(number, BID, 1, 100) for number in range(first, first + count)]


def send(rig: Rig, first: int, count: int = 1, line: int = FEED_A,
         session: bytes = FEED_SESSION) -> None:  # fmt: skip
    rig.packet(line, mold.build(session, first, messages(first, count)))


def header(rig: Rig, number: int, count: int = 0, session: bytes = FEED_SESSION) -> None:
    rig.packet(FEED_A, mold.header(session, number, count))


def state(rig: Rig) -> int:
    return rig.count("feed_state")


def test_states_of_a_day(rig: Rig) -> None:
    assert state(rig) == WAITING and not rig.engine.feed_live
    send(rig, 1, 3)
    assert state(rig) == LIVE and rig.engine.feed_live
    header(rig, 4)
    assert rig.engine.feed_live
    header(rig, 4, 0xFFFF)
    assert state(rig) == ENDED and not rig.engine.feed_live


def test_line_b_alone_is_enough(rig: Rig) -> None:
    send(rig, 1, 3, FEED_B)
    send(rig, 1, 3, FEED_A)
    counters = rig.counters()
    assert (counters["feed_wins_b"], counters["feed_duplicates_a"]) == (3, 3)
    assert counters["live_orders"] == 3


def test_overlapping_packet_boundaries(rig: Rig) -> None:
    send(rig, 1, 3, FEED_A)
    send(rig, 2, 5, FEED_B)
    send(rig, 4, 2, FEED_A)
    send(rig, 5, 4, FEED_A)
    counters = rig.counters()
    assert (counters["feed_wins_a"], counters["feed_wins_b"]) == (5, 3)
    assert (counters["feed_duplicates_a"], counters["feed_duplicates_b"]) == (4, 2)
    assert counters["feed_messages"] == counters["live_orders"] == 8


def test_gap_is_not_live_until_filled(rig: Rig) -> None:
    send(rig, 1)
    send(rig, 3, 2)
    counters = rig.counters()
    assert not rig.engine.feed_live and counters["feed_gap_open"] == 1
    assert (counters["feed_gaps_a"], counters["feed_buffered"]) == (1, 2)
    assert counters["live_orders"] == 1
    send(rig, 2, 1, FEED_B)
    counters = rig.counters()
    assert rig.engine.feed_live and counters["feed_gaps_filled"] == 1
    assert counters["live_orders"] == 4 and counters["feed_lost"] == 0


def test_gap_given_up_is_stale_for_good(rig: Rig) -> None:
    send(rig, 1)
    send(rig, 4, 2)
    assert not rig.step(after_ns=GAP_WAIT_NS - 1)
    assert rig.step(after_ns=1), "a recorder must know that this step mattered"
    counters = rig.counters()
    assert (counters["feed_lost"], counters["feed_gaps_filled"]) == (2, 0)
    assert state(rig) == STALE and not rig.engine.feed_live
    assert counters["live_orders"] == 3 and counters["feed_gap_open"] == 0
    send(rig, 6)
    assert not rig.engine.feed_live and rig.count("live_orders") == 4
    send(rig, 2, 2, FEED_B)
    assert rig.count("live_orders") == 4, "too late is a duplicate"


@pytest.mark.parametrize("kill", [Kill.FEED_GONE, Kill.OPERATOR])
def test_without_any_line_the_books_are_stale_for_good(rig: Rig, kill: Kill) -> None:
    send(rig, 1, 3)
    rig.kill = kill
    rig.step()
    assert rig.engine.feed_live == (kill == Kill.OPERATOR)
    rig.kill = Kill.ARMED
    send(rig, 4)
    assert (state(rig) == STALE) == (kill == Kill.FEED_GONE)


def test_each_gap_has_its_own_wait(rig: Rig) -> None:
    send(rig, 1)
    send(rig, 3)
    send(rig, 5)
    rig.step(after_ns=GAP_WAIT_NS - 1)
    send(rig, 2, 1, FEED_B)
    assert not rig.step(after_ns=GAP_WAIT_NS - 1), "the second hole was only now the next"
    assert rig.step(after_ns=1)
    counters = rig.counters()
    assert counters["feed_lost"] == 1 and counters["live_orders"] == 4


def test_gaps_that_overlap_for_ever_never_expire(rig: Rig) -> None:
    """Each is filled in time, but there is always another: that is a working feed."""
    for number in range(1, 400, 2):
        send(rig, number + 3)
        send(rig, number + 2, 1, FEED_B)
        send(rig, number, 1, FEED_B)
        send(rig, number + 1, 1, FEED_A)
        rig.step(after_ns=10 * MS)
    assert rig.count("feed_lost") == 0 and state(rig) == LIVE


def test_two_gaps_expire_one_after_the_other(rig: Rig) -> None:
    send(rig, 1)
    send(rig, 3)
    send(rig, 5)
    assert rig.step(after_ns=GAP_WAIT_NS)
    assert rig.count("feed_lost") == 1 and rig.position.expected == 4
    assert rig.step(after_ns=GAP_WAIT_NS)
    assert rig.count("feed_lost") == 2 and rig.position.expected == 6


@pytest.mark.parametrize("count", [0, 0xFFFF])
def test_headers_reveal_a_gap(rig: Rig, count: int) -> None:
    send(rig, 1)
    header(rig, 4, count)
    assert not rig.engine.feed_live and rig.count("feed_gaps_a") == 1
    send(rig, 2, 2, FEED_B)
    assert rig.position.gap_since_ns == 0
    assert state(rig) == (ENDED if count else LIVE)


def test_end_behind_a_gap_given_up(rig: Rig) -> None:
    send(rig, 1)
    header(rig, 4, 0xFFFF)
    assert state(rig) == LIVE
    rig.step(after_ns=GAP_WAIT_NS)
    assert state(rig) == ENDED and rig.count("feed_lost") == 2


def test_session_rolls_after_its_end_only(rig: Rig) -> None:
    send(rig, 1)
    send(rig, 1, 5, session=b"OTHER     ")
    assert rig.count("mold_drop_session") == 1 and rig.count("live_orders") == 1
    header(rig, 2, 0xFFFF)
    send(rig, 1, 5, session=b"OTHER     ")
    counters = rig.counters()
    assert (counters["live_orders"], counters["feed_sessions"]) == (5, 2)
    assert rig.engine.feed_live
    send(rig, 1)
    assert rig.count("mold_drop_session") == 2, "the former session is over"


def test_late_join_waits_then_trades_on_nothing(rig: Rig) -> None:
    send(rig, 200, 2)
    assert not rig.engine.feed_live and rig.count("feed_gap_open") == 1
    rig.step(after_ns=GAP_WAIT_NS)
    assert state(rig) == STALE and rig.count("feed_lost") == 199
    assert rig.count("live_orders") == 2


def test_join_now_takes_the_first_number_it_sees() -> None:
    with Rig(feed={"join": "now"}) as rig:
        send(rig, 1000, 2)
        assert rig.count("live_orders") == 2 and rig.count("feed_lost") == 0
        assert state(rig) == STALE and not rig.engine.feed_live
    with Rig(feed={"join": "now"}) as rig:
        send(rig, 1, 2)
        assert rig.engine.feed_live, "from the beginning nothing is missing"


def test_reorder_buffer_bounds_are_counted(rig: Rig) -> None:
    slots = 256
    send(rig, 1)
    send(rig, slots + 1, 3)  # two inside the window of [2, 258), one beyond
    assert rig.count("feed_buffered") == 1 and rig.count("feed_buffer_full") == 2
    rig.packet(FEED_A, mold.build(FEED_SESSION, 3, [b"?" * 53, b"?" * 52]))
    assert rig.count("feed_buffer_oversize") == 1 and rig.count("feed_buffered") == 2
    send(rig, 2, 1, FEED_B)
    assert rig.position.expected == 3, "the oversize message has to come again"
    rig.step(after_ns=GAP_WAIT_NS)
    assert rig.position.expected == 5 and rig.count("feed_lost") == 1


def test_numbers_near_the_end_of_their_space() -> None:
    top = (1 << 64) - 1
    with Rig(feed={"join": "now"}) as rig:
        send_at = top - 3
        rig.packet(FEED_A, mold.build(FEED_SESSION, send_at, messages(1, 1)))
        rig.packet(FEED_A, mold.build(FEED_SESSION, top - 1, messages(3, 1)))
        rig.packet(FEED_B, mold.build(FEED_SESSION, top - 2, messages(2, 1)))
        assert rig.count("live_orders") == 3 and rig.position.expected == top
        rig.packet(FEED_A, mold.build(FEED_SESSION, top, messages(4, 1)))
        assert rig.count("mold_drop_sequence") == 1 and rig.position.expected == top
        rig.packet(FEED_A, mold.header(FEED_SESSION, top, 0xFFFF))
        assert state(rig) == ENDED
    with Rig() as rig:
        send(rig, 1)
        header(rig, top)
        rig.step(after_ns=GAP_WAIT_NS)
        # A number that no feed reaches is not believed, or all that follows were duplicates.
        assert rig.position.expected == 2 and rig.count("mold_drop_sequence") == 1


# ---- refusals ------------------------------------------------------------------------------------


def _poke(offset: int, value: bytes) -> Callable[[bytes], bytes]:
    return lambda frame: frame[:offset] + value + frame[offset + len(value) :]


IP, UDP, MOLD = 14, 34, 42
FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "net_drop_runt": lambda frame: frame[:20],
    "net_drop_ethertype": _poke(12, b"\x86\xdd"),
    "net_drop_ip_version": _poke(IP, b"\x65"),
    "net_drop_ip_header": _poke(IP, b"\x44"),
    "net_drop_ip_length": lambda frame: frame[:-1],
    "net_drop_ip_checksum": _poke(IP + 8, b"\x07"),
    "net_drop_udp_checksum": _poke(MOLD + 12, b"\x07"),
    "net_drop_fragment": _poke(IP + 6, b"\x20\x00"),
    "net_drop_protocol": _poke(IP + 9, b"\x06"),
    "net_drop_udp_length": _poke(UDP + 4, b"\x00\x09"),
    "net_drop_address": _poke(UDP + 2, b"\x00\x09"),
}
UNCHECKED = ("fragment", "protocol", "udp_length", "address")
PAYLOADS: dict[str, bytes] = {
    "mold_drop_runt": mold.header(FEED_SESSION, 1, 0)[:19],
    "mold_drop_count": mold.build(FEED_SESSION, 1, messages(1, 2))[:18] + b"\0\3"
    + mold.build(FEED_SESSION, 1, messages(1, 2))[20:],
    "mold_drop_block": mold.build(FEED_SESSION, 1, messages(1, 2))[:-1],
    "mold_drop_trailing": mold.build(FEED_SESSION, 1, messages(1, 2)) + b"\0",
    "mold_drop_sequence": mold.build(FEED_SESSION, (1 << 64) - 1, messages(1, 2)),
    "itch_drop_length": mold.build(FEED_SESSION, 1, [*messages(1, 2), b"A"]),
    "mold_drop_session": mold.build(b"STRANGER  ", 3, messages(9, 2)),
}  # fmt: skip


def _rejects(rig: Rig, name: str, role: int, frame: bytes, flags: int = 0) -> None:
    before, counters = rig.fingerprint(), rig.counters()
    rig.step((role, frame, flags))
    assert rig.fingerprint() == before
    changed = {n: v - counters[n] for n, v in rig.counters().items() if v != counters[n]}
    roles = ("feed_a", "feed_b", "orders")
    changed.pop(f"rx_frames_{roles[role]}")
    assert changed.pop(f"rx_bytes_{roles[role]}", 0) == len(frame)
    assert changed == {name: 1}


@pytest.mark.parametrize("role", [FEED_A, FEED_B, ORDERS])
@pytest.mark.parametrize("name", FRAMES)
def test_refused_frame_changes_nothing(rig: Rig, role: int, name: str) -> None:
    send(rig, 1, 2)
    good = rig.frame(role, mold.build(FEED_SESSION, 3, messages(3, 2)))
    checked = not name.endswith(UNCHECKED)
    _rejects(rig, name, role, FRAMES[name](good), 0 if checked else 1)


@pytest.mark.parametrize("name", PAYLOADS)
def test_refused_payload_changes_nothing(rig: Rig, name: str) -> None:
    send(rig, 1, 2)
    _rejects(rig, name, FEED_B, rig.frame(FEED_B, PAYLOADS[name]))


def test_trusted_checksums_are_not_looked_at(rig: Rig) -> None:
    wrong = FRAMES["net_drop_udp_checksum"](rig.frame(FEED_A, mold.build(FEED_SESSION, 1, [b"?"])))
    for flags in (1, 2, 3):
        rig.step((FEED_A, wrong, flags))
    assert rig.count("net_drop_udp_checksum") == 0
    rig.step((FEED_A, wrong, 0))
    assert rig.count("net_drop_udp_checksum") == 1
