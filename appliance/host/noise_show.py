"""The core-noise meter's figures for people: tables, a drawing of the histogram, the verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from appliance.telemetry.units import duration, tick
from dpdk_bindings.env import Histogram
from dpdk_bindings.env.histogram import LOWEST

BAR_COLUMNS = 40
SOURCES_SHOWN = 12  # more rows than that are in --json
WHO_SHOWN = 3  # threads that ran in one gap
# What a gap's cause is called, in the order of noise.pyx.
CAUSES = {
    "other": "interrupt, or below the kernel",
    "preempted": "another thread ran",
    "slept": "stopped",
    "faulted": "page fault",
}
FACTS: dict[str, tuple[str, Callable[[int], str]]] = {
    "run_delay_ns": ("waited to run", duration),
    "steal_ms": ("stolen by the hypervisor", lambda ms: duration(ms * 1e6)),
    "guest_ms": ("in guests of ours", lambda ms: duration(ms * 1e6)),
    "irq_ms": ("in interrupts, by ticks", lambda ms: duration(ms * 1e6)),
    "softirq_ms": ("in softirqs, by ticks", lambda ms: duration(ms * 1e6)),
    "smi": ("system management interrupts", "{:,}".format),
    "frequency_khz_before": ("frequency at the start", lambda khz: f"{khz / 1000:,.0f} MHz"),
    "frequency_khz": ("frequency at the end", lambda khz: f"{khz / 1000:,.0f} MHz"),
    "frequency_changes": ("changes of frequency", "{:,}".format),
    "thermal_throttles": ("throttled by temperature", "{:,}".format),
    "quota_throttles": ("throttled by its control group", "{:,}".format),
}


def show(console: Console, figures: dict[str, Any], histograms: list[Histogram]) -> None:
    """Prints everything that was measured, a core after the other."""
    for row, histogram in zip(figures["cores"], histograms, strict=True):
        where = "isolated" if row["isolated"] else "not isolated"
        _say(console, f"core {row['core']}, NUMA node {row['numa_node']}, {where}: "
                      f"{row['reads']:,} reads of the clock ({row['clock']}) in "
                      f"{duration(row['seconds'] * 1e9)}; the time between two of them:", "bold")
        console.print(_summary(row))
        _say(console, f"noise: {row['noise_ns_per_s']:,.0f} ns a second, "
                      f"{row['noise_percent']:.4f} % of the time, in {row['gaps']:,} gaps of "
                      f"{duration(row['threshold_ns'])} or more; a step of the meter takes "
                      f"{row['step_ns']} ns, its questions to the kernel took "
                      f"{duration(row['blind_ns'])}")
        for line in drawing(histogram, row["threshold_ns"]):
            console.print(line, markup=False, highlight=False)
        console.print()
        if row["gaps"]:
            console.print(_causes(row))
            console.print(_worst(row))
        console.print(_sources(row))
        for name, why in row["absent"].items():
            _say(console, f"not here: {name}: {why}", "dim")
        if "osnoise" not in row["absent"]:
            _say(console, f"the kernel's osnoise tracer is here: as root, `rtla osnoise top -c "
                          f"{row['core']}` tells the cause of each gap")
        _say(console, row["verdict"], "bold")
    if figures["ended_early"]:
        _say(console, "ended early: these are the figures so far")


def _say(console: Console, sentence: str, style: str = "") -> None:
    """As it stands: names of threads may look like markup, and terminals break lines."""
    console.print(sentence, style=style, highlight=False, markup=False, soft_wrap=True)


def _summary(row: dict[str, Any]) -> Table:
    table = Table()
    marks = row["histogram"]
    for name in marks:
        table.add_column(name, justify="right")
    table.add_row(*(duration(ns) for ns in marks.values()))
    return table


def drawing(histogram: Histogram, threshold_ns: int) -> list[str]:
    """A bar for each 1-2-5 step that has gaps; its length is the logarithm of their number."""
    counts = histogram.counts()
    filled = np.flatnonzero(counts)
    if not len(filled):
        return []
    edges = [0, *(step * 10**power for power in range(1, 11) for step in (1, 2, 5))]
    places = np.searchsorted(np.array(edges), LOWEST[filled], side="right") - 1
    sums = {int(at): int(counts[filled[places == at]].sum()) for at in np.unique(places)}
    scale = math.log10(max(sums.values()) + 1)
    lines = ["gaps from   how many (bars are logarithmic)"]
    for at in range(min(sums), max(sums) + 1):
        count = sums.get(at, 0)
        bar = "█" * math.ceil(BAR_COLUMNS * math.log10(count + 1) / scale)
        mark = "noise " if edges[at] >= threshold_ns else ""
        lines.append(f"{tick(edges[at]):>9}  {count:>13,}  {bar:<{BAR_COLUMNS}} {mark}".rstrip())
    return lines


def _causes(row: dict[str, Any]) -> Table:
    table = Table(title=f"gaps of {duration(row['threshold_ns'])} or more, by cause",
                  title_justify="left")
    for name in ("cause", "gaps", "time"):
        table.add_column(name, justify="left" if name == "cause" else "right")
    for name, cause in row["causes"].items():
        if cause["gaps"]:
            table.add_row(CAUSES[name], f"{cause['gaps']:,}", duration(cause["ns"]))
    return table


def _worst(row: dict[str, Any]) -> Table:
    table = Table(title="the worst of them", title_justify="left")
    for name in ("at", "gap"):
        table.add_column(name, justify="right")
    table.add_column("cause")
    for gap in row["worst"]:
        who = [f"{escape(t['name'])} {duration(t['ran_ns'])}" for t in gap["threads"]]
        if len(who) > WHO_SHOWN:
            who[WHO_SHOWN:] = [f"{len(who) - WHO_SHOWN} more"]
        cause = CAUSES[gap["cause"]]
        table.add_row(f"{gap['at_s']:.6f} s", duration(gap["ns"]),
                      f"{cause}: {', '.join(who)}" if who else cause)
    return table


def _sources(row: dict[str, Any]) -> Table:
    table = Table(title="who came by meanwhile" if row["tasks_exact"] else
                  "who came by meanwhile; of threads, those last seen here", title_justify="left")
    for name in ("who", "what", "count"):
        table.add_column(name, justify="right" if name == "count" else "left")
    for kind, suffix in (("interrupts", ""), ("softirqs", " softirq")):
        for source in row[kind][:SOURCES_SHOWN]:
            table.add_row(escape(source["name"]) + suffix, escape(source["what"]),
                          f"{source['count']:,} ({source['per_s']:,.0f}/s)")
    for task in row["tasks"][:SOURCES_SHOWN]:
        table.add_row(f"thread {task['thread']}",
                      f"{escape(task['name'])}, ran {duration(task['ran_ns'])}",
                      f"{task['slices']:,}")
    switches = row["switches"]
    table.add_row("the meter", "was preempted", f"{switches['preempted']:,}")
    table.add_row("", "left the core by itself", f"{switches['slept']:,}")
    table.add_row("", "took page faults", f"{switches['faults']:,}")
    for name, (what, as_text) in FACTS.items():
        if name in row["facts"]:
            table.add_row("", what, as_text(row["facts"][name]))
    return table
