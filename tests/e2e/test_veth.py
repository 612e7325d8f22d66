"""Exchange and appliance in two network namespaces, over veth pairs; one is cut meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from live_pair import Pair

MARKET = ("--cut", "--seconds", "3", "--rate", "50000", "--symbols", "20", "--live-orders", "1500",
          "--checkpoint-every", "100", "--no-journal")


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are root's to make")
@pytest.mark.parametrize("backend", ["afxdp", "afpacket"])
def test_books_agree_though_a_line_is_cut_and_mended(tmp_path: Path, backend: str) -> None:
    pair = Pair(tmp_path, *MARKET, "--backend", backend)
    assert pair.failed == []
    assert "cut" in [row["name"] for row in pair.checks]
    assert pair.books["compared"] >= 500
    assert pair.figures["orders"]["accepted"] > 0
    counters = pair.figures["counters"]
    assert counters["queue_drop_orders_rx_missed"] == 0
    # Its own steering leaves to the kernel what is not the feed's: nothing has to be dropped.
    dropped = sum(count for name, count in counters.items() if name.startswith("net_drop"))
    assert backend != "afxdp" or dropped == 0
