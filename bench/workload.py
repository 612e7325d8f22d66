"""The day that is measured on: generated once, from a seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.settings import ROOT, Settings

LIVE_ORDERS_SHARE = 0.09  # of the messages: 0.9 million of ten
LIVE_ORDERS_MIN = 1000


def day_file(settings: Settings) -> Path:
    """The generated day of so many messages and symbols."""
    messages, symbols = settings.messages, settings.symbols
    settings.out.mkdir(parents=True, exist_ok=True)
    path = (settings.out / f"day-{messages}-{symbols}.itch").resolve()
    if not path.exists():
        partial = path.with_suffix(".part.itch")
        live = max(LIVE_ORDERS_MIN, int(messages * LIVE_ORDERS_SHARE))
        subprocess.run(
            [sys.executable, "-m", "feed_sim.cli", "generate", "--messages", str(messages),
             "--symbols", str(symbols), "--live-orders", str(live), "--seed", "1", str(partial)],
            check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        partial.rename(path)
    return path
