"""The days that are measured on: each generated once, from a seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.settings import ROOT, Settings

LIVE_ORDERS_SHARE = 0.09  # of the messages: 0.9 million of ten
LIVE_ORDERS_MIN = 1000
SEED = 1


def day_file(settings: Settings) -> Path:
    """The generated day of so many messages and symbols."""
    live = max(LIVE_ORDERS_MIN, int(settings.messages * LIVE_ORDERS_SHARE))
    name = f"day-{settings.messages}-{settings.symbols}"
    return _generated(settings.out / f"{name}.itch", settings.messages, settings.symbols, live)


def day_of(out: Path, messages: int, symbols: int, live_orders: int) -> Path:
    """The generated day of so many messages, symbols, and live orders at its height."""
    name = f"day-{messages}-{symbols}-{live_orders}.itch"
    return _generated(out / name, messages, symbols, live_orders)


def counts_of(day: Path) -> dict[str, int]:
    """What the generator counted of a day that it made: messages, live orders at the end."""
    said = json.loads(day.with_suffix(".generated.json").read_text())
    return {"messages": said["messages"], "live_orders": said["live_orders_at_end"],
            "live_orders_peak": said["live_orders_max"]}


def _generated(path: Path, messages: int, symbols: int, live_orders: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    if not path.exists():
        partial = path.with_suffix(".part.itch")
        done = subprocess.run(
            [sys.executable, "-m", "feed_sim.cli", "generate", "--messages", str(messages),
             "--symbols", str(symbols), "--live-orders", str(live_orders), "--seed", str(SEED),
             "--json", str(partial)],
            check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        path.with_suffix(".generated.json").write_text(done.stdout)
        partial.rename(path)
    return path
