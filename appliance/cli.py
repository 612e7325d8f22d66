"""The command line: ``appliance VERB``. Every verb that prints figures has ``--json``.

Exit status: 0 fine; 1 the run itself went wrong; 2 wrong input, or a file that could be read only
in part (what could be read is printed). Errors are one sentence with the remedy, on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import rich_click as click
from click import Command, Context
from rich.console import Console

from appliance import show
from appliance.cli_common import CONFIG, JSON, NAME, fail, one_sentence
from appliance.config import Config, from_text, load_config, with_strategy
from appliance.errors import RunError
from appliance.notify import Notifier
from appliance.state import State
from appliance.supervisor import Supervisor, summary
from dpdk_bindings import PioError

click.rich_click.TEXT_MARKUP = "markdown"
click.rich_click.SHOW_ARGUMENTS = True


# The verbs of the host, of backends and of the service's processes, by the module that has them.
ELSEWHERE = {
    "backends": "appliance.cli_backends",
    "doctor": "appliance.host.cli_doctor",
    "exporter": "appliance.cli_service",
    "install": "appliance.host.cli_install",
    "noise": "appliance.host.cli_noise",
    "process": "appliance.cli_service",
    "tune": "appliance.host.cli_tune",
    "uninstall": "appliance.host.cli_install",
}


class Verbs(click.RichGroup):
    """Imports the verbs that lie elsewhere when they are asked for: `appliance kill` is urgent."""

    def list_commands(self, context: Context) -> list[str]:
        return sorted({*super().list_commands(context), *ELSEWHERE})

    def get_command(self, context: Context, name: str) -> Command | None:
        if name in ELSEWHERE and name not in self.commands:
            self.add_command(getattr(import_module(ELSEWHERE[name]), name))
        return super().get_command(context, name)

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None,
        complete_var: str | None = None, standalone_mode: bool = True, **given: Any,
    ) -> Any:
        """Runs a verb; words that it does not know, or that are missing, are told in a sentence."""
        try:
            # Where this is not raised, the process ends within.
            done = super().main(args, prog_name, complete_var, standalone_mode=False, **given)
        except click.UsageError as error:
            if not standalone_mode:
                raise
            where = error.ctx.command_path if error.ctx else "appliance"
            what = " ".join(error.format_message().split()).rstrip(".").replace(". (", " (")
            fail(f"{what[:1].lower()}{what[1:]}; see `{where} --help`", error.exit_code)
        except click.Abort:
            fail("interrupted", 1)
        if standalone_mode:
            sys.exit(done if isinstance(done, int) else 0)
        return done


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tickpath")
def main() -> None:
    """A trading appliance on one polling core: **ITCH in, OUCH out**, no kernel between the two.

    Start with `appliance check -c FILE` to see what a configuration would do, then
    `appliance run -c FILE`. In another terminal `appliance status` looks at it and
    `appliance kill` halts its trading.
    """


# ---- running -------------------------------------------------------------------------------------


@main.command()
@CONFIG
@JSON
@click.option("--seconds", type=click.IntRange(0), help="Stop after so long; 0: when told to.")
@click.option("--result", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the figures of the run here, too, as JSON.")
@click.option("--checkpoints", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the book digests here, one JSON object a line.")
@click.option("--histograms", "histograms_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Write the latency histograms here, as JSON.")
@click.option("--no-summary", is_flag=True, help="Print no summary at the end.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write a latency plot and an HTML report into this folder.")
def run(config_path: Path, as_json: bool, seconds: int | None, result: Path | None,
        checkpoints: Path | None, histograms_path: Path | None, no_summary: bool,
        report: Path | None) -> None:
    """Runs the appliance until Ctrl-C, SIGTERM or `--seconds`.

    Starts the engine on its core, the journal writer and the exporter as processes of their own,
    shows a live view on a terminal (a line a second elsewhere), and ends with a summary. Nothing
    is left behind: no process, no segment.

        appliance run -c docs/appliance.toml --seconds 10
    """
    with one_sentence():
        config = load_config(config_path)
        if seconds is not None:
            config = show.with_seconds(config, seconds)
        for path in (result, checkpoints, histograms_path):
            if path is not None and not path.absolute().parent.is_dir():
                raise RunError(f"{path.parent} is not a folder; make it before the run")
        figures, histograms, digests, status = _run(config, quiet=as_json)
    with one_sentence():
        if checkpoints is not None:
            checkpoints.write_text("".join(json.dumps(row) + "\n" for row in digests))
        if histograms_path is not None:
            rows = {name: histogram.to_json() for name, histogram in histograms.items()}
            histograms_path.write_text(json.dumps(rows))
        if result is not None:
            result.write_text(json.dumps(figures, indent=2) + "\n")
    if as_json:
        print(json.dumps(figures, indent=2))
    elif not no_summary:
        show.summary(Console(), figures)
    if report is not None:
        with one_sentence():
            show.report(figures, histograms, report)
    sys.exit(status)


def _run(config: Config, quiet: bool) -> tuple[dict[str, Any], dict[str, Any], list[Any], int]:
    """One supervised run; its figures, histograms, digests and exit status."""
    told: list[int] = []
    former = {
        number: signal.signal(number, lambda number, _: told.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    supervisor = Supervisor(config, notifier=Notifier.from_environment())
    try:
        state = supervisor.start(lambda: bool(told))
        started = time.monotonic()
        with show.live(state, quiet) as tick:
            supervisor.watch(tick, lambda: bool(told))
        elapsed = time.monotonic() - started
        status = supervisor.stop()
        if status < 0:
            print(f"appliance: the engine was ended by signal {-status}; its orders may live on at "
                  f"the venue: look there before the next run", file=sys.stderr)
        figures = summary(config, state, supervisor.faults, elapsed)
        histograms = show.copies(state)
        digests = show.digests(state)
    finally:
        supervisor.stop()
        supervisor.close()
        for number, handler in former.items():
            signal.signal(number, handler)
    if figures["counters"]["journal_full"]:
        print("appliance: the journal ring was full, trading was halted, and the recording ends "
              "there; give [journal] ring_mib more room, or a faster disk", file=sys.stderr)
        status = 1
    if figures["orders"]["open"]:
        print(f"appliance: {figures['orders']['open']} orders stay open at the venue",
              file=sys.stderr)
    return figures, histograms, digests, 1 if status else 0


@main.command()
@CONFIG
@JSON
def check(config_path: Path, as_json: bool) -> None:
    """Reads a configuration, says what it would do, and changes nothing.

    Every key is checked for its name, type, range and unit; every queue for whether its backend
    can work on this host; the core for whether it exists.
    """
    with one_sentence():
        config = load_config(config_path)
        findings = show.findings(config)
    if as_json:
        print(json.dumps({"config": json.loads(config.to_json()), "findings": findings}, indent=2))
    else:
        show.check(Console(), config, findings)
    sys.exit(2 if any(not finding["ok"] for finding in findings) else 0)


# ---- a running engine ----------------------------------------------------------------------------


def _with_state(name: str, write: bool, act: Callable[[State], Any]) -> Any:
    with one_sentence():
        try:
            state = State.attach(name) if write else State.view(name)
        except PioError as error:
            fail(f"no engine named '{name}' is running ({error.why}); start one with "
                 f"`appliance run`, or name another with --name")
        try:
            alive = show.engine_alive(state)
            if not alive:
                fail(f"engine '{name}' is dead and left its segment; its orders may live on at the "
                     f"venue; start it again, or remove /dev/shm/tickpath.{name}")
            return act(state)
        finally:
            state.close()


@main.command()
@NAME
@JSON
def status(name: str, as_json: bool) -> None:
    """Looks at a running engine: feed, books, orders, drops, latencies. Disturbs nothing."""
    figures = _with_state(name, False, show.status_figures)
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        show.status(Console(), figures)
    sys.exit(0)


@main.command()
@click.argument("reason", nargs=-1)
@NAME
@JSON
def kill(reason: tuple[str, ...], name: str, as_json: bool) -> None:
    """Halts trading at once: no new order leaves, open orders are cancelled.

    The feed is still followed and the journal still written. `appliance arm` lets it trade again.
    """
    text = " ".join(reason).encode("utf-8", "replace").decode() or "operator"
    before = _with_state(name, True, lambda state: show.kill(state, text))
    if as_json:
        print(json.dumps({"name": name, "reason": before or text, "was_halted": bool(before)}))
    elif before:
        print(f"{name}: trading was halted already ({before}); `appliance arm` lifts it")
    else:
        print(f"{name}: trading is halted ({text}); `appliance arm` lifts it")


@main.command()
@NAME
@JSON
def arm(name: str, as_json: bool) -> None:
    """Lets a halted engine trade again. Look at `appliance status` for why it halted first."""
    before = _with_state(name, True, show.arm)
    if as_json:
        print(json.dumps({"name": name, "was_halted": bool(before), "reason": before}))
        return
    print(f"{name}: armed" + (f" (was halted: {before})" if before else " (it was not halted)"))


# ---- files ---------------------------------------------------------------------------------------


def _parse_time(text: str | None) -> int:
    """HH:MM:SS.n as ns since midnight."""
    if text is None:
        return 0
    try:
        hours, minutes, seconds = text.split(":")
        whole, _, fraction = seconds.partition(".")
        parts = (hours, minutes, whole, fraction or "0")
        if not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError
        clock = int(hours) * 3600 + int(minutes) * 60 + int(whole)
        if int(hours) > 23 or int(minutes) > 59 or int(whole) > 59 or len(fraction) > 9:
            raise ValueError
        return max(1, clock * 1_000_000_000 + int(fraction.ljust(9, "0") or 0))
    except ValueError:
        fail(f"'{text}' is not a time of day; write HH:MM:SS.n, as in 09:30:00.25")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@JSON
@click.option("--strategy", metavar="NAME",
              help="Run this strategy, not the configuration's: none, quote, cross, or one of your "
              "own, as in my.py:cross. An obliging venue answers it.")
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Limits and tables from this configuration.")
def replay(file: Path, as_json: bool, strategy: str | None, config_path: Path | None) -> None:
    """Runs a file through the very step that runs live, and says what came of it.

    Takes day files (`.itch`), captures (`.pcap`, `.pcapng`), all also with `.gz`, and recordings
    (`.tpj`), whose orders must come out byte for byte as they were recorded. With a strategy, every
    order is accepted, immediate-or-cancel orders execute at their limit, resting ones never do:
    it shows what a strategy does, not what it earns.

        appliance replay day.itch.gz --strategy my.py:cross --json
    """
    with one_sentence():
        config = load_config(config_path) if config_path else from_text("", "defaults")
        if strategy is not None:
            config = with_strategy(config, strategy, Path.cwd())
        if file.name.endswith(".tpj") and (strategy or config_path):
            fail(f"{file} is a recording and carries its own configuration; leave out --strategy "
                 f"and --config")
        figures = show.replay_file(file, config, Console(stderr=True))
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        show.replay(Console(), file, figures)
    if figures.get("broken_at") is not None:
        fail(f"{file}: damaged at byte {figures['broken_at']}; what came before is printed above")
    sys.exit(0 if figures.get("equal", True) else 1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("symbol")
@click.option("--at", metavar="HH:MM:SS.n", help="As of this time of day; the end otherwise.")
@click.option("--depth", type=click.IntRange(1), default=10, show_default=True,
              help="Levels a side to show.")
@JSON
def book(file: Path, symbol: str, at: str | None, depth: int, as_json: bool) -> None:
    """Shows one symbol's ladder out of a day file or capture, as of a time of day.

        appliance book day.itch AAPL --at 09:30:00.5
    """
    until_ns = _parse_time(at)
    with one_sentence():
        ladder = show.ladder_of(file, symbol.upper(), until_ns, depth, Console(stderr=True))
    if as_json:
        print(json.dumps(ladder, indent=2))
    else:
        show.ladder(Console(), ladder)
    if ladder["broken_at"] is not None:
        fail(f"{file}: damaged at byte {ladder['broken_at']}; the ladder is as of there")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help="The books' tables from this configuration.")
@JSON
def bbo(file: Path, out: Path, config_path: Path | None, as_json: bool) -> None:
    """Writes every change of a best bid or ask of a day file as a table.

    OUT ends in `.npy` or `.parquet`. A row has the message's number, its time, the stock locate,
    which side changed (1 bid, 2 ask, 3 both), and price and shares of both sides as integers.

        appliance bbo day.itch bbo.parquet
    """
    from appliance.columns import FULL, read_bbo, write_bbo
    from itch_ouch.columns import require_pyarrow

    with one_sentence():
        config = load_config(config_path) if config_path else from_text("", "defaults")
        if out.suffix not in (".npy", ".parquet"):
            fail(f"{out}: the name tells what is written; end it in .npy or .parquet")
        if out.suffix == ".parquet":
            try:
                require_pyarrow()
            except ImportError as error:
                fail(str(error))
        made = read_bbo(file, config.tables)
        write_bbo(made.rows, out)
    if as_json:
        print(json.dumps({"out": str(out), "rows": len(made.rows), "messages": made.message_count,
                          "faults": made.faults, "problem": made.problem or None}))
    else:
        print(f"{len(made.rows):,} rows from {made.message_count:,} messages: {out}")
    for name, count in made.faults.items():
        print(f"appliance: {file}: {name} {count:,}; see docs/metrics.md", file=sys.stderr)
    full = [key for name, key in FULL.items() if name in made.faults]
    if full:
        sizes = " and ".join(f"{key} = {getattr(config.tables, key)}" for key in full)
        print(f"appliance: {file}: the books had no room for all orders, so the rows in {out} are "
              f"wrong; raise {sizes} under [tables] and give it with -c", file=sys.stderr)
    if made.problem:
        fail(f"{file}: {made.problem}; the rows from before it are in {out}")
    sys.exit(1 if full else 0)


def entry() -> None:
    """The console script: whatever standard output does, no traceback."""
    with one_sentence():
        try:
            main(standalone_mode=True)
        finally:
            try:
                if sys.stdout is not None:  # closed from the start (>&-)
                    sys.stdout.flush()
            except OSError:
                # What it holds is lost; the interpreter's end must not fail on it once more.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise


if __name__ == "__main__":
    entry()
