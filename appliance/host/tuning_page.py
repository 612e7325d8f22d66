"""The table of all knobs in docs/tuning.md, from the stages themselves (R7)."""

from __future__ import annotations

from appliance.host.stages import STAGES

MARK = "`python -m appliance.generate` writes all that follows.\n"


def with_knobs(page: str) -> str:
    """The page with its knobs as the stages have them; what stands above the mark is prose."""
    prose = page.partition(MARK)[0]
    lines = [prose + MARK]
    for stage in STAGES:
        lines += [f"### {stage.title}: `{stage.name}`", "",
                  "| knob | what it is, and why | path | source |", "|---|---|---|---|"]
        for knob in stage.knobs:
            mark = " *reported*" if knob.reported else ""
            lines.append(f"| `{knob.id}`{mark} | {knob.title}. {knob.why} | `{knob.path}` | "
                         f"{knob.source} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"
