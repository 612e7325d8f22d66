"""A recorded live run replays to byte-equal orders (R2), and the loop keeps its promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from live_pair import Pair

MARKET = ("--seconds", "2", "--rate", "100000", "--symbols", "20", "--live-orders", "2000",
          "--checkpoint-every", "10000", "--seed", "3")


def replay(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "appliance.cli", "replay", str(path), "--json"],
                          capture_output=True, text=True)


def test_a_recorded_run_replays_to_equal_orders(tmp_path: Path) -> None:
    pair = Pair(tmp_path, *MARKET, "--fault", "loss=0.1,duplicate=0.05,reorder=0.05")
    assert pair.failed == []
    done = replay(tmp_path / "recording.tpj")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["equal"] is True
    sent = pair.figures["orders"]
    assert figures["orders"] == sent["new"] + sent["replace"] + sent["cancel"] + 1  # the query

    # The same recording with one order's byte changed is told apart.
    data = bytearray((tmp_path / "recording.tpj").read_bytes())
    at = data.rindex(b"TICKPATH      ")
    data[at] ^= 1
    (tmp_path / "changed.tpj").write_bytes(data)
    assert replay(tmp_path / "changed.tpj").returncode == 1


def test_the_loop_takes_no_page_fault_after_its_first_second(tmp_path: Path) -> None:
    pair = Pair(tmp_path, *MARKET[:1], "4", *MARKET[2:], "--no-journal")
    assert pair.failed == []
    assert pair.figures["page_faults_after_first_second"] == 0
