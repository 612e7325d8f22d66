"""MoldUDP64: literal bytes both ways, and the edge cases of its document."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from itch_ouch import layers, mold, net
from itch_ouch.errors import Refused

# Both addresses named: scapy would ask the network for a missing one.
ETHERNET = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")

SESSION = b"000010059B"
LITERAL = SESSION + bytes.fromhex("0000000000e12f19 0002 0003 616263 0000")


def reason(payload: bytes) -> str:
    try:
        mold.parse(payload)
    except Refused as refused:
        return refused.reason
    return "ok"


def test_literal_bytes_build() -> None:
    assert mold.build(SESSION, 0xE12F19, [b"abc", b""]) == LITERAL
    scapy = layers.MoldUDP64(
        session=SESSION, sequence_number=0xE12F19, messages=[Raw(b"abc"), Raw(b"")]
    )
    assert bytes(scapy) == LITERAL


def test_literal_bytes_dissect() -> None:
    packet = mold.parse(LITERAL)
    assert packet == (SESSION, 0xE12F19, [b"abc", b""], False)
    scapy = layers.MoldUDP64(LITERAL)
    assert (scapy.session, scapy.sequence_number, scapy.message_count) == (SESSION, 0xE12F19, 2)
    assert [bytes(m) for m in scapy.messages] == [b"abc", b""]


def test_a_whole_packet_of_layers_builds_and_dissects() -> None:
    order = layers.ITCHAddOrder(
        stock_locate=7, order_reference_number=9, buy_sell_indicator=b"B", shares=100,
        stock=b"AAPL", price=1_000_000,
    )  # fmt: skip
    packet = ETHERNET / IP(src="10.0.0.1", dst="233.54.12.111") / UDP()
    data = bytes(
        packet / layers.MoldUDP64(session=SESSION, sequence_number=1, messages=[order, order])
    )
    assert mold.parse(net.parse_udp(data).payload).messages == [bytes(order)] * 2
    dissected = Ether(data)[layers.MoldUDP64]
    assert [type(m) for m in dissected.messages] == [layers.ITCHAddOrder] * 2
    assert dissected.messages[0].stock == b"AAPL"
    assert bytes(dissected) == net.parse_udp(data).payload


def test_heartbeat_and_end_of_session() -> None:
    assert mold.parse(mold.header(SESSION, 5, mold.COUNT_HEARTBEAT)) == (SESSION, 5, [], False)
    assert mold.parse(mold.header(SESSION, 5, mold.COUNT_END)) == (SESSION, 5, [], True)
    end = layers.MoldUDP64(mold.header(SESSION, 5, mold.COUNT_END))
    assert (end.message_count, end.messages) == (0xFFFF, [])


@pytest.mark.parametrize("length", [0, 1, 19])
def test_runts(length: int) -> None:
    assert reason(LITERAL[:length]) == "runt"


@pytest.mark.parametrize(
    ("expected", "count", "blocks"),
    [
        ("trailing", 0, b"\0\1a"),
        ("trailing", 0xFFFF, b"\0\1a"),
        ("trailing", 1, b"\0\1ab"),
        ("trailing", 1, b"\0\1a\0\1b"),
        ("trailing", 1, b"\0\0\0"),
        ("block", 1, b"\0\2a"),
        ("block", 1, b"\xff\xffa"),
        ("block", 1, b"\0"),
        ("block", 2, b"\0\1a\0"),
        ("count", 2, b"\0\1a"),
        ("count", 0xFFFE, b"\0\1a"),
        ("count", 1, b""),
        ("ok", 1, b"\0\0"),
        ("ok", 3, b"\0\0\0\0\0\0"),
    ],
)
def test_lying_packets_by_name(expected: str, count: int, blocks: bytes) -> None:
    assert reason(mold.header(SESSION, 1, count) + blocks) == expected


def test_sequence_numbers_near_the_end() -> None:
    assert reason(mold.header(SESSION, 2**64 - 1, 1) + b"\0\0") == "sequence"
    assert reason(mold.header(SESSION, 2**64 - 2, 1) + b"\0\0") == "ok"
    assert reason(mold.header(SESSION, 2**64 - 1, 0)) == "ok"
    assert reason(mold.header(SESSION, 2**64 - 1, mold.COUNT_END)) == "ok"


def test_most_messages_of_a_packet() -> None:
    most = mold.build(SESSION, 1, [b""] * 0xFFFE, capacity=20 + 2 * 0xFFFF)
    assert len(mold.parse(most).messages) == 0xFFFE
    with pytest.raises(OverflowError):
        mold.build(SESSION, 1, [b""] * 0xFFFF, capacity=20 + 2 * 0xFFFF)


def test_the_builder_stops_at_its_capacity() -> None:
    assert len(mold.build(SESSION, 1, [bytes(1450)])) == 1472
    with pytest.raises(OverflowError):
        mold.build(SESSION, 1, [bytes(1451)])
    with pytest.raises(OverflowError):
        mold.build(SESSION, 1, [bytes(1440), bytes(9)])


def test_requests() -> None:
    request = layers.MoldUDP64Request(session=SESSION, sequence_number=7, message_count=3)
    assert bytes(request) == mold.header(SESSION, 7, 3)
    assert mold.is_request(bytes(request))
    assert reason(bytes(request)) == "count"
    assert not mold.is_request(mold.header(SESSION, 7, mold.COUNT_HEARTBEAT))
    assert not mold.is_request(mold.header(SESSION, 7, mold.COUNT_END))
    assert not mold.is_request(LITERAL)
    assert not mold.is_request(b"")


def test_sessions_are_padded_and_bounded() -> None:
    assert mold.header(b"AB", 1, 0)[:10] == b"AB        "
    with pytest.raises(ValueError, match="10 characters"):
        mold.header(b"12345678901", 1, 0)
