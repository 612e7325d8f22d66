"""``appliance backends``: what this build and this host have, and what a ladder would take.

Without an interface nothing is opened. With one, what the appliance would open is opened and closed
again at once, by the same code that the engine's ``auto:`` names go through.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import asdict

import rich_click as click
from rich.console import Console
from rich.markup import escape

from appliance.cli_common import JSON, fail, one_sentence
from appliance.config import FeedSection
from dpdk_bindings import BackendInfo
from dpdk_bindings import backends as known_backends
from dpdk_bindings.ladder import NoRungError, Rung, climb

COLUMNS_MAX = 100  # beyond it, lines are hard to read
HEARD = f"{FeedSection().address_a}:{FeedSection().port_a}"

HEARD_PATTERN = re.compile(r"[0-9.]+:[0-9]+(?:\+[0-9.]+:[0-9]+)*")


def _told(heads: Iterable[tuple[str, str, str]]) -> None:
    """Entries of a head line and an explanation below it, which is wrapped to the screen."""
    console = Console(highlight=False)
    columns = min(console.width, COLUMNS_MAX)
    for head, style, explanation in heads:
        console.print(f"[{style}]{escape(head)}[/]")
        for line in textwrap.wrap(explanation, columns, initial_indent=" " * 4,
                                  subsequent_indent=" " * 4, break_on_hyphens=False):
            console.print(escape(line), soft_wrap=True)


def _entry(row: BackendInfo) -> tuple[str, str, str]:
    if row.usable:
        return f"{row.name}: usable, {row.mode}", "bold green", row.summary
    state = "not usable" if row.built else "not built"
    return f"{row.name}: {state}", "bold red", f"{row.why}; {row.remedy}"


def _refused(rung: Rung) -> tuple[str, str, str]:
    return f"{rung.label}: no", "bold red", f"{rung.why}; {rung.remedy}"


def _ladder(interface: str, heard: str, require: str, as_json: bool) -> int:
    """Climbs and comes down again; 1: there is nothing to stand on."""
    taken = None
    try:
        climbed = climb(f"auto:{interface},steer={heard}", require)
        refused = climbed.refused
        with climbed.queue as queue:
            taken = {"backend": queue.wrapped, "mode": queue.mode, "name": queue.name}
    except NoRungError as error:
        refused = error.refused
    if as_json:
        rows = [{"rung": r.label, "name": r.name, "why": r.why, "remedy": r.remedy}
                for r in refused]
        print(json.dumps({"interface": interface, "taken": taken, "refused": rows}))
    else:
        entries = [_refused(rung) for rung in refused]
        if taken:
            entries.append((f"{taken['backend']} {taken['mode']}: yes", "bold green",
                            f"auto:{interface} would take it; by itself it is {taken['name']}"))
        _told(entries)
    return 0 if taken else 1


@click.command()
@click.argument("interface", required=False)
@JSON
@click.option("--steer", metavar="ADDRESS:PORT", default=HEARD, show_default=True,
              help="With INTERFACE: what would be heard there.")
@click.option("--require", metavar="NAME", default="",
              help="With INTERFACE: take nothing less than this backend or mode.")
def backends(interface: str | None, as_json: bool, steer: str, require: str) -> None:
    """Which ways of moving packets this build has, and which work on this host.

    With INTERFACE: which of them `auto:INTERFACE` would take, and why not each better one. What it
    would take is opened and closed again, as a start and a stop of the appliance would do. Many
    drivers reset the link for AF_XDP, and netmap takes the interface from the kernel: not on an
    interface that trades, nor on the one you are logged in over.

        appliance backends
        appliance backends eth1 --require zerocopy

    Exit status 1: there is no way to open INTERFACE at all, or none with what is required.
    """
    if require and interface is None:
        fail("--require asks for something of an INTERFACE; name one, as in backends eth0")
    if not HEARD_PATTERN.fullmatch(steer):
        fail(f"'{steer}' is nothing that can be heard; write --steer ADDRESS:PORT, as in {HEARD}")
    with one_sentence():
        if interface is not None:
            sys.exit(_ladder(interface, steer, require, as_json))
        rows = known_backends()
        if as_json:
            keys = ("name", "built", "usable", "mode", "why", "remedy")
            print(json.dumps({"backends": [{k: asdict(row)[k] for k in keys} for row in rows]}))
        else:
            _told(map(_entry, rows))
