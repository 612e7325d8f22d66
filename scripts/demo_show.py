"""The end of a demo: the summary on the terminal, the plot and the report."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from appliance import show as appliance_show
from appliance.telemetry.report import write_report
from dpdk_bindings.env import Histogram


def load_histograms(path: Path) -> dict[str, Histogram]:
    """The appliance's histograms out of their sparse JSON form."""
    return {name: Histogram.from_json(rows) for name, rows in json.loads(path.read_text()).items()}


def host() -> dict[str, Any]:
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "python": platform.python_version()}


def checks_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Is it right?")
    for heading in ("check", "", "detail"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row["name"], "[green]yes[/]" if row["ok"] else "[red]NO[/]", row["detail"])
    return table


def show(options: argparse.Namespace, figures: dict[str, Any]) -> int:
    """Prints and writes everything; 0 when every check holds."""
    figures["host"] = host()
    (options.out / "result.json").write_text(json.dumps(figures, indent=2) + "\n")
    written = write_report(figures, load_histograms(options.out / "histograms.json"), options.out)
    good = all(row["ok"] for row in figures["checks"])
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0 if good else 1
    console = Console()
    appliance_show.summary(console, figures)
    console.print(checks_table(figures["checks"]))
    for path in written:
        console.print(f"wrote {path}")
    return 0 if good else 1
