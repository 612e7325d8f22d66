"""The demo, measured: exchange and appliance as two processes, recording off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from bench.rows import Row, curve_of, percentiles
from bench.settings import ROOT, Settings
from dpdk_bindings.env import Histogram

SECONDS = 5
RATE_PER_S = 200_000


def demo(backend: str, settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """One run's result, and its histograms by name."""
    folder = settings.out / f"live-{backend}-{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "scripts/demo.py", "--backend", backend, "--json", "--seconds",
         str(SECONDS), "--rate", str(RATE_PER_S), "--checkpoint-every", "0", "--no-journal",
         "--out", str(folder.resolve())],
        cwd=ROOT, capture_output=True)
    if done.returncode:
        raise SystemExit(f"the live run over {backend} went wrong:\n"
                         f"{done.stdout.decode()[-2000:]}{done.stderr.decode()[-2000:]}")
    histograms = json.loads((folder / "histograms.json").read_text())
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return json.loads(done.stdout), histograms


def latency(name: str, title: str, run: tuple[dict[str, Any], dict[str, Any]],
            targets: dict[str, str] | None = None) -> list[Row]:
    """One latency's rows of a run."""
    result, histograms = run
    curve = curve_of(Histogram.from_json(histograms[name]))
    return percentiles(title, result["latency"][name], targets, curve)
