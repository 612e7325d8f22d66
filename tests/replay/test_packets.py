"""Packet in, packet out: what the appliance answers, byte for byte against scapy."""

from __future__ import annotations

from pathlib import Path

import pytest
from packet_rig import Rig
from scapy.packet import Packet
from scapy.utils import rdpcap, wrpcap

from itch_ouch import layers as wire
from itch_ouch.layers import OUCHTag

POST_ONLY = OUCHTag(tag=12, value=b"P")
CL_ORD_ID = b"TICKPATH      "


def directory(stock: bytes = b"ACME    ", locate: int = 7) -> Packet:
    return wire.ITCHStockDirectory(stock_locate=locate, stock=stock)


def add(reference: int, side: bytes, shares: int, price: int, locate: int = 7) -> Packet:
    return wire.ITCHAddOrder(stock_locate=locate, order_reference_number=reference,
                             buy_sell_indicator=side, shares=shares, stock=b"ACME    ",
                             price=price)


def enter(number: int, side: bytes, shares: int, price: int, *, ioc: bool = False,
          post_only: bool = True) -> Packet:
    return wire.OUCHEnterOrder(
        user_ref_num=number, side=side, quantity=shares, symbol=b"ACME    ", price=price,
        time_in_force=b"3" if ioc else b"0", display=b"Y", capacity=b"P",
        intermarket_sweep_eligibility=b"N", cross_type=b"N", cl_ord_id=CL_ORD_ID,
        appendage=[POST_ONLY] if post_only else [])


def accepted(number: int, side: bytes, shares: int, price: int, reference: int) -> Packet:
    return wire.OUCHOrderAccepted(
        user_ref_num=number, side=side, quantity=shares, symbol=b"ACME    ", price=price,
        time_in_force=b"0", display=b"Y", order_reference_number=reference, capacity=b"P",
        intermarket_sweep_eligibility=b"N", cross_type=b"N", order_state=b"L",
        cl_ord_id=CL_ORD_ID, appendage=[])


def start(rig: Rig) -> None:
    """The account query and its answer, the directory, and a book."""
    rig.run()
    assert rig.sent() == [rig.expected(1, wire.OUCHAccountQuery())]
    rig.venue(wire.OUCHAccountQueryResponse(next_user_ref_num=41))
    assert rig.sent() == []


def test_quote_joins_and_follows(tmp_path: Path) -> None:
    with Rig('[strategy]\nname="quote"\nshares=200\n', tmp_path) as rig:
        start(rig)
        rig.feed(directory(), add(1, b"B", 300, 99_9900), add(2, b"S", 500, 100_0100))
        assert rig.sent() == [
            rig.expected(2, enter(41, b"B", 200, 99_9900), enter(42, b"S", 200, 100_0100))]
        rig.venue(accepted(41, b"B", 200, 99_9900, 3), accepted(42, b"S", 200, 100_0100, 4))
        assert rig.sent() == []
        # A better bid appears: the quote moves up to it by one replace.
        rig.feed(add(3, b"B", 200, 99_9900), add(4, b"S", 200, 100_0100),
                 add(5, b"B", 100, 100_0000))
        replace = wire.OUCHReplaceOrder(
            orig_user_ref_num=41, user_ref_num=43, quantity=200, price=100_0000,
            time_in_force=b"0", display=b"Y", intermarket_sweep_eligibility=b"N",
            cl_ord_id=CL_ORD_ID, appendage=[POST_ONLY])
        assert rig.sent() == [rig.expected(4, replace)]
        assert rig.counts()["sent_replace"] == 1


def test_cross_takes_the_offer(tmp_path: Path) -> None:
    with Rig('[strategy]\nname="cross"\nshares=300\nimbalance_thousandths=500\n', tmp_path) as rig:
        start(rig)
        rig.feed(directory(), add(1, b"B", 900, 100_0000), add(2, b"S", 100, 100_0100))
        assert rig.sent() == [
            rig.expected(2, enter(41, b"B", 300, 100_0100, ioc=True, post_only=False))]


def test_the_slower_line_and_a_repeat_cause_nothing(tmp_path: Path) -> None:
    with Rig('[strategy]\nname="cross"\nshares=300\nimbalance_thousandths=500\n', tmp_path) as rig:
        start(rig)
        book = (directory(), add(1, b"B", 900, 100_0000), add(2, b"S", 100, 100_0100))
        rig.feed(*book, line="b")
        assert len(rig.sent()) == 1
        rig.feed(*book, line="a", sequence=1)
        rig.feed(*book, line="b", sequence=1)
        assert rig.sent() == []
        assert rig.counts()["feed_duplicates_a"] == 3
        assert rig.counts()["feed_duplicates_b"] == 3


def test_no_order_leaves_while_a_gap_is_open(tmp_path: Path) -> None:
    with Rig('[strategy]\nname="cross"\nshares=300\nimbalance_thousandths=500\n', tmp_path) as rig:
        start(rig)
        rig.feed(directory(), sequence=1)
        rig.feed(add(2, b"S", 100, 100_0100), sequence=3)
        assert rig.sent() == []
        rig.feed(add(1, b"B", 900, 100_0000), sequence=2, line="b")
        assert len(rig.sent()) == 1


def test_a_kill_holds_orders_and_cancels_what_is_open(tmp_path: Path) -> None:
    with Rig('[strategy]\nname="quote"\nshares=200\n', tmp_path) as rig:
        start(rig)
        rig.feed(directory(), add(1, b"B", 300, 99_9900), add(2, b"S", 500, 100_0100))
        rig.sent()
        rig.venue(accepted(41, b"B", 200, 99_9900, 3), accepted(42, b"S", 200, 100_0100, 4))
        rig.state.header["kill"] = 1
        rig.run()
        cancels = [wire.OUCHCancelOrder(user_ref_num=n, quantity=0) for n in (41, 42)]
        assert rig.sent() == [rig.expected(4, *cancels)]
        rig.venue(*[wire.OUCHOrderCanceled(user_ref_num=n, quantity=200, reason=b"U")
                    for n in (41, 42)])
        rig.feed(add(5, b"B", 100, 100_0000))
        assert rig.sent() == []
        assert rig.counts()["risk_killed"] >= 1
        assert "orders_open" not in rig.counts()


@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
def test_a_capture_in_orders_out(tmp_path: Path, ending: str) -> None:
    """The frames of one session, written by scapy, give the same orders from the capture."""
    with Rig('[strategy]\nname="quote"\nshares=200\n', tmp_path) as rig:
        start(rig)
        rig.feed(directory(), add(1, b"B", 300, 99_9900), add(2, b"S", 500, 100_0100))
        first = rig.sent()
        capture = tmp_path / f"session.{ending}"
        wrpcap(str(capture), [p for p in rig.crossed if p.haslayer(wire.MoldUDP64)])
    with Rig('[strategy]\nname="quote"\nshares=200\n', tmp_path) as rig:
        rig.run()
        rig.sent()
        for packet in rdpcap(str(capture)):
            to_us = packet["UDP"].dport == rig.config.orders.port
            if to_us or packet["UDP"].dport == 26477:
                rig.put("orders" if to_us else "feed_a", packet)
                rig.run()
        assert rig.sent() == first
