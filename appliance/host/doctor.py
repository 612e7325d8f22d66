"""``appliance doctor``: asks every check, and compares every knob of ``appliance tune``.

A knob is compared in one place, its stage; here its settings become one result, ``tune.KNOB``: the
worst of its targets. So tune and doctor cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from appliance.host.case import Case
from appliance.host.check import (
    FAILING,
    WORST_FIRST,
    Report,
    Result,
    Severity,
    Status,
    ask,
    mend,
    plain,
)
from appliance.host.checks import AREAS, CHECKS
from appliance.host.host import HostError
from appliance.host.stage import Knob, Setting, Stage, Verdict
from appliance.host.stages import STAGES
from appliance.host.tuner import shown

# The worst first: of a knob's targets, the first of these is told.
VERDICTS: tuple[Verdict, ...] = ("refused", "change", "boot", "manual", "ok", "absent")
TARGETS_SHOWN_MAX = 3
# Without these the loop stands still for milliseconds, or cannot start; the others are minor.
MAJOR = frozenset({
    "huge_pages.2mib", "isolation.isolcpus", "isolation.nohz_full", "interrupts.device",
    "interrupts.nic", "frequency.governor", "idle.state", "smt.sibling", "clock.source",
    "memlock.unit", "rt_throttling.runtime", "ptp.daemon",
})


def ids() -> list[str]:
    """Every id, in the order in which they are told."""
    knobs = [f"tune.{knob.id}" for stage in STAGES for knob in stage.knobs]
    known = [check.id for check in CHECKS] + knobs
    return sorted(known, key=lambda id: list(AREAS).index(id.partition(".")[0]))


def chosen_ids(only: Sequence[str]) -> list[str]:
    """Those that are, or begin with, one of the names; all without one. Raises HostError."""
    every = ids()
    for name in only:
        if not any(_named(id, name) for id in every):
            raise HostError(f"there is no check '{name}'; the areas are {', '.join(AREAS)}, and "
                            f"`appliance doctor --json` names every check")
    return [id for id in every if not only or any(_named(id, name) for name in only)]


def _named(id: str, name: str) -> bool:
    return id == name or id.startswith(f"{name}.")


def examine(case: Case, only: Sequence[str] = ()) -> Report:
    """Asks what is chosen, in order; raises HostError on a name that is none."""
    chosen = chosen_ids(only)
    results = {check.id: ask(check, case) for check in CHECKS if check.id in chosen}
    for stage in STAGES:
        if any(f"tune.{knob.id}" in chosen for knob in stage.knobs):
            results |= {result.id: result for result in _stage_results(stage, case)}
    return Report(tuple(results[id] for id in chosen))


def exit_status(report: Report) -> int:
    """0 all is well, 1 something warns, 2 something fails."""
    found = {result.status for result in report.checks}
    return 2 if "fail" in found else 1 if "warn" in found else 0


# ---- knobs ---------------------------------------------------------------------------------------


def _stage_results(stage: Stage, case: Case) -> Iterable[Result]:
    try:
        settings, trouble = stage.check(case.host, case.wish), ""
    except (OSError, ValueError, IndexError, KeyError, HostError) as error:
        settings, trouble = [], str(error)
    for knob in stage.knobs:
        mine = [setting for setting in settings if setting.knob == knob.id]
        if knob.id in case.wish.skip or stage.name in case.wish.skip:
            yield _knob_absent(knob, "left alone, as [host] skip says")
        elif mine:
            yield _knob(knob, mine, case)
        else:
            yield _knob_absent(knob, trouble or "nothing here has it, or nothing is wanted of it")


def _knob_absent(knob: Knob, reason: str) -> Result:
    return _result(knob, "absent", reason, knob.title, "")


def _result(knob: Knob, status: Status, measured: str, expected: str, fix: str) -> Result:
    return Result(f"tune.{knob.id}", status, _severity(knob), plain(measured), expected, knob.why,
                  fix)


def _severity(knob: Knob) -> Severity:
    return "major" if knob.id in MAJOR else "minor"


def _knob(knob: Knob, settings: list[Setting], case: Case) -> Result:
    verdict = min((setting.verdict for setting in settings), key=VERDICTS.index)
    those = [setting for setting in settings if setting.verdict == verdict]
    first = those[0]
    if verdict == "absent":
        return _knob_absent(knob, first.reason)
    status: Status = "ok" if verdict == "ok" else "warn"
    if verdict == "refused" or (status == "warn" and _severity(knob) in FAILING):
        status = "fail"
    found = [f"{setting.target}: {shown(setting.found)}" for setting in those]
    more = len(found) - TARGETS_SHOWN_MAX
    measured = "; ".join(found[:TARGETS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")
    if first.reason and verdict != "ok":
        measured += f" ({first.reason})"
    wanted = sorted({shown(setting.wanted) for setting in those})
    expected = ", ".join(wanted[:TARGETS_SHOWN_MAX]) + (
        ", ..." if len(wanted) > TARGETS_SHOWN_MAX else "")
    fix = first.remedy or f"appliance tune explain {knob.id}"
    if verdict == "change":
        fix = mend(f"appliance tune apply --only {knob.id}", case)
    elif verdict == "boot":
        fix = f"at the next boot: {fix}"
    elif verdict == "ok":
        fix = ""
    return _result(knob, status, measured, expected, fix)


# ---- what is published ---------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """The JSON schema of ``--json``: docs/doctor.schema.json."""
    made: dict[str, Any] = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "appliance doctor --json", **made}


def schema_text() -> str:
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def table_text() -> str:
    """The generated part of docs/doctor.md: each check, area by area."""
    lines = []
    for area, title in AREAS.items():
        rows = [check for check in CHECKS if check.area == area]
        if rows:
            lines += ["", f"### {title}", "", "| id | severity | expected | why |",
                      "|---|---|---|---|"]
        lines += [f"| `{check.id}` | {check.severity} | {_cell(check.expected)} | "
                  f"{_cell(check.why)} |" for check in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def by_status(results: Iterable[Result]) -> list[Result]:
    """The problems first, otherwise in order."""
    return sorted(results, key=lambda result: WORST_FIRST.index(result.status))
