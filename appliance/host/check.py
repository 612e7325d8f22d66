"""What a check is: one question about the host, with what it matters for and what mends it.

A check reads and never writes, needs no root, and looks at the host only through its
:class:`~appliance.host.case.Case`. What cannot be known here is ``absent`` with the reason; an
answer that makes no sense is, too (:func:`ask`), so that no host stops the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from appliance.errors import RunError

if TYPE_CHECKING:
    from appliance.host.case import Case

Status = Literal["ok", "warn", "fail", "absent"]
Severity = Literal["info", "minor", "major", "critical"]
# A bad finding of these fails; of the others, it warns.
FAILING: tuple[Severity, ...] = ("major", "critical")
WORST_FIRST: tuple[Status, ...] = ("fail", "warn", "ok", "absent")
MEASURED_MAX = 400  # letters: five lines of a terminal
# In a fix: what stands for a name that is known when it is told.
PLACEHOLDER = re.compile(r"\b(?:NAME|DEVICE|CORE|LOOPS|HOUSEKEEPING)\b")
TUNE = re.compile(r"appliance tune (?:plan|apply)")
ID = r"^[a-z]+(\.[a-z0-9_]+)+$"


class Unknown(Exception):
    """A check cannot be answered here; the reason, as part of a sentence."""


class Result(Struct, frozen=True):
    """One check and what came of it."""

    id: Annotated[str, Meta(
        pattern=ID, description="Area and name; an id never changes its meaning.")]
    status: Annotated[Status, Meta(
        description="fail: a major or critical matter is not as it must be. warn: a lesser matter "
                    "or a lesser degree. absent: it cannot be known here; measured says why.")]
    severity: Annotated[Severity, Meta(
        description="How much it matters when it is not ok, whatever it is now.")]
    measured: Annotated[str, Meta(description="What was found, or why nothing could be.")]
    expected: Annotated[str, Meta(description="What it should be.")]
    why: Annotated[str, Meta(description="What it does to the loop or to trading.")]
    fix: Annotated[str, Meta(
        description="The command, kernel parameter or act that mends it; empty when ok.")]


class Report(Struct, frozen=True):
    """What `appliance doctor --json` prints."""

    checks: Annotated[tuple[Result, ...], Meta(
        description="Every check that was asked for, in a fixed order.")]


@dataclass(frozen=True)
class Finding:
    """What a check's function says; ``bad`` becomes fail or warn by the check's severity.

    ``fix`` and ``expected`` are given where they depend on what was found.
    """

    status: Literal["ok", "bad", "warn", "absent"]
    measured: str
    fix: str = ""
    expected: str = ""
    subject: str = ""  # the interface or device: NAME or DEVICE in a fix


def ok(measured: object) -> Finding:
    return Finding("ok", str(measured))


def bad(measured: object, fix: str = "", expected: str = "") -> Finding:
    return Finding("bad", str(measured), fix, expected)


def warn(measured: object, fix: str = "", expected: str = "") -> Finding:
    """Not as it should be, and no reason to stop."""
    return Finding("warn", str(measured), fix, expected)


def absent(reason: str) -> Finding:
    return Finding("absent", reason)


Ask = Callable[["Case"], Finding]


@dataclass(frozen=True)
class Check:
    """One question; ``fix`` and ``expected`` stand unless the finding has its own."""

    id: str
    severity: Severity
    expected: str
    why: str
    fix: str
    ask: Ask

    @property
    def area(self) -> str:
        return self.id.partition(".")[0]


# What the modules of ``checks/`` declare, in their order.
REGISTRY: list[Check] = []


def check(id: str, severity: Severity, expected: str, why: str, fix: str) -> Callable[[Ask], Ask]:
    """Registers a function as a check."""
    def register(function: Ask) -> Ask:
        REGISTRY.append(Check(id, severity, expected, why, fix, function))
        return function
    return register


def number(id: str, severity: Severity, path: str, *, low: int | None = None,
           high: int | None = None, why: str, fix: str = "", unit: str = "") -> None:
    """Registers a check of the one whole number in a file, against bounds that belong to it."""
    expected = f"at least {low:,}{unit}" if low is not None else f"at most {high:,}{unit}"
    if high == 0:
        expected = "0"
    if not fix and path.startswith("/proc/sys/"):
        name = path.removeprefix("/proc/sys/").replace("/", ".")
        fix = f"sysctl -w {name}={high if low is None else low}"

    def compare(case: Case) -> Finding:
        value = case.host.number(path)
        if value is None:
            return absent(case.host.why_not(path))
        inside = (low is None or value >= low) and (high is None or value <= high)
        return (ok if inside else bad)(f"{value:,}{unit}")

    REGISTRY.append(Check(id, severity, expected, why, fix, compare))


def ask(check: Check, case: Case) -> Result:
    """Asks one check; whatever the host shows, there is a result."""
    try:
        found = check.ask(case)
    except Unknown as reason:
        found = absent(str(reason))
    except RunError as error:
        found = absent(str(error))
    except OSError as error:
        found = absent(_refused(error, case))
    except (ValueError, IndexError, KeyError, ArithmeticError) as error:
        found = absent(f"what this host shows makes no sense ({_short(error)})")
    if found.status == "bad":
        status: Status = "fail" if check.severity in FAILING else "warn"
    else:
        status = found.status
    mends = found.fix or check.fix if status in ("warn", "fail") else ""
    return Result(check.id, status, check.severity, plain(found.measured) or "(empty)",
                  found.expected or check.expected, check.why, mend(mends, case, found.subject))


def plain(text: str) -> str:
    """What a host shows, fit for a terminal: one line, nothing that moves the cursor, not long."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return text if len(text) <= MEASURED_MAX else f"{text[:MEASURED_MAX - 3]}..."


def mend(fix: str, case: Case, subject: str = "") -> str:
    """A fix to be typed as it is: names for placeholders, and tune with what doctor was given."""
    words = case.words
    if subject:
        words |= {"NAME": subject, "DEVICE": subject}
    fix = PLACEHOLDER.sub(lambda match: words[match[0]] or match[0], fix)
    return TUNE.sub(lambda match: match[0] + case.given, fix)


def _refused(error: OSError, case: Case) -> str:
    name = str(error.filename or "a file")
    if not case.host.real:
        name = "/" + name.removeprefix(str(case.host.root)).lstrip("/")
    return f"{name} cannot be read ({error.strerror})"


def _short(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."


def worst(findings: Iterable[tuple[str, Finding]]) -> Finding:
    """The worst of several things' findings, named; ok only says what there is."""
    order = ("bad", "warn", "ok", "absent")
    named = [(name, found) for name, found in findings]
    status = min((found.status for _, found in named), key=order.index)
    those = [(name, found) for name, found in named if found.status == status]
    measured = "; ".join(f"{name}: {found.measured}" for name, found in those)
    return replace(those[0][1], measured=measured, subject=those[0][0])
