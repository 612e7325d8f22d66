"""The rehearsal: the product, installed and run on a machine like a real one. See rehearse.sh.

    python scripts/rehearse [--short] [--steps NAME,...] [--out FOLDER]

Builds what is missing (wheel, image), boots a machine, runs the steps one after the other, and
writes report.json and report.md into the folder after each. Exit status: 0 all that was to be run
passed; 1 something did not; 2 it could not be begun.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from image import Image, ImageError, image_of
from machine import Machine, MachineError
from report import Report, Row
from stage import Context, Stage, Step, Stop
from steps import STEPS
from steps_netmap import MODULE
from wheels import ROOT, WheelError, dependency_wheels, product_wheel

HERE = Path(__file__).resolve().parent
# No step is begun later than so long after the machine was switched on: three times what they take
# on two cores that nobody else uses.
LIMIT_SHORT_S, LIMIT_LONG_S = 1500.0, 3600.0
JOURNAL_LINES = 20_000


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    names = ", ".join(step.name for step in STEPS)
    parser = argparse.ArgumentParser(
        prog="rehearse.sh", description="Installs and runs tickpath on a virtual machine: doctor, "
        "tuning and its undoing, DPDK on a card, trading, crashes and a reboot.",
        epilog=f"Steps: {names}. `docs/rehearsal.md` says what each shows.")
    parser.add_argument("--short", action="store_true",
                        help="leave out what docs/rehearsal.md names: for every change")
    parser.add_argument("--steps", default="", metavar="NAME,...",
                        help="only these, and what they need")
    parser.add_argument("--list", action="store_true", help="print the steps and end")
    parser.add_argument("--keep", action="store_true",
                        help="when the steps are done, wait for Enter with the machine still there")
    parser.add_argument("--accel", default="tcg,thread=multi", metavar="QEMU",
                        help="qemu's accelerator (default %(default)s, which runs everywhere)")
    parser.add_argument("--limit", type=float, default=0, metavar="S",
                        help="begin no step later after the machine's start "
                        f"(default {LIMIT_LONG_S:.0f}, short {LIMIT_SHORT_S:.0f})")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "rehearsal",
                        help="folder for the report, the logs and the image")
    options = parser.parse_args(words)
    options.limit = options.limit or (LIMIT_SHORT_S if options.short else LIMIT_LONG_S)
    return options


def chosen(options: argparse.Namespace) -> tuple[list[Step], dict[str, str]]:
    """The steps to run, in order, and why the others are left out. Raises ValueError."""
    by_name = {step.name: step for step in STEPS}
    named = [name for name in options.steps.split(",") if name]
    if unknown := [name for name in named if name not in by_name]:
        raise ValueError(f"no step is called {unknown[0]}; there are {', '.join(by_name)}")
    wanted = set(named)
    for step in reversed(STEPS):
        if step.name in wanted:
            wanted |= set(step.needs)
    out = {}
    for step in STEPS:
        if wanted and step.name not in wanted:
            out[step.name] = "not named by --steps"
        elif not wanted and options.short and not step.in_short:
            out[step.name] = "not in the short form"
        elif step.name == "netmap" and not os.environ.get(MODULE):
            out[step.name] = f"{MODULE} names no module file"
    return [step for step in STEPS if step.name not in out], out


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown commit"


class Teller:
    """Progress on standard error: what runs, how long it took."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.0f} s  {text}", file=sys.stderr, flush=True)


def run_step(step: Step, context: Context, report: Report, number: int) -> None:
    """One step to its row in the report; never raises what a step may cause."""
    row = next(row for row in report.steps if row.name == step.name)
    log = context.folder / f"{number:02d}-{step.name}.log"
    row.log, started = log.name, time.monotonic()
    log.write_text("")
    passed = {other.name for other in report.steps if other.outcome == "passed"}
    lacking = [name for name in step.needs if name not in passed]
    if lacking:
        row.why = f"it needs {', '.join(lacking)}"
    else:
        context.say(f"{step.name}: {step.title}")
        why = ""
        try:
            step.act(Stage(context, row, log))
        except (Stop, MachineError) as error:
            why = str(error)
        except (KeyError, ValueError, TypeError, StopIteration, OSError) as error:
            why = f"what came was not what was expected: {type(error).__name__}: {error}"
        row.settle(why)
    row.seconds = round(time.monotonic() - started, 1)
    context.say(f"  {row.outcome} in {row.seconds:.1f} s{f': {row.why}' if row.why else ''}")


def collect(context: Context) -> None:
    """The machine's own journals, of every boot; a machine that is lost has only its console."""
    try:
        for boot in range(len(context.machine.boots)):
            text = context.machine.run(f"journalctl --no-pager -o short-monotonic -b -{boot} "
                                       f"-n {JOURNAL_LINES}").stdout
            name = f"journal-boot-{len(context.machine.boots) - boot}.txt"
            (context.folder / name).write_text(text)
    except MachineError as error:
        context.say(f"no journal of the machine: {error}")


def prepare(cache: Path, say: Callable[[str], None]) -> tuple[Image, Path]:
    say("building the wheel")
    wheel = product_wheel(cache)
    wheels = dependency_wheels(cache)
    say("looking for the image, or making it (a minute, once)")
    return image_of(cache, HERE / "agent.py", wheels), wheel


def rehearse(options: argparse.Namespace, steps: list[Step], report: Report,
             say: Teller) -> None:
    """Everything, from the wheel to the report's last writing."""
    cache = options.out.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "last"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    image, wheel = prepare(cache, say)
    report.machine = {"image": image.folder.name, "image made now": image.made_now,
                      "wheel": wheel.name, "prepared in s": round(time.monotonic() - say.started)}
    with Machine(image, folder, options.accel) as machine:
        context, switched_on = Context(machine, folder, wheel, options.short, say), time.monotonic()
        for number, step in enumerate(steps, 1):
            if time.monotonic() - switched_on > options.limit:
                row = next(row for row in report.steps if row.name == step.name)
                row.why = f"the time was over ({options.limit:.0f} s)"
            else:
                run_step(step, context, report, number)
            report.machine |= {"kernel": machine.kernel, "boots": len(machine.boots)}
            report.seconds = round(time.monotonic() - say.started, 1)
            report.write(folder)
        collect(context)
        if options.keep and sys.stdin.isatty():
            input(f"the machine is process {machine.pid}; Enter ends it ")


def main() -> int:
    options = arguments()
    if options.list:
        print("\n".join(f"{step.name:14} {step.title}" for step in STEPS))
        return 0
    say = Teller()
    # As Ctrl-C: the machine ends, and its sockets' folder goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        steps, left_out = chosen(options)
        rows = [Row(step.name, step.title, why=left_out.get(step.name, "")) for step in STEPS]
        started = datetime.now(UTC).isoformat(" ", "seconds")
        report = Report(commit(), started, options.short, options.accel, steps=rows,
                        left_out=left_out)
        rehearse(options, steps, report, say)
    except (ImageError, WheelError, MachineError, ValueError) as error:
        print(f"rehearse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    say(f"{'good' if report.good else 'NOT good'}: {options.out}/last/report.md")
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
