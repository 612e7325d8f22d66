"""``appliance tune plan | apply | verify | undo | script | explain``.

Exit status: 0 the host is as wanted; 1 something was refused, left, or differs; 2 wrong input.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from appliance.cli_common import JSON, one_sentence
from appliance.config import Config, from_text, load_config
from appliance.host.host import Host, HostError
from appliance.host.journal import read_journal
from appliance.host.shell import make_script
from appliance.host.stage import Setting, Stage
from appliance.host.tune_show import print_plan
from appliance.host.tuner import (
    Done,
    apply,
    chosen_stages,
    plan,
    shown,
    standing,
    undo,
    undo_stages,
)
from appliance.host.wish import Wish, make_wish

COLOURS = {"set": "green", "kept": "green", "restored": "green", "refused": "red", "left": "yellow",
           "gone": "dim", "absent": "dim"}

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _options(*options: Decorator) -> Decorator:
    def with_all(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function
    return with_all


ONLY = click.option("--only", multiple=True, metavar="NAME",
                    help="Only this stage or knob; may be given again.")
WAIT = click.option("--wait", "wait_s", type=click.FloatRange(0, 3600), default=0.0, metavar="S",
                    help="How long to wait for another tuner to end.")
ROOT = click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True),
                    default=Path("/"), metavar="FOLDER",
                    help="Work on this tree instead of the machine's own / .")
WISH = _options(
    click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
                 help="What is wanted: its `[host]` section, and the core, interfaces and devices "
                      "of its engine. Without it, the defaults."),
    click.option("--core", "cores", metavar="LIST", default="",
                 help="The cores of the loops, as in 2-3."),
    click.option("--interface", "interfaces", multiple=True, metavar="NAME",
                 help="An interface to tune; may be given again."),
    ONLY,
    click.option("--skip", multiple=True, metavar="NAME", help="Leave this stage or knob alone."),
    click.option("--force", is_flag=True, help="Also what might cut you off from this host: the "
                 "interface with the default route."),
    ROOT,
)


@click.group()
def tune() -> None:
    """Makes this host quiet for the loop, and **puts everything back**.

    `plan` says what would change and why, `apply` does it, `undo` restores every former value
    exactly, after a crash, too. Nothing is undone but by `undo` or a reboot.

        appliance tune plan -c /etc/tickpath/appliance.toml
    """


def _wish(config_path: Path | None, root: Path, **given: Any) -> tuple[Host, Config, Wish]:
    host = Host(root)
    config = load_config(config_path) if config_path else from_text("", "defaults")
    return host, config, make_wish(host, config, **given)


def _row(stage: Stage, setting: Setting) -> dict[str, Any]:
    knob = next(knob for knob in stage.knobs if knob.id == setting.knob)
    return {"knob": setting.knob, "target": setting.target, "found": shown(setting.found),
            "wanted": shown(setting.wanted), "verdict": setting.verdict,
            "reboot": setting.verdict == "boot", "why": knob.title, "reason": setting.reason,
            "fix": setting.remedy}


@tune.command("plan")
@WISH
@click.option("--all", "everything", is_flag=True, help="Also what is right, or not here.")
@JSON
def plan_verb(config_path: Path | None, cores: str, interfaces: tuple[str, ...],
              only: tuple[str, ...], skip: tuple[str, ...], force: bool, root: Path,
              everything: bool, as_json: bool) -> None:
    """Says what differs from what the loop wants, and why it matters. Changes nothing.

    `reboot` marks what only the kernel's command line can do; the parameter stands beside it.
    `you` marks what is yours to do or to want.
    """
    with one_sentence():
        host, _, wish = _wish(config_path, root, cores=cores, interfaces=interfaces, skip=skip,
                              force=force)
        rows = plan(host, wish, only)
        half_applied = read_journal(host).half_applied
        if as_json:
            print(json.dumps({"cores": sorted(wish.cores), "half_applied": half_applied,
                              "settings": [_row(*row) for row in rows]}, indent=2))
        else:
            print_plan(Console(), rows, wish, half_applied, everything)


@tune.command("apply")
@WISH
@WAIT
@JSON
def apply_verb(config_path: Path | None, cores: str, interfaces: tuple[str, ...],
               only: tuple[str, ...], skip: tuple[str, ...], force: bool, root: Path,
               wait_s: float, as_json: bool) -> None:
    """Sets what differs. The former value is on disk before each write.

    What the host refuses is named, and stops nothing else. Done again, it changes nothing; after
    a crash it finishes what was begun.
    """
    with one_sentence():
        host, _, wish = _wish(config_path, root, cores=cores, interfaces=interfaces, skip=skip,
                              force=force)
        _require_root(host)
        console = _outlive_the_terminal()
        done = apply(host, wish, _teller(console, as_json), only, wait_s)
    _finish(console, done, as_json, "set")


@tune.command("verify")
@WISH
@JSON
def verify_verb(config_path: Path | None, cores: str, interfaces: tuple[str, ...],
                only: tuple[str, ...], skip: tuple[str, ...], force: bool, root: Path,
                as_json: bool) -> None:
    """Compares the host with what is wanted: exit status 1 when anything settable differs."""
    with one_sentence():
        host, _, wish = _wish(config_path, root, cores=cores, interfaces=interfaces, skip=skip,
                              force=force)
        rows = [_row(stage, setting) for stage, setting in plan(host, wish, only)]
        cut_short = read_journal(host).half_applied
    differ = [row for row in rows if row["verdict"] in ("change", "refused")]
    if as_json:
        print(json.dumps({"half_applied": cut_short, "differ": differ}, indent=2))
    else:
        for row in differ:
            wrong = f"{row['found']}, wanted {row['wanted']}"
            if row["verdict"] == "refused":
                wrong = f"{row['reason']}; {row['fix']}"
            print(f"{row['knob']} {row['target']}: {wrong}")
        if cut_short:
            print("an earlier plan was cut short; `appliance tune apply` finishes it")
        if not differ:
            print(f"all {sum(row['verdict'] == 'ok' for row in rows)} settings hold")
    sys.exit(1 if differ or cut_short else 0)


@tune.command("undo")
@ONLY
@click.option("--force", is_flag=True,
              help="Restore also what somebody has changed since it was applied.")
@ROOT
@WAIT
@click.option("--dry-run", is_flag=True, help="Say what would be restored.")
@JSON
def undo_verb(only: tuple[str, ...], force: bool, root: Path, wait_s: float, dry_run: bool,
              as_json: bool) -> None:
    """Restores every former value, the last set first."""
    with one_sentence():
        host = Host(root)
        if dry_run:
            _show_standing(host, only, as_json)
            return
        _require_root(host)
        undo_stages(only)
        console = _outlive_the_terminal()
        if not read_journal(host).records and not read_journal(host).half_applied:
            done: list[Done] = []
        else:
            done = undo(host, _teller(console, as_json), only, force, wait_s)
    _finish(console, done, as_json, "restored")


def _show_standing(host: Host, only: tuple[str, ...], as_json: bool) -> None:
    stages = undo_stages(only)
    rows = [{"stage": each.first.stage, "target": each.first.target,
             "former": shown(each.first.former), "set": shown(each.last.got or each.last.wanted)}
            for each in standing(read_journal(host).standing)
            if not stages or each.first.stage in stages]
    if as_json:
        print(json.dumps({"standing": rows}, indent=2))
        return
    for row in rows:
        print(f"{row['target']}: {row['set']} -> {row['former']}")
    print(f"{len(rows)} to restore")


@tune.command("script")
@WISH
@JSON
def script_verb(config_path: Path | None, cores: str, interfaces: tuple[str, ...],
                only: tuple[str, ...], skip: tuple[str, ...], force: bool, root: Path,
                as_json: bool) -> None:
    """Prints a shell script that does what `apply` would do now, with the same journal.

    It needs no Python: POSIX sh, coreutils and util-linux, and ethtool for interfaces. What only a
    reboot can set stands in it as a comment, and so does what a shell cannot set, which is counted.
    """
    with one_sentence():
        host, _, wish = _wish(config_path, root, cores=cores, interfaces=interfaces, skip=skip,
                              force=force)
        script = make_script(plan(host, wish, only), chosen_stages(only, wish.skip), wish)
    if as_json:
        print(json.dumps(asdict(script), indent=2))
        return
    print(script.text, end="")
    if script.left_out:
        print(f"{script.left_out} settings have no shell form: they are comments in the script; "
              f"`appliance tune apply` sets them", file=sys.stderr)


@tune.command("explain")
@click.argument("name", required=False)
@JSON
def explain_verb(name: str | None, as_json: bool) -> None:
    """Says what a knob or stage is, why it matters, where it is documented; without a name, all."""
    with one_sentence():
        stages = chosen_stages((name,) if name else (), ())
    knobs = [knob for stage in stages for knob in stage.knobs
             if name in (None, stage.name, knob.id)]
    if as_json:
        print(json.dumps({"knobs": [asdict(knob) for knob in knobs]}, indent=2))
        return
    console = Console()
    if name is None:
        table = Table(title="Knobs")
        for heading in ("knob", "what it is"):
            table.add_column(heading)
        for knob in knobs:
            table.add_row(knob.id, knob.title)
        console.print(table)
        return
    for knob in knobs:
        console.print(f"[bold]{knob.id}[/]: {escape(knob.title)}")
        console.print(f"  {escape(knob.why)}", highlight=False)
        console.print(f"  [dim]{escape(knob.path)}; {escape(knob.source)}[/]\n", highlight=False)


# ---- together ------------------------------------------------------------------------------------


def _require_root(host: Host) -> None:
    if host.real and os.geteuid() != 0:
        raise HostError("only root may tune a host; run this with sudo, or see what would be done "
                        "with `appliance tune plan`")


class Lasting(Console):
    """Goes on in silence when its reader leaves, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def _outlive_the_terminal() -> Console:
    """A plan that is begun is ended: setting a card may cut the very line it is typed on."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return Lasting()


def _teller(console: Console, quiet: bool) -> Callable[[Done], None]:
    def tell(done: Done) -> None:
        if not quiet:
            with contextlib.suppress(OSError):  # the terminal is gone, or a file has no room
                show(done)

    def show(done: Done) -> None:
        colour = COLOURS[done.outcome]
        change = f"{shown(done.former)} -> {shown(done.now)}"
        if done.outcome != "set":
            change = done.reason or shown(done.now)
        console.print(f"[{colour}]{done.outcome:9}[/] {escape(done.target)}: {escape(change)}",
                      highlight=False, soft_wrap=True)

    return tell


def _finish(console: Console, done: list[Done], as_json: bool, what: str) -> None:
    wrong = [each for each in done if each.outcome in ("refused", "left")]
    if as_json:
        print(json.dumps({"done": [asdict(each) for each in done]}, indent=2))
    else:
        count = sum(each.outcome == what for each in done)
        console.print(f"{count} {what}, {len(wrong)} not; see them again with "
                      f"`appliance tune {'verify' if what == 'set' else 'undo --dry-run'}`")
    sys.exit(1 if wrong else 0)
