"""What a rehearsal did: steps, what each had to show, how long it took; as JSON and as a page.

A step passes when everything it checked holds, and it must have checked something. It is "not run"
when one before it that it needs did not pass, or when it was left out, and then it says so.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["passed", "failed", "not run"]
FORMAT = 1


@dataclass
class Check:
    """One thing that had to hold, in words, and whether it did."""

    what: str
    ok: bool


@dataclass
class Ran:
    """One command in the machine; its output is in the step's log."""

    command: str
    status: int
    seconds: float


@dataclass
class Row:
    """One step of a rehearsal."""

    name: str
    title: str
    outcome: Outcome = "not run"
    seconds: float = 0.0
    why: str = ""  # it failed, or was not run
    checks: list[Check] = field(default_factory=list)
    commands: list[Ran] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    log: str = ""

    def settle(self, why: str = "") -> None:
        """Decides the outcome from what was checked; ``why`` is what broke it off."""
        wrong = [check.what for check in self.checks if not check.ok]
        if not why and not self.checks:
            why = "nothing was checked"
        self.why = why or "; ".join(wrong)
        self.outcome = "failed" if self.why else "passed"


@dataclass
class Report:
    """A whole rehearsal; written after every step, so that what breaks off is told, too."""

    commit: str
    started: str
    short: bool
    accel: str
    seconds: float = 0.0
    machine: dict[str, Any] = field(default_factory=dict)
    steps: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether all that was to be run was run and passed."""
        run = [row for row in self.steps if row.name not in self.left_out]
        return bool(run) and all(row.outcome == "passed" for row in run)

    def write(self, folder: Path) -> None:
        rows = {"format": FORMAT, "good": self.good, **asdict(self)}
        (folder / "report.json").write_text(json.dumps(rows, indent=2) + "\n")
        (folder / "report.md").write_text(self.page())

    def page(self) -> str:
        """The report for people."""
        form = "short" if self.short else "long"
        lines = [
            f"# Rehearsal of {self.commit}: {'good' if self.good else 'NOT good'}", "",
            f"{self.started}, {form} form, {self.seconds:.0f} s, accelerator {self.accel}.",
            *(f"{name}: {value}." for name, value in self.machine.items()), "",
            "| step | outcome | s | what it is | why |", "|---|---|---|---|---|",
        ]  # fmt: skip
        for row in self.steps:
            outcome = "FAILED" if row.outcome == "failed" else row.outcome
            why = row.why.replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {row.name} | {outcome} | {row.seconds:.1f} | {row.title} | {why} |")
        for row in self.steps:
            if row.checks:
                lines += ["", f"## {row.name}: {row.title}", ""]
                lines += [f"- {'yes' if check.ok else '**NO**'}: {check.what}"
                          for check in row.checks]
            for name, value in row.figures.items():
                lines.append(f"- {name}: {json.dumps(value)}")
        return "\n".join(lines) + "\n"
