"""Exchange and appliance in two network namespaces, over veth pairs: three of which one is cut
meanwhile, or one for both lines and the orders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from live_pair import Pair

MARKET = ("--seconds", "3", "--rate", "50000", "--symbols", "20", "--live-orders", "1500",
          "--checkpoint-every", "100", "--no-journal")


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are root's to make")
@pytest.mark.parametrize("backend", ["afxdp", "afpacket"])
def test_books_agree_though_a_line_is_cut_and_mended(tmp_path: Path, backend: str) -> None:
    pair = Pair(tmp_path, *MARKET, "--cut", "--backend", backend)
    assert pair.failed == []
    assert "cut" in [row["name"] for row in pair.checks]
    assert pair.books["compared"] >= 500
    assert pair.figures["orders"]["accepted"] > 0
    counters = pair.figures["counters"]
    assert counters["queue_drop_orders_rx_missed"] == 0
    # Its own steering leaves to the kernel what is not the feed's: nothing has to be dropped.
    dropped = sum(count for name, count in counters.items() if name.startswith("net_drop"))
    assert backend != "afxdp" or dropped == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are root's to make")
@pytest.mark.parametrize(("backend", "obtained"), [
    ("afxdp", "afxdp share+copy"), ("auto", "afxdp share+copy"), ("afpacket", "afpacket mmap-v2")])
def test_feed_and_orders_go_through_one_port(
    tmp_path: Path, backend: str, obtained: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pair = Pair(tmp_path, *MARKET, "--one-port", "--backend", backend)
    assert pair.failed == []  # no order without an answer, no message lost
    assert pair.books["compared"] >= 500
    assert pair.figures["orders"]["accepted"] > 0
    assert set(pair.figures["backend"].values()) == {obtained}
    counters = pair.figures["counters"]
    lost = {name: count for name, count in counters.items()
            if name.startswith(("queue_drop_", "net_drop_")) and count}
    # Who opens a packet socket hears everything on the wire, and drops the others' by name.
    assert set(lost) <= ({"net_drop_address", "net_drop_ethertype"} if backend == "afpacket"
                        else set())
    if backend == "auto":
        said = capfd.readouterr().err
        assert "feed_a: share(hears=233.54.12.111:26477):auto:port took afxdp share+copy" in said
        assert "orders: share:auto:port took afxdp share+copy, as feed_a did" in said
