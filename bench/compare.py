"""``python -m bench compare OLD.json NEW.json``: what got worse, beyond the noise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "tickpath bench 1"
WORSE_SHARE = 0.05
# What two results must have in common to be compared, and what it is called.
SAME = {"cpu": "processors", "cores": "numbers of cores", "messages": "numbers of messages",
        "symbols": "numbers of symbols"}


class CompareError(Exception):
    """The two cannot be compared; one sentence."""


@dataclass(frozen=True)
class Change:
    """One row in both results. ``worse`` is the share by which the new median is worse."""

    name: str
    line: str
    worse: float
    allowed: float

    @property
    def regressed(self) -> bool:
        return self.worse > self.allowed


def read_result(path: Path) -> dict[str, Any]:
    """A result of the bench; CompareError for anything else."""
    try:
        result = json.loads(path.read_text())
    except OSError as error:
        raise CompareError(f"{path}: {error.strerror}; give two results of python -m bench"
                           ) from None
    except ValueError:
        result = None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise CompareError(f"{path} is no result of this bench; python -m bench writes them into "
                           f"its --out folder")
    return result


def _change(name: str, old: dict[str, Any], new: dict[str, Any]) -> Change:
    if "refused" in new:
        return Change(name, f"{name}: refused, {new['refused']}", 1.0, 0.0)
    was, now = old["median"], new["median"]
    worse = now - was if old.get("better") == "lower" else was - now
    share = worse / abs(was) if was else float(worse > 0)
    allowed = WORSE_SHARE + max(old["noise"], new["noise"])
    unit = f" {old['unit']}" if old.get("unit") else ""
    word = "worse" if share > 0 else "better"
    line = (f"{name}: {was:,.4g} to {now:,.4g}{unit}, {abs(share):.1%} {word} "
            f"(allowed: {WORSE_SHARE:.0%} and {allowed - WORSE_SHARE:.1%} of noise)")
    return Change(name, line, share, allowed)


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Every row that both have and that has a better; CompareError when they do not belong."""
    for key, what in SAME.items():
        was, now = old["about"].get(key), new["about"].get(key)
        if was != now:
            raise CompareError(f"these are two {what}: {was} and {now}; compare like with like")
    rows = {row["name"]: row for row in new["rows"]}
    pairs = [(row["name"], row, rows[row["name"]]) for row in old["rows"]
             if row.get("better") and "refused" not in row and row["name"] in rows]
    if not pairs:
        raise CompareError("the two results have no figure in common; run the same measures")
    return [_change(*pair) for pair in pairs]
