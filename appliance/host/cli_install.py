"""``appliance install`` and ``appliance uninstall``: the service, on a host and off it again.

Exit status: 0 done; 1 something is left to do, and named; 2 wrong input, and nothing was changed.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import rich_click as click

from appliance.cli_common import JSON, fail, one_sentence
from appliance.config import Config, from_text
from appliance.errors import RunError
from appliance.host import install_system as system
from appliance.host.install import MANIFEST, RECORDINGS, TUNE_JOURNAL, Action, Installation
from appliance.host.install_files import CONFIG, service_files
from appliance.host.manual import completion_files, manual_files

ROOT = click.option("--root", "top", type=click.Path(), default="/", metavar="FOLDER",
                    help="Work on the system in this folder, as for an image; / unless given.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
HEADLINE = "The appliance: appliance run -c FILE. Every key is here with its default."


def _config(root: Path, given: Path | None) -> tuple[Config, bytes | None]:
    """The configuration of the service, and its text if it is to be written."""
    from dpdk_bindings.env.config_file import default_toml

    there = root / CONFIG.lstrip("/")
    try:
        if given is not None:
            data = given.read_bytes()
            return from_text(data.decode(), str(given)), data
        if there.exists():
            return from_text(there.read_text(), str(there)), None
    except UnicodeDecodeError as error:
        raise RunError(f"{given or there}: not UTF-8 at byte {error.start}; save it as UTF-8"
                       ) from None
    text = default_toml(Config, HEADLINE)
    return from_text(text, "the default"), text.encode()


def _top(given: str) -> Path:
    """The root as it is really called: "/" is this machine, however it was spelled."""
    root = Path(given).resolve()
    if not given or not root.is_dir():
        fail(f"'{given}' is not a folder; give --root the top of a system")
    return root


def _need_root(root: Path, dry_run: bool) -> None:
    if root == Path("/") and os.geteuid() and not dry_run:
        fail("installing on this machine takes root; use sudo, or look with --dry-run, or give "
             "--root FOLDER for an image")


def _report(root: Path, dry_run: bool, actions: list[Action], notes: list[str], follow: str,
            as_json: bool) -> None:
    if as_json:
        print(json.dumps({"root": str(root), "dry_run": dry_run,
                          "actions": [asdict(row) for row in actions], "notes": notes,
                          "next": follow}, indent=2))
        return
    for row in actions:
        if row.action != "same":
            print(f"{'would ' if dry_run else ''}{row.action:6} {row.path}"
                  f"{f' ({row.why})' if row.why else ''}")
    same = sum(row.action == "same" for row in actions)
    if same:
        print(f"{same} files are there already")
    for note in notes:
        print(f"appliance: {note}", file=sys.stderr)
    if follow:
        print(follow)


@click.command()
@click.option("-c", "--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help=f"Install this configuration; else {CONFIG} is kept, or made with the defaults.")
@click.option("--program", type=click.Path(path_type=Path), metavar="FILE",
              help="The `appliance` that the units start; else the one that runs now.")
@ROOT
@DRY_RUN
@JSON
@click.pass_context
def install(context: click.Context, config_path: Path | None, program: Path | None, top: str,
            dry_run: bool, as_json: bool) -> None:
    """Makes the appliance a service: units, user, configuration, device rules, pages.

    The units get the rights that the configuration's queues take: after a change of queues, core
    or port, install again. Files that an operator changed are kept, and named. Nothing is started
    and nothing enabled.

        appliance install -c my.toml --dry-run
    """
    with one_sentence():
        root = _top(top)
        _need_root(root, dry_run)
        config, text = _config(root, config_path)
        target = (program or system.default_program()).absolute()
        system.check_program(target)
        if program is None or root == Path("/"):
            system.check_reachable(target)
        if root == Path("/") and not os.access(target, os.X_OK):
            fail(f"{target} is no program that can be run; give --program another")
        installation = Installation(root, dry_run)
        files = service_files(config, text, str(target), os.cpu_count() or 1)
        pages = context.find_root().command
        files += [*manual_files(pages, version("tickpath")), *completion_files(pages)]
        if config_path is not None:
            _refuse_changed_config(installation)
        actions = installation.install(files, leave=[] if text else [CONFIG])
        notes = _notes(config)
        if not dry_run:
            left = [system.make_user(root)]
            left += system.reload_managers() if root == Path("/") else []
            left = [sentence for sentence in left if sentence]
    status = 0
    if not dry_run and left:
        notes, status = notes + left, 1
    kept = [row for row in actions if row.action == "keep"]
    if kept:
        notes.append(f"{len(kept)} files are not ours to change, and were kept; they are named")
    done = not dry_run and not status and root == Path("/")
    _report(root, dry_run, actions, notes,
            "next: systemctl enable --now appliance appliance-exporter" if done else "", as_json)
    sys.exit(status)


def _refuse_changed_config(installation: Installation) -> None:
    found = installation.digest(CONFIG)
    if found and found not in installation.manifest().files.get(CONFIG, []):
        raise RunError(f"{installation.path(CONFIG)} was made or changed by somebody; move it "
                       f"away, or install without --config to keep it")


def _notes(config: Config) -> list[str]:
    notes = []
    if config.strategy.file and not os.path.isabs(config.strategy.file):
        folder = os.path.dirname(CONFIG)
        notes.append(f"[strategy] file = \"{config.strategy.file}\" is looked for in {folder}: "
                     f"put it there")
    if config.host.isolate == "cpuset":
        notes.append("[host] isolate = \"cpuset\": the engine's unit may not enter a partition; "
                     "use \"boot\", whose kernel parameters `appliance tune plan` prints")
    return notes


@click.command()
@ROOT
@DRY_RUN
@JSON
def uninstall(top: str, dry_run: bool, as_json: bool) -> None:
    """Takes off what `appliance install` put on: files, links, empty folders, the user.

    Files that were changed since, recordings and the tuner's journal are kept, and named. Stop the
    service first. Tuning that stands is not undone: `appliance tune undo` does that.
    """
    with one_sentence():
        root = _top(top)
        _need_root(root, dry_run)
        running = system.running_units() if root == Path("/") else []
        if running and not dry_run:
            fail(f"the service runs; stop it first: systemctl stop {' '.join(running)}")
        installation = Installation(root, dry_run)
        there = installation.path(MANIFEST).exists()
        actions = installation.uninstall()
        if not there:
            _report(root, dry_run, [], ["nothing is installed here"], "", as_json)
            return
        notes = []
        if installation.path(TUNE_JOURNAL).exists():
            notes.append(f"{installation.path(TUNE_JOURNAL)} is kept; `appliance tune undo` gives "
                         f"the host's former values back")
        recordings = installation.path(RECORDINGS)
        left = []
        if recordings.is_dir() and any(recordings.iterdir()):
            notes.append(f"{recordings} and its owner, the user {system.USER}, are kept: there "
                         f"are recordings in it")
        elif not dry_run:
            if recordings.is_dir():
                recordings.rmdir()
            left = [system.remove_user(root)]
        if not dry_run and root == Path("/"):
            left += system.reload_managers()
        left = [sentence for sentence in left if sentence]
    _report(root, dry_run, actions, notes + left, "", as_json)
    sys.exit(1 if left else 0)
