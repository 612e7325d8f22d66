"""The appliance's book equals the exchange's own, live, checkpoint by checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_pair import Pair

SEEDS = 20
CHECKPOINTS = 1000
# A market small enough that a digest of all of it costs a tenth of a millisecond.
MARKET = ("--seconds", "1", "--rate", "150000", "--symbols", "20", "--live-orders", "1500",
          "--checkpoint-every", "100", "--no-journal")
# Loss meets every second frame of a line, alternating between the lines: 5 % of each, never the
# same frame on both.
FAULTS = "loss=0.1,duplicate=0.05,reorder=0.05"


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_books_agree(tmp_path: Path, seed: int) -> None:
    strategy = "quote" if seed % 2 else "cross"
    pair = Pair(tmp_path, *MARKET, "--seed", str(seed), "--strategy", strategy)
    assert pair.failed == []
    assert pair.books["compared"] >= CHECKPOINTS
    assert pair.figures["orders"]["accepted"] > 0


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_books_agree_over_impaired_lines(tmp_path: Path, seed: int) -> None:
    pair = Pair(tmp_path, *MARKET, "--seed", str(seed), "--strategy", "quote", "--fault", FAULTS)
    assert pair.failed == []
    assert pair.books["compared"] >= CHECKPOINTS
    feed = pair.figures["feed"]
    # The lines really were impaired, and really healed each other.
    assert feed["gaps_filled"] > 10 and feed["gaps_a"] > 0 and feed["gaps_b"] > 0
