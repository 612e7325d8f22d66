"""How a plan looks on a terminal: stage by stage, what differs with its reason, the rest on demand.

Targets that are alike (a hundred interrupts) share a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from appliance.host.cpus import format_list
from appliance.host.stage import Setting, Stage
from appliance.host.tuner import shown
from appliance.host.wish import Wish

MARKS = {"ok": "[green]ok[/]    ", "change": "[yellow]change[/]", "boot": "[magenta]reboot[/]",
         "manual": "[cyan]you[/]   ", "refused": "[red]no[/]    ", "absent": "[dim]n/a[/]   "}
TARGETS_SHOWN_MAX = 3
VALUE_COLUMNS_MAX = 60


def print_plan(console: Console, rows: Sequence[tuple[Stage, Setting]], wish: Wish,
               half_applied: bool, everything: bool) -> None:
    """Prints the plan; settings that hold or are not here only when ``everything``."""
    console.print(f"Loops on core {format_list(wish.cores) or '-'} ({wish.chosen})",
                  highlight=False)
    for stage, group in groupby(rows, key=lambda row: row[0]):
        settings = [setting for _, setting in group]
        shown_ones = [s for s in settings if everything or s.verdict not in ("ok", "absent")]
        if not shown_ones:
            continue
        console.print(f"\n[bold]{escape(stage.title)}[/]")
        for alike in _alike(shown_ones):
            _print_alike(console, stage, alike)
    if half_applied:
        console.print("\n[yellow]an earlier plan was cut short: `appliance tune apply` finishes "
                      "it, `appliance tune undo` takes it back[/]", highlight=False)
    console.print(f"\n{summary([setting for _, setting in rows])}", highlight=False)


def summary(settings: Sequence[Setting]) -> str:
    """One line of what there is to do."""
    counts = {verdict: sum(s.verdict == verdict for s in settings) for verdict in MARKS}
    parts = [f"{counts['ok']} right", f"{counts['change']} to change (`appliance tune apply`)"]
    if counts["boot"]:
        parts.append(f"{counts['boot']} at the next boot")
    if counts["manual"]:
        parts.append(f"{counts['manual']} for you")
    if counts["refused"]:
        parts.append(f"{counts['refused']} asked for and not possible")
    if counts["absent"]:
        parts.append(f"{counts['absent']} not here (--all shows them)")
    return ", ".join(parts) + "; what a knob means: `appliance tune explain KNOB`"


def _alike(settings: Sequence[Setting]) -> list[list[Setting]]:
    groups: dict[tuple[str, ...], list[Setting]] = {}
    for s in settings:
        groups.setdefault((s.knob, s.found, s.wanted, s.verdict, s.reason, s.remedy), []).append(s)
    return list(groups.values())


def _print_alike(console: Console, stage: Stage, alike: Sequence[Setting]) -> None:
    first = alike[0]
    targets = ", ".join(setting.target for setting in alike[:TARGETS_SHOWN_MAX])
    if len(alike) > TARGETS_SHOWN_MAX:
        targets += f" and {len(alike) - TARGETS_SHOWN_MAX} more"
    change = _clipped(first.found)
    if first.verdict not in ("ok", "absent"):
        change += f" -> {_clipped(first.wanted)}"
    console.print(f"  {MARKS[first.verdict]}  {escape(first.knob)}: "
                  f"{escape(change if first.verdict != 'absent' else 'not here')}",
                  highlight=False)
    notes = [f"[dim]{escape(targets)}[/]"]
    if first.verdict in ("change", "boot", "manual", "refused"):
        knob = next(knob for knob in stage.knobs if knob.id == first.knob)
        notes.append(escape(knob.title + (f"; {first.reason}" if first.reason else "")))
    elif first.reason:
        notes.append(escape(first.reason))
    if first.remedy:
        notes.append(f"[bold]{escape(first.remedy)}[/]")
    for note in notes:
        console.print(Padding(note, (0, 0, 0, 10)), highlight=False)


def _clipped(value: str) -> str:
    text = shown(value)
    return text if len(text) <= VALUE_COLUMNS_MAX else text[: VALUE_COLUMNS_MAX - 3] + "..."
