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
    """One figure of OLD, or who failed in NEW. ``worse`` is the share by which NEW is worse."""

    line: str
    worse: float
    allowed: float

    @property
    def regressed(self) -> bool:
        return self.worse > self.allowed


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not {"measure", "name"} <= row.keys():
        return False
    return "refused" in row or {"median", "noise"} <= row.keys()


def read_result(path: Path) -> dict[str, Any]:
    """A result of the bench; CompareError for anything else."""
    try:
        result = json.loads(path.read_text())
    except OSError as error:
        raise CompareError(f"{path}: {error.strerror}; give two results of python -m bench"
                           ) from None
    except ValueError:
        result = None
    if (not isinstance(result, dict) or result.get("format") != FORMAT
            or not isinstance(result.get("about"), dict)
            or not isinstance(result.get("rows"), list) or not all(map(_is_row, result["rows"]))
            or not isinstance(result.get("failed", {}), dict)):
        raise CompareError(f"{path} is no result of this bench, or not all of one; python -m bench "
                           f"writes them into its --out folder")
    return result


def _change(old: dict[str, Any], new: dict[str, Any] | None) -> Change:
    name = old["name"]
    if new is None:
        return Change(f"{name}: in OLD and not in NEW", 1.0, 0.0)
    if "refused" in new:
        return Change(f"{name}: refused, {new['refused']}", 1.0, 0.0)
    was, now = old["median"], new["median"]
    worse = now - was if old.get("better") == "lower" else was - now
    share = worse / abs(was) if was else float(worse > 0)
    allowed = WORSE_SHARE + max(old["noise"], new["noise"])
    unit = f" {old['unit']}" if old.get("unit") else ""
    word = "worse" if share > 0 else "better"
    line = (f"{name}: {was:,.4g} to {now:,.4g}{unit}, {abs(share):.1%} {word} "
            f"(allowed: {WORSE_SHARE:.0%} and {allowed - WORSE_SHARE:.1%} of noise)")
    return Change(line, share, allowed)


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Every figure of ``old`` that has a better, and every contender that failed in ``new``.

    CompareError when the two do not belong together.
    """
    for key, what in SAME.items():
        was, now = old["about"].get(key), new["about"].get(key)
        if was != now:
            raise CompareError(f"these are two {what}: {was} and {now}; compare like with like")
    rows = {(row["measure"], row["name"]): row for row in new["rows"]}
    pairs = [(row, rows.get((row["measure"], row["name"]))) for row in old["rows"]
             if row.get("better") and "refused" not in row]
    failed = [Change(f"{who}: failed in NEW: {' '.join(why.split())}", 1.0, 0.0)
              for who, why in new.get("failed", {}).items()]
    if not failed and not any(found for _, found in pairs):
        raise CompareError("the two results have no figure in common; run the same measures")
    return [*(_change(*pair) for pair in pairs), *failed]
