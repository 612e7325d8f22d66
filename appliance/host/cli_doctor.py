"""``appliance doctor``: what stands between this host and a quiet loop, and what mends it.

Exit status: 0 all is well; 1 something warns; 2 something fails. Wrong input is 2, too: one
sentence on standard error then, and nothing on standard output.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import textwrap
from pathlib import Path

import msgspec
import rich_click as click
from rich.console import Console

from appliance.cli_common import JSON, one_sentence
from appliance.config import from_text, load_config
from appliance.host.case import Case
from appliance.host.check import WORST_FIRST, Report, Result, Status
from appliance.host.checks import AREAS
from appliance.host.cpus import format_list
from appliance.host.doctor import by_status, examine, exit_status
from appliance.host.host import Host
from appliance.host.wish import make_wish

COLOURS: dict[Status, str] = {"ok": "green", "warn": "yellow", "fail": "bold red", "absent": "dim"}
COLUMNS_MAX = 100  # wider than that, a line is hard to read
INDENT = " " * 7


@click.command()
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help="The engine's configuration: its core, queues, journal and `[host]`. Without "
                   "it, the defaults.")
@click.option("--core", "cores", metavar="LIST", default="",
              help="The cores of the loops, as in 2-3.")
@click.option("--interface", "interfaces", multiple=True, metavar="NAME",
              help="An interface to trade over; may be given again.")
@click.option("--only", multiple=True, metavar="ID",
              help="Only this check, or this area, as in `cpu`; may be given again.")
@click.option("--all", "show_all", is_flag=True,
              help="Print what is well or not here, too, and why each check matters.")
@click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True),
              default=Path("/"), metavar="FOLDER",
              help="Look at this tree instead of the machine's own / .")
@JSON
def doctor(config_path: Path | None, cores: str, interfaces: tuple[str, ...],
           only: tuple[str, ...], show_all: bool, root: Path, as_json: bool) -> None:
    """Looks at the host, says what is wrong for the loop, and **what mends it**.

    Needs no root and changes nothing; what only root may see is said to be so. `docs/doctor.md`
    lists the checks. Exit status: 0 all is well, 1 something warns, 2 something fails (or the
    input is wrong: then there is one sentence on standard error and no output).

        appliance doctor -c /etc/tickpath/appliance.toml
    """
    with one_sentence():
        config = load_config(config_path) if config_path else from_text("", "defaults")
        host = Host(root)
        wish = make_wish(host, config, cores=cores, interfaces=interfaces)
        given = ["-c", str(config_path)] if config_path else []
        given += ["--core", cores] if cores else []
        given += [word for name in interfaces for word in ("--interface", name)]
        options = f" {shlex.join(given)}" if given else ""
        case = Case(host, wish, config, given=options)
        if host.real and wish.cores:
            # Not to be what disturbs the loop; where that is not allowed, it is only a little.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, wish.housekeeping)
        report = examine(case, only)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        title = f"This host, loops on core {format_list(wish.cores) or '-'} ({wish.chosen})"
        _print(Console(), report, title, show_all or bool(only))
    sys.exit(exit_status(report))


def _print(console: Console, report: Report, title: str, everything: bool) -> None:
    """Area by area, what is wrong first; a check is never more than a few short lines."""
    width = min(console.width, COLUMNS_MAX)
    console.print(title, style="bold", highlight=False, markup=False)
    for area, name in AREAS.items():
        results = [result for result in report.checks if result.id.partition(".")[0] == area]
        if not results:
            continue
        console.print(f"\n{name}: {_counts(results)}", style="bold", highlight=False, markup=False)
        for result in by_status(results):
            if everything or result.status in ("warn", "fail"):
                _print_result(console, result, width, everything)
    hidden = "" if everything else "; --all shows every check, and why it matters"
    console.print(f"\n{len(report.checks)} checks: {_counts(report.checks)}{hidden}",
                  highlight=False, markup=False)


def _print_result(console: Console, result: Result, width: int, everything: bool) -> None:
    marks: dict[Status, str] = {"absent": "-"}
    mark = marks.get(result.status, result.status)
    lines = [("", f"{result.id}: {result.measured}")]
    if result.status in ("warn", "fail"):
        lines += [("wanted: ", result.expected), ("fix: ", result.fix)]
    if everything and result.status != "absent":
        lines.append(("why: ", result.why))
    for number, (label, text) in enumerate(lines):
        head = f"  {mark:<5}" if not number else INDENT
        wrapped = textwrap.wrap(label + text, width - len(INDENT), break_long_words=False,
                                break_on_hyphens=False,
                                subsequent_indent="  " if number else "") or [""]
        for at, line in enumerate(wrapped):
            style = COLOURS[result.status] if not number and not at else ""
            console.print((head if not at else INDENT), end="", style=style, highlight=False,
                          markup=False)
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _counts(results: tuple[Result, ...] | list[Result]) -> str:
    words = {"fail": "fail", "warn": "warn", "ok": "well", "absent": "not here"}
    counts = {status: sum(result.status == status for result in results) for status in WORST_FIRST}
    return ", ".join(f"{count} {words[status]}" for status, count in counts.items() if count)
